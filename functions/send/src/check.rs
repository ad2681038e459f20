//! Compares the templates under `/templates` with those that the accounts have.
//!
//! What differs is found by WeChat's refusals otherwise, one notification after
//! the other. Nothing is sent and nothing stored.

mod compare;

use crate::app::App;
use crate::request::TemplateCode;
use compare::{Accounts, Has, List, differences};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{self, ChannelKind, ParameterError, Template};
use shared::wechat::refusal::Refusal;
use shared::wechat::templates::keys;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked: `{"check_templates": {}}`, and with `{"templates": ["…"]}` in
/// it only for these.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The codes of the templates; all of them, if there is none.
    #[serde(default)]
    pub(crate) templates: Option<Vec<TemplateCode>>,
}

/// What was found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// So many templates were compared.
    templates: usize,
    /// By the templates' codes, and in the order of their channels.
    differences: Vec<Difference>,
}

/// Something that keeps a template from arriving as it is meant.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Difference {
    /// The template's code.
    template: String,
    /// The template's channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelKind>,
    /// The alias of the app that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// The account's own id of WeChat's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
    /// WeChat's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What differs.
    problem: String,
    /// What to do about it.
    advice: String,
}

/// Compares these templates, or all, with what the accounts have by now.
///
/// # Errors
///
/// When the Parameter Store doesn't answer, or has no usable app at all. What
/// keeps one template or one account from being read is a difference.
pub(crate) async fn check(
    app: &App,
    wanted: Option<&[TemplateCode]>,
    now: Timestamp,
) -> Result<Answer, ParameterError> {
    let (stored, apps) = tokio::try_join!(app.parameters.templates(), app.parameters.apps())?;
    let chosen = choose(stored, wanted);

    let needed: BTreeSet<_> = chosen
        .values()
        .flatten()
        .flat_map(|template| &template.channels)
        .filter_map(|channel| {
            let list = List::of(channel.kind())?;
            let speaker = apps.by_alias(channel.app())?;
            compare::can_speak(speaker, channel.kind()).then_some((channel.app(), list))
        })
        .collect();
    let asked = needed.into_iter().filter_map(|(alias, list)| {
        let speaker = apps.by_alias(alias)?;
        Some(async move {
            let listed = ask(app, speaker, list, now).await;
            ((alias.to_owned(), list), listed.map_err(|error| trouble(&error)))
        })
    });
    let accounts: Accounts = join_all(asked).await.into_iter().collect();

    let differences: Vec<_> = chosen
        .iter()
        .flat_map(|(code, template)| match template {
            Ok(template) => differences(code, template, &apps, &accounts),
            Err(problem) => vec![problem.clone().about(code)],
        })
        .collect();
    let templates = chosen.len();
    tracing::info!(templates, differences = differences.len(), "the templates were compared");
    Ok(Answer { templates, differences })
}

/// Something that stands in the way, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Obstacle {
    problem: String,
    advice: String,
}

impl Obstacle {
    fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }

    /// The difference that a template has as a whole.
    fn about(self, code: &str) -> Difference {
        Difference {
            template: code.to_owned(),
            channel: None,
            app: None,
            template_id: None,
            key: None,
            problem: self.problem,
            advice: self.advice,
        }
    }
}

/// The templates that are asked for, by their codes.
fn choose(
    mut stored: BTreeMap<String, Result<Template, ParameterError>>,
    wanted: Option<&[TemplateCode]>,
) -> BTreeMap<String, Result<Template, Obstacle>> {
    // A code that is named twice is one.
    let codes: BTreeSet<_> = match wanted {
        Some(wanted) => wanted.iter().map(|code| code.as_str().to_owned()).collect(),
        None => stored.keys().cloned().collect(),
    };
    let choose = |code: String| {
        let template = match stored.remove(&code) {
            Some(Ok(template)) => Ok(template),
            Some(Err(error)) => Err(Obstacle::new(
                error.to_string(),
                "mend the parameter; no notification can use it like this",
            )),
            None => Err(Obstacle::new(
                "there is no such template under /templates",
                "register it there, or ask for another code",
            )),
        };
        (code, template)
    };
    codes.into_iter().map(choose).collect()
}

/// Asks WeChat which templates an account has.
async fn ask(
    app: &App,
    speaker: &parameters::WeChatApp,
    list: List,
    now: Timestamp,
) -> Result<BTreeMap<String, Has>, TokenError> {
    let keys_of = |content: &str| keys(content).map(str::to_owned).collect();
    match list {
        List::TemplateMessages => {
            let call = async |token: &_| app.wechat.private_templates(token).await;
            let listed = app.tokens.call(speaker, now, call).await?;
            let had = listed.into_iter().map(|it| {
                let keys = keys_of(&it.content);
                (it.template_id, Has { keys, consent: None, values: BTreeMap::new() })
            });
            Ok(had.collect())
        }
        List::Subscriptions => {
            let call = async |token: &_| app.wechat.subscription_templates(token).await;
            let listed = app.tokens.call(speaker, now, call).await?;
            let had = listed.into_iter().map(|it| {
                let keys = keys_of(&it.content);
                (it.template_id, Has { keys, consent: Some(it.consent), values: it.values })
            });
            Ok(had.collect())
        }
    }
}

/// Why it isn't known which templates an account has.
fn trouble(error: &TokenError) -> Obstacle {
    const UNKNOWN: &str = "the account's templates are not known";
    match error {
        TokenError::Call(call) => {
            let advice = call.refusal().map(Refusal::advice);
            let advice = advice.unwrap_or_else(|| "check again later".to_owned());
            Obstacle::new(format!("{UNKNOWN}: {call}"), advice)
        }
        TokenError::Unavailable { .. } => {
            Obstacle::new(format!("{UNKNOWN}: {error}"), "see the log of the token function")
        }
    }
}
