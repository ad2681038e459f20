//! How many sends can still be made to a person.

use crate::app::App;
use crate::failure;
use crate::request::{Recipient, TemplateCode};
use crate::routes::Routes;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, Apps, Channel, ChannelKind, Template, WeChatApp};
use shared::store::{AppIdentity, ConsentKey};
use std::collections::BTreeMap;

/// How many sends can still be made: of whom, and with which template, if with a
/// certain one.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Remaining {
    /// The person.
    to: Recipient,
    /// The code of the template, under `/templates`.
    #[serde(default)]
    template: Option<TemplateCode>,
}

/// How many sends can still be made: with a template by its channels, and without
/// one by the apps.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Left {
    /// The apps in which the person is known.
    Apps(Vec<InApp>),
    /// The template's channels, in its order.
    Channels(Vec<InChannel>),
}

/// What can still be sent in one app.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InApp {
    /// The app's alias.
    app: String,
    /// Whether the person follows it, if it's an Official Account.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<bool>,
    /// Subscription messages by WeChat's id of the template: consents that are
    /// neither used up nor reserved.
    subscriptions: BTreeMap<String, usize>,
    /// Messages of customer service, in the windows that are open now.
    customer_service: usize,
    /// Form ids, if it is a mini program.
    #[serde(skip_serializing_if = "Option::is_none")]
    form_ids: Option<usize>,
}

/// What can still be sent through one channel of a template.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InChannel {
    /// Which one.
    channel: ChannelKind,
    /// The app that would speak.
    app: String,
    /// So many; null if nothing limits it.
    sends: Option<usize>,
}

impl Remaining {
    /// Whether the recipient's names can be names.
    pub(crate) fn is_sound(&self) -> bool {
        self.to.is_sound()
    }
}

/// Answers how many sends can still be made.
///
/// # Errors
///
/// When there is no such template or app, or AWS doesn't answer.
pub(crate) async fn remaining(
    app: &App,
    asked: &Remaining,
    now: Timestamp,
) -> Result<Left, Diagnostic> {
    let internal = |error: AwsError| failure::internal(&error);
    if !asked.is_sound() {
        return Err(failure::invalid("remaining.to: expected one recipient"));
    }
    let template = match &asked.template {
        None => None,
        Some(code) => {
            let code = code.as_str();
            let found = app.template(code, now).await;
            let found = found.map_err(|error| failure::of_template(&error))?;
            let unknown = || format!("remaining.template: there is no template {code}");
            Some(found.ok_or_else(|| failure::invalid(unknown()))?)
        }
    };
    let apps = app.all_apps(now).await;
    let mut routes = Routes::new(&asked.to, &apps);
    let routes = routes.all(app).await.map_err(internal)?;
    if let Some(template) = template {
        let channels = of_template(app, &apps, routes, &template, now).await.map_err(internal)?;
        return Ok(Left::Channels(channels));
    }
    let mut found = Vec::new();
    for route in routes {
        if let Some(known) = apps.by_id(&route.app_id) {
            found.push(of_app(app, known, route, now).await.map_err(internal)?);
        }
    }
    found.sort_by(|one: &InApp, other| one.app.cmp(&other.app));
    Ok(Left::Apps(found))
}

async fn of_app(
    app: &App,
    known: &WeChatApp,
    route: &AppIdentity,
    now: Timestamp,
) -> Result<InApp, AwsError> {
    let AppIdentity { app_id, open_id, follows } = route;
    let is_account = known.kind == AppKind::OfficialAccount;
    let form_ids = if is_account {
        None
    } else {
        Some(app.users.open_form_ids(app_id, open_id, "", now).await?.len())
    };
    Ok(InApp {
        app: known.alias.clone(),
        follows: is_account.then_some(*follows),
        subscriptions: app.users.free_consents(app_id, open_id).await?,
        customer_service: in_windows(app, known, route, now).await?,
        form_ids,
    })
}

/// What each channel of a template could still carry.
async fn of_template(
    app: &App,
    apps: &Apps,
    routes: &[AppIdentity],
    template: &Template,
    now: Timestamp,
) -> Result<Vec<InChannel>, AwsError> {
    let mut channels = Vec::new();
    for channel in &template.channels {
        let known = apps.by_alias(channel.app());
        let route =
            known.and_then(|known| routes.iter().find(|route| route.app_id == known.app_id));
        let sends = match (known, route) {
            (Some(known), Some(route)) => in_channel(app, known, route, channel, now).await?,
            _ => Some(0),
        };
        let (kind, alias) = (channel.kind(), channel.app().to_owned());
        channels.push(InChannel { channel: kind, app: alias, sends });
    }
    Ok(channels)
}

async fn in_channel(
    app: &App,
    known: &WeChatApp,
    route: &AppIdentity,
    channel: &Channel,
    now: Timestamp,
) -> Result<Option<usize>, AwsError> {
    let AppIdentity { app_id, open_id, follows } = route;
    match channel {
        Channel::Template { .. } => Ok(if *follows { None } else { Some(0) }),
        Channel::Subscribe { template_id, long_term, .. }
        | Channel::Bizsend { template_id, long_term, .. } => {
            let key = ConsentKey { app_id, open_id, template_id };
            let consents = app.users.open_consents(key, "").await?.len();
            Ok(if *long_term && consents > 0 { None } else { Some(consents) })
        }
        Channel::CustomerService(_) => in_windows(app, known, route, now).await.map(Some),
        Channel::LegacyTemplate { .. } => {
            Ok(Some(app.users.open_form_ids(app_id, open_id, "", now).await?.len()))
        }
    }
}

async fn in_windows(
    app: &App,
    known: &WeChatApp,
    route: &AppIdentity,
    now: Timestamp,
) -> Result<usize, AwsError> {
    if known.kind == AppKind::OfficialAccount && !route.follows {
        return Ok(0);
    }
    let open = app.users.find_slot(&route.app_id, &route.open_id, "", now).await?;
    Ok(open.map_or(0, |(_, places)| places))
}
