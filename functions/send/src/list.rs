//! Tells which templates an account has at WeChat, for whoever drafts one of ours.
//!
//! It is asked here because WeChat lets only the functions' addresses in (IP白名单).
//! Nothing is sent and nothing stored.

use crate::app::App;
use crate::failure;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{self, AppKind, ChannelKind};
use shared::wechat::refusal::Refusal;
use shared::wechat::templates::{ConsentKind, PrivateTemplate, SubscriptionTemplate, keys};
use std::collections::BTreeMap;

/// What is asked: `{"list_templates": {"app": "shop"}}`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The account's alias, as under `/apps`.
    pub(crate) app: String,
}

/// What the account has.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// By the channel that sends them, in WeChat's order.
    templates: Vec<Listed>,
    /// What kept a list from being read; the other is there all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

/// One of WeChat's templates.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Listed {
    /// The channel that sends it.
    channel: ChannelKind,
    /// The account's own id of it.
    template_id: String,
    /// What WeChat's console calls it.
    title: String,
    /// Its lines, with a key in each: `地点:{{thing1.DATA}}`.
    content: String,
    /// Its keys, in their order.
    keys: Vec<String>,
    /// What one consent is good for, if WeChat tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<GoodFor>,
    /// The values that a key may have, for every key with a list of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Vec<String>>,
}

/// What one consent is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum GoodFor {
    /// One message.
    OneTime,
    /// Any number of messages, until it is withdrawn.
    LongTerm,
}

/// Why a list isn't known.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Problem {
    /// The channel whose templates aren't known.
    channel: ChannelKind,
    /// What happened.
    problem: String,
    /// What to do about it.
    advice: String,
}

/// Asks WeChat which templates an account has: an Official Account those of its
/// template messages and of its subscription notifications, a mini program those of
/// its subscription messages.
///
/// # Errors
///
/// When there is no such app, or the Parameter Store doesn't answer. What WeChat
/// refuses is told in the answer.
pub(crate) async fn list(app: &App, asked: &Asked, now: Timestamp) -> Result<Answer, Diagnostic> {
    // Read anew: whoever drafts a template may have set the app up just now.
    let apps = app.parameters.apps().await.map_err(|error| failure::internal(&error))?;
    let speaker = apps.by_alias(&asked.app).ok_or_else(|| {
        failure::invalid(format!(
            "list_templates.app: there is no usable app {} under /apps",
            asked.app
        ))
    })?;
    let mut answer = Answer { templates: Vec::new(), problems: Vec::new() };
    let subscriptions = match speaker.kind {
        AppKind::OfficialAccount => {
            let channel = ChannelKind::Template;
            let call = async |token: &_| app.wechat.private_templates(token).await;
            let listed = app.tokens.call(speaker, now, call).await;
            answer.take(channel, listed, |it: PrivateTemplate| Listed {
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
    let listed = subscription_templates(app, speaker, now).await;
    answer.take(subscriptions, listed, |it| Listed {
        channel: subscriptions,
        keys: keys(&it.content).map(str::to_owned).collect(),
        template_id: it.template_id,
        title: it.title,
        content: it.content,
        consent: match it.consent {
            ConsentKind::OneTime => Some(GoodFor::OneTime),
            ConsentKind::LongTerm => Some(GoodFor::LongTerm),
            ConsentKind::Unknown => None,
        },
        values: it.values,
    });
    let (templates, problems) = (answer.templates.len(), answer.problems.len());
    tracing::info!(app = asked.app, templates, problems, "an account's templates were listed");
    Ok(answer)
}

async fn subscription_templates(
    app: &App,
    speaker: &parameters::WeChatApp,
    now: Timestamp,
) -> Result<Vec<SubscriptionTemplate>, TokenError> {
    let call = async |token: &_| app.wechat.subscription_templates(token).await;
    app.tokens.call(speaker, now, call).await
}

impl Answer {
    fn take<T>(
        &mut self,
        channel: ChannelKind,
        listed: Result<Vec<T>, TokenError>,
        as_listed: impl Fn(T) -> Listed,
    ) {
        match listed {
            Ok(listed) => self.templates.extend(listed.into_iter().map(as_listed)),
            Err(error) => {
                let refusal = match &error {
                    TokenError::Call(call) => call.refusal(),
                    TokenError::Unavailable { .. } => None,
                };
                let advice = refusal.map_or_else(
                    || {
                        "see how it goes with the account's access token: `hongyan doctor`"
                            .to_owned()
                    },
                    Refusal::advice,
                );
                self.problems.push(Problem { channel, problem: error.to_string(), advice });
            }
        }
    }
}
