//! The command `list_templates`: the templates that an account has at WeChat, to draft
//! one under `/templates` from.
//!
//! The function calls WeChat, as WeChat admits only the functions' addresses
//! (IP白名单). Nothing is sent and nothing stored.

use crate::app::App;
use crate::error;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{self, AppKind, ChannelKind};
use shared::wechat::refusal::Refusal;
use shared::wechat::templates::{ConsentKind, PrivateTemplate, SubscriptionTemplate, keys};
use std::collections::BTreeMap;

/// Whose templates to list.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTemplates {
    /// The account's alias, as under `/apps`.
    pub(crate) app: String,
}

/// The account's templates.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ListTemplatesResponse {
    /// By channel, in WeChat's order.
    templates: Vec<ListedTemplate>,
    /// Why a list could not be read; the other list is complete all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ListProblem>,
}

/// One of WeChat's templates.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListedTemplate {
    channel: ChannelKind,
    /// The account's own id of it.
    template_id: String,
    /// Its title in WeChat's console.
    title: String,
    /// Its lines, with a key in each: `地点:{{thing1.DATA}}`.
    content: String,
    /// Its keys, in their order.
    keys: Vec<String>,
    /// What one consent is valid for, if WeChat says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<ConsentDuration>,
    /// The values that a key may have, for each key with an enumeration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Vec<String>>,
}

/// What one consent is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum ConsentDuration {
    /// One message.
    OneTime,
    /// Any number of messages, until it is withdrawn.
    LongTerm,
}

/// A list that could not be read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListProblem {
    channel: ChannelKind,
    problem: String,
    /// What to do about it.
    advice: String,
}

/// Lists an account's templates: of an Official Account those of template messages and
/// subscription notifications, of a mini program those of subscription messages.
///
/// # Errors
///
/// When no app has this alias, or the Parameter Store fails. What WeChat refuses is a
/// problem in the response.
pub(crate) async fn list_templates(
    app: &App,
    params: &ListTemplates,
    now: Timestamp,
) -> Result<ListTemplatesResponse, Diagnostic> {
    // Not from the cache: the app may have been set up just now.
    let apps = app.parameters.apps().await.map_err(error::internal)?;
    let sender_app = apps.by_alias(&params.app).ok_or_else(|| {
        error::invalid(format!(
            "list_templates.app: there is no usable app {} under /apps",
            params.app
        ))
    })?;
    let mut response = ListTemplatesResponse { templates: Vec::new(), problems: Vec::new() };
    let subscriptions = match sender_app.kind {
        AppKind::OfficialAccount => {
            let channel = ChannelKind::Template;
            let call = async |token: &_| app.wechat.private_templates(token).await;
            let listed = app.tokens.call(sender_app, now, call).await;
            response.add(channel, listed, |it: PrivateTemplate| ListedTemplate {
                channel,
                keys: keys(&it.content).map(str::to_owned).collect(),
                template_id: it.template_id,
                title: it.title,
                content: it.content,
                consent: None,
                values: BTreeMap::new(),
            });
            ChannelKind::Bizsend
        }
        AppKind::MiniProgram => ChannelKind::Subscribe,
    };
    let listed = subscription_templates(app, sender_app, now).await;
    response.add(subscriptions, listed, |it| ListedTemplate {
        channel: subscriptions,
        keys: keys(&it.content).map(str::to_owned).collect(),
        template_id: it.template_id,
        title: it.title,
        content: it.content,
        consent: match it.consent {
            ConsentKind::OneTime => Some(ConsentDuration::OneTime),
            ConsentKind::LongTerm => Some(ConsentDuration::LongTerm),
            ConsentKind::Unknown => None,
        },
        values: it.values,
    });
    let (templates, problems) = (response.templates.len(), response.problems.len());
    tracing::info!(app = params.app, templates, problems, "listed an account's templates");
    Ok(response)
}

async fn subscription_templates(
    app: &App,
    sender_app: &parameters::WeChatApp,
    now: Timestamp,
) -> Result<Vec<SubscriptionTemplate>, TokenError> {
    let call = async |token: &_| app.wechat.subscription_templates(token).await;
    app.tokens.call(sender_app, now, call).await
}

impl ListTemplatesResponse {
    fn add<T>(
        &mut self,
        channel: ChannelKind,
        listed: Result<Vec<T>, TokenError>,
        as_listed: impl Fn(T) -> ListedTemplate,
    ) {
        match listed {
            Ok(listed) => self.templates.extend(listed.into_iter().map(as_listed)),
            Err(error) => {
                let refusal = match &error {
                    TokenError::Call(call) => call.refusal(),
                    TokenError::Unavailable { .. } => None,
                };
                let advice = refusal.map_or_else(
                    || "check the account's access token with `hongyan doctor`".to_owned(),
                    Refusal::advice,
                );
                self.problems.push(ListProblem { channel, problem: error.to_string(), advice });
            }
        }
    }
}
