//! The command `list_templates`: the templates that an account has at WeChat, to draft
//! one under `/templates` from.
//!
//! The function calls WeChat, as WeChat admits only the functions' addresses
//! (IP白名单). Nothing is sent and nothing stored.

use super::account_templates::{AccountTemplate, TemplateList, fetch_templates};
use crate::app::App;
use crate::error;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{AppAlias, AppKind, ChannelKind};
use shared::wechat::refusal::Refusal;

/// Whose templates to list.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTemplates {
    /// The account's alias, as under `/apps`.
    pub(crate) app: AppAlias,
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
    #[serde(flatten)]
    template: AccountTemplate,
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
/// Fails when no app has this alias, or the Parameter Store fails. What WeChat refuses is a
/// problem in the response.
pub(crate) async fn list_templates(
    app: &App,
    params: &ListTemplates,
    now: Timestamp,
) -> Result<ListTemplatesResponse, Diagnostic> {
    // Not from the cache: the app may have been set up just now.
    let apps = app.parameters.apps().await.map_err(error::internal)?;
    let account = apps.by_alias(&params.app).ok_or_else(|| {
        error::invalid(format!(
            "list_templates.app: there is no usable app {} under /apps",
            params.app
        ))
    })?;
    let mut response = ListTemplatesResponse { templates: Vec::new(), problems: Vec::new() };
    let channels: &[ChannelKind] = match account.kind {
        AppKind::OfficialAccount => &[ChannelKind::Template, ChannelKind::Bizsend],
        AppKind::MiniProgram => &[ChannelKind::Subscribe],
    };
    for &channel in channels {
        let Some(list) = TemplateList::for_channel(channel) else { continue };
        match fetch_templates(app, account, list, now).await {
            Ok(templates) => {
                let listed = templates.into_iter();
                let listed = listed.map(|template| ListedTemplate { channel, template });
                response.templates.extend(listed);
            }
            Err(error) => {
                let (problem, advice) = (error.to_string(), advice(&error));
                response.problems.push(ListProblem { channel, problem, advice });
            }
        }
    }
    let (templates, problems) = (response.templates.len(), response.problems.len());
    tracing::info!(app = &*params.app, templates, problems, "listed an account's templates");
    Ok(response)
}

fn advice(error: &TokenError) -> String {
    let refusal = match error {
        TokenError::Call(call) => call.refusal(),
        TokenError::Unavailable { .. } => None,
    };
    refusal.map_or_else(
        || "check the account's access token with `hongyan doctor`".to_owned(),
        Refusal::advice,
    )
}
