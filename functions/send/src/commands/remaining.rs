//! The command `remaining`: how many messages can still be sent to a person.

use crate::app::App;
use crate::error;
use crate::notification::TemplateCode;
use crate::recipient::Recipient;
use crate::recipient_routes::RecipientRoutes;
use lambda_runtime::Diagnostic;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, Apps, Channel, ChannelKind, Template, WeChatApp};
use shared::store::{AppIdentity, ConsentKey};
use std::collections::BTreeMap;

/// How many messages can still be sent: to whom, and by which template.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Remaining {
    /// The person.
    #[serde(deserialize_with = "read_recipient")]
    to: Recipient,
    /// The code of a template under `/templates`; without one, the response counts by
    /// app.
    #[serde(default)]
    template: Option<TemplateCode>,
}

/// How many messages can still be sent: by the template's channels, or by app.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RemainingResponse {
    /// The apps in which the person is known.
    Apps(Vec<RemainingInApp>),
    /// The template's channels, in its order.
    Channels(Vec<RemainingInChannel>),
}

/// What one app can still send.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RemainingInApp {
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

/// What one channel of a template can still send.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RemainingInChannel {
    channel: ChannelKind,
    /// The app that sends through it.
    app: String,
    /// Null if nothing limits it.
    sends: Option<usize>,
}

fn read_recipient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Recipient, D::Error> {
    let recipient = Recipient::from_json(Value::deserialize(deserializer)?);
    recipient.ok_or_else(|| D::Error::custom("expected one recipient"))
}

/// Counts what can still be sent.
///
/// Fails when the template doesn't exist or is invalid, or an AWS call fails.
pub(crate) async fn remaining(
    app: &App,
    params: &Remaining,
    now: Timestamp,
) -> Result<RemainingResponse, Diagnostic> {
    let template = match &params.template {
        None => None,
        Some(code) => {
            let code = code.as_str();
            let template = app.template(code, now).await.map_err(error::from_template)?;
            let unknown = || format!("remaining.template: there is no template {code}");
            Some(template.ok_or_else(|| error::invalid(unknown()))?)
        }
    };
    let aliases: Vec<_> = params.to.alias().into_iter().collect();
    let apps = app.apps(&aliases, now).await.map_err(error::from_template)?;
    let mut routes = RecipientRoutes::new(&params.to, &apps);
    let routes = routes.all(app).await.map_err(error::internal)?;
    if let Some(template) = template {
        let channels =
            count_by_channel(app, &apps, routes, &template, now).await.map_err(error::internal)?;
        return Ok(RemainingResponse::Channels(channels));
    }
    let mut found = Vec::new();
    for route in routes {
        if let Some(known) = apps.by_id(&route.app_id) {
            found.push(count_in_app(app, known, route, now).await.map_err(error::internal)?);
        }
    }
    found.sort_by(|one: &RemainingInApp, other| one.app.cmp(&other.app));
    Ok(RemainingResponse::Apps(found))
}

async fn count_in_app(
    app: &App,
    known: &WeChatApp,
    route: &AppIdentity,
    now: Timestamp,
) -> Result<RemainingInApp, AwsError> {
    let AppIdentity { app_id, open_id, follows } = route;
    let is_account = known.kind == AppKind::OfficialAccount;
    let form_ids = if is_account {
        None
    } else {
        Some(app.entitlements.form_ids.open(app_id, open_id, "", now).await?.len())
    };
    Ok(RemainingInApp {
        app: known.alias.clone(),
        follows: is_account.then_some(*follows),
        subscriptions: app.entitlements.consents.count_free(app_id, open_id).await?,
        customer_service: count_in_windows(app, known, route, now).await?,
        form_ids,
    })
}

async fn count_by_channel(
    app: &App,
    apps: &Apps,
    routes: &[AppIdentity],
    template: &Template,
    now: Timestamp,
) -> Result<Vec<RemainingInChannel>, AwsError> {
    let mut channels = Vec::new();
    for channel in &template.channels {
        let known = apps.by_alias(channel.app());
        let route =
            known.and_then(|known| routes.iter().find(|route| route.app_id == known.app_id));
        let sends = match (known, route) {
            (Some(known), Some(route)) => count_in_channel(app, known, route, channel, now).await?,
            _ => Some(0),
        };
        let (kind, alias) = (channel.kind(), channel.app().to_owned());
        channels.push(RemainingInChannel { channel: kind, app: alias, sends });
    }
    Ok(channels)
}

async fn count_in_channel(
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
            let consents = app.entitlements.consents.open(key, "").await?.len();
            Ok(if *long_term && consents > 0 { None } else { Some(consents) })
        }
        Channel::CustomerService(_) => count_in_windows(app, known, route, now).await.map(Some),
        Channel::LegacyTemplate { .. } => {
            Ok(Some(app.entitlements.form_ids.open(app_id, open_id, "", now).await?.len()))
        }
    }
}

async fn count_in_windows(
    app: &App,
    known: &WeChatApp,
    route: &AppIdentity,
    now: Timestamp,
) -> Result<usize, AwsError> {
    if known.kind == AppKind::OfficialAccount && !route.follows {
        return Ok(0);
    }
    let open =
        app.entitlements.reply_windows.find_slot(&route.app_id, &route.open_id, "", now).await?;
    Ok(open.map_or(0, |(_, places)| places))
}
