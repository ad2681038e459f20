//! The command `check_templates`: compares the templates under `/templates` with those
//! that the accounts have at WeChat.
//!
//! Otherwise WeChat's refusals reveal the differences, one notification after the
//! other. Nothing is sent and nothing stored.

mod compare;

use crate::app::App;
use crate::notification::TemplateCode;
use compare::{AccountTemplate, AccountTemplates, TemplateList, differences};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{self, ChannelKind, ParameterError, Template};
use shared::wechat::refusal::Refusal;
use shared::wechat::templates::keys;
use std::collections::{BTreeMap, BTreeSet};

/// Which templates to compare.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckTemplates {
    /// The codes of the templates; all, if absent.
    #[serde(default)]
    pub(crate) templates: Option<Vec<TemplateCode>>,
}

/// The differences.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckTemplatesResponse {
    /// The number of templates compared.
    templates: usize,
    /// By the templates' codes, in the order of their channels.
    differences: Vec<Difference>,
}

/// Something that keeps a template from being sent or shown as intended.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Difference {
    /// The template's code.
    template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelKind>,
    /// The alias of the app concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// The account's own id of WeChat's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
    /// WeChat's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    problem: String,
    /// What to do about it.
    advice: String,
}

/// Compares the templates with those of the accounts.
///
/// # Errors
///
/// When the Parameter Store fails, or has no usable app. A template or an account that
/// can't be read is a difference.
pub(crate) async fn check_templates(
    app: &App,
    params: &CheckTemplates,
    now: Timestamp,
) -> Result<CheckTemplatesResponse, ParameterError> {
    let (stored, apps) = tokio::try_join!(app.parameters.templates(), app.parameters.apps())?;
    let chosen = select_templates(stored, params.templates.as_deref());

    let needed: BTreeSet<_> = chosen
        .values()
        .flatten()
        .flat_map(|template| &template.channels)
        .filter_map(|channel| {
            let list = TemplateList::for_channel(channel.kind())?;
            let sender_app = apps.by_alias(channel.app())?;
            compare::can_send(sender_app, channel.kind()).then_some((channel.app(), list))
        })
        .collect();
    let fetched = needed.into_iter().filter_map(|(alias, list)| {
        let sender_app = apps.by_alias(alias)?;
        Some(async move {
            let listed = fetch_templates(app, sender_app, list, now).await;
            ((alias.to_owned(), list), listed.map_err(|error| unknown_templates(&error)))
        })
    });
    let accounts: AccountTemplates = join_all(fetched).await.into_iter().collect();

    let differences: Vec<_> = chosen
        .iter()
        .flat_map(|(code, template)| match template {
            Ok(template) => differences(code, template, &apps, &accounts),
            Err(problem) => vec![problem.clone().of_template(code)],
        })
        .collect();
    let templates = chosen.len();
    tracing::info!(templates, differences = differences.len(), "compared the templates");
    Ok(CheckTemplatesResponse { templates, differences })
}

/// A problem and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Obstacle {
    problem: String,
    advice: String,
}

impl Obstacle {
    fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }

    /// A difference of the template as a whole.
    fn of_template(self, code: &str) -> Difference {
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

/// The templates to compare, by their codes.
fn select_templates(
    mut stored: BTreeMap<String, Result<Template, ParameterError>>,
    wanted: Option<&[TemplateCode]>,
) -> BTreeMap<String, Result<Template, Obstacle>> {
    let codes: BTreeSet<_> = match wanted {
        Some(wanted) => wanted.iter().map(|code| code.as_str().to_owned()).collect(),
        None => stored.keys().cloned().collect(),
    };
    let select = |code: String| {
        let template = match stored.remove(&code) {
            Some(Ok(template)) => Ok(template),
            Some(Err(error)) => Err(Obstacle::new(
                error.to_string(),
                "fix the parameter; no notification can use it like this",
            )),
            None => Err(Obstacle::new(
                "there is no such template under /templates",
                "register it there, or correct the code",
            )),
        };
        (code, template)
    };
    codes.into_iter().map(select).collect()
}

/// The templates that an account has at WeChat.
async fn fetch_templates(
    app: &App,
    sender_app: &parameters::WeChatApp,
    list: TemplateList,
    now: Timestamp,
) -> Result<BTreeMap<String, AccountTemplate>, TokenError> {
    let keys_of = |content: &str| keys(content).map(str::to_owned).collect();
    match list {
        TemplateList::TemplateMessages => {
            let call = async |token: &_| app.wechat.private_templates(token).await;
            let listed = app.tokens.call(sender_app, now, call).await?;
            let had = listed.into_iter().map(|it| {
                let keys = keys_of(&it.content);
                (it.template_id, AccountTemplate { keys, consent: None, values: BTreeMap::new() })
            });
            Ok(had.collect())
        }
        TemplateList::Subscriptions => {
            let call = async |token: &_| app.wechat.subscription_templates(token).await;
            let listed = app.tokens.call(sender_app, now, call).await?;
            let had = listed.into_iter().map(|it| {
                let keys = keys_of(&it.content);
                (
                    it.template_id,
                    AccountTemplate { keys, consent: Some(it.consent), values: it.values },
                )
            });
            Ok(had.collect())
        }
    }
}

fn unknown_templates(error: &TokenError) -> Obstacle {
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
