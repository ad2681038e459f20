//! The command `check_templates`: compares the templates under `/templates` with those
//! that the accounts have at WeChat.
//!
//! Otherwise WeChat's refusals reveal the differences, one notification after the
//! other. Nothing is sent and nothing stored.

mod compare;
mod difference;

use super::account_templates::{AccountTemplate, TemplateList, fetch_templates};
use crate::app::App;
use crate::notification::TemplateCode;
use compare::{AccountTemplates, differences};
use difference::{Difference, Obstacle};
use futures_util::future::join_all;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Template};
use shared::store::{NoteKind, RefusalNote};
use shared::wechat::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};

/// Which templates to compare.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckTemplates {
    /// The codes of the templates; all, if absent.
    #[serde(default, deserialize_with = "short_list")]
    #[cfg_attr(test, schemars(extend("maxItems" = MAX_TEMPLATES)))]
    pub(crate) templates: Option<Vec<TemplateCode>>,
}

const MAX_TEMPLATES: usize = 1000;

fn short_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<TemplateCode>>, D::Error> {
    let codes = Option::<Vec<_>>::deserialize(deserializer)?;
    match &codes {
        Some(codes) if codes.len() > MAX_TEMPLATES => {
            Err(D::Error::custom(format!("{} codes are more than {MAX_TEMPLATES}", codes.len())))
        }
        _ => Ok(codes),
    }
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

/// Compares the templates with those of the accounts.
///
/// Fails when the Parameter Store fails, or has no usable app. A template or an account that
/// can't be read is a difference.
pub(crate) async fn check_templates(
    app: &App,
    params: &CheckTemplates,
    now: Timestamp,
) -> Result<CheckTemplatesResponse, ParameterError> {
    let (stored, apps) = tokio::try_join!(app.parameters.templates(), app.parameters.apps())?;
    let selected = select_templates(stored, params.templates.as_deref());
    let needed: BTreeSet<_> = selected
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
            let by_id = |template: AccountTemplate| (template.template_id.clone(), template);
            let templates = listed.map(|listed| listed.into_iter().map(by_id).collect());
            ((alias.to_owned(), list), templates.map_err(|error| unknown_templates(&error)))
        })
    });
    let accounts: AccountTemplates = join_all(fetched).await.into_iter().collect();
    let refused_jumps = refused_jumps(app, now).await;
    let differences: Vec<_> = selected
        .iter()
        .flat_map(|(code, template)| match template {
            Ok(template) => differences(code, template, &apps, &accounts, &refused_jumps),
            Err(obstacle) => vec![obstacle.clone().difference(code)],
        })
        .collect();
    let templates = selected.len();
    tracing::info!(templates, differences = differences.len(), "compared the templates");
    Ok(CheckTemplatesResponse { templates, differences })
}

/// The mini programs that WeChat has refused within the last day. Only sending shows whether
/// one is linked to the account: WeChat's list of them is for third-party platforms.
async fn refused_jumps(app: &App, now: Timestamp) -> Vec<RefusalNote> {
    let notes = app.tokens.refusal_notes.stored.list_last_day(NoteKind::RefusedJump, now).await;
    notes.unwrap_or_else(|error| {
        tracing::warn!("{error}");
        Vec::new()
    })
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
