//! Refreshes the tokens of all apps, as the schedule asks every minute, or replaces one
//! token that WeChat rejected.

use crate::app::App;
use crate::check::{AppCheck, CheckRequest};
use crate::error::{RefreshError, diagnostic};
use crate::refresh::refresh;
use crate::rejected_token::refresh_rejected_token;
use crate::token_metrics;
use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::Diagnostic;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use shared::clock::Timestamp;
use shared::json::Json;
use shared::lambda::invalid_request;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of apps that are refreshed at the same time.
const MAX_CONCURRENCY: usize = 16;
/// In seconds, for one app: a slow call to WeChat and some slow calls to AWS.
const APP_TIMEOUT: u64 = 12;
/// The refresh stops this many seconds before Lambda ends the invocation, so that the
/// failures are still reported.
const DEADLINE_MARGIN: u64 = 3;
/// For reading the stored token after a refresh failed.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// What the function is invoked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    /// The app whose token WeChat rejected, or that has none. The schedule names no app,
    /// which means all.
    app_id: Option<AppId>,
    /// The generation that WeChat rejected.
    #[serde(default, deserialize_with = "generation")]
    rejected_generation: Option<u64>,
    check: Option<CheckRequest>,
}

impl Event {
    fn read(event: &Json) -> Result<Self, String> {
        // EventBridge Scheduler sends a description of the schedule, which has no input.
        if event.get("source").and_then(Json::as_str) == Some("aws.scheduler") {
            return Ok(Self::default());
        }
        event.read().map_err(|error| error.to_string())
    }
}

/// A generation counts tokens. One that no token can have had would make the next one
/// overflow.
fn generation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    const MAX_GENERATION: u64 = 1 << 53;
    match Option::<u64>::deserialize(deserializer)? {
        Some(generation) if generation > MAX_GENERATION => {
            Err(D::Error::custom("no token has had such a generation"))
        }
        generation => Ok(generation),
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum TokenResponse {
    /// In the order of the aliases.
    Refreshed {
        tokens: Vec<RefreshedToken>,
    },
    Checked {
        apps: Vec<AppCheck>,
    },
}

/// An app's valid token, without the token itself.
#[derive(Debug, Serialize)]
pub(crate) struct RefreshedToken {
    app: String,
    generation: u64,
    expires_at: Timestamp,
}

impl RefreshedToken {
    fn new(app: &WeChatApp, stored: &StoredToken) -> Self {
        let (generation, expires_at) = (stored.generation, stored.expires_at);
        Self { app: app.alias.clone(), generation, expires_at }
    }
}

pub(crate) async fn handle(
    app: &App,
    event: Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<TokenResponse, Diagnostic> {
    let event = Event::read(&event).map_err(invalid_request)?;
    match (event.check, event.app_id) {
        (Some(request), _) => check(app, request.app.as_deref(), now, deadline).await,
        (None, Some(app_id)) => {
            refresh_one(app, &app_id, event.rejected_generation.unwrap_or_default(), now).await
        }
        (None, None) => refresh_all(app, now, deadline).await,
    }
}

/// Refreshes every app, and reports each one's result.
async fn check(
    app: &App,
    alias: Option<&str>,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<TokenResponse, Diagnostic> {
    let read = tokio::try_join!(app.parameters.apps(), app.parameters.secrets_if_any());
    let (apps, secrets) = read.map_err(|error| parameters_failed(&error.into()))?;
    let end = refresh_end(now, deadline);
    let selected = apps.iter().filter(|it| alias.is_none_or(|alias| it.alias == alias));
    let checks = selected.map(|wechat_app| {
        let secret = secrets.get(&wechat_app.alias);
        async move {
            match refresh_app(app, wechat_app, secret, now, end).await {
                Ok(stored) => AppCheck::new(wechat_app, Some(&stored), None, now),
                Err(error) => {
                    let stored = app.stored_token(wechat_app).await.ok().flatten();
                    AppCheck::new(wechat_app, stored.as_ref(), Some(&error), now)
                }
            }
        }
    });
    let apps: Vec<_> = stream::iter(checks).buffered(MAX_CONCURRENCY).collect().await;
    match alias {
        Some(alias) if apps.is_empty() => Err(failed(alias, &RefreshError::UnknownApp)),
        _ => Ok(TokenResponse::Checked { apps }),
    }
}

async fn refresh_one(
    app: &App,
    app_id: &AppId,
    rejected: u64,
    now: Timestamp,
) -> Result<TokenResponse, Diagnostic> {
    let apps = app.parameters.apps().await.map_err(|error| parameters_failed(&error.into()))?;
    let wechat_app =
        apps.by_id(app_id).ok_or_else(|| failed(app_id.as_str(), &RefreshError::UnknownApp))?;
    match refresh_rejected_token(app, wechat_app, rejected, now).await {
        Ok(stored) => {
            Ok(TokenResponse::Refreshed { tokens: vec![RefreshedToken::new(wechat_app, &stored)] })
        }
        Err(error) => {
            token_metrics::record_failure(wechat_app, &error);
            Err(failed(&wechat_app.alias, &error))
        }
    }
}

async fn refresh_all(
    app: &App,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<TokenResponse, Diagnostic> {
    let read = tokio::try_join!(app.parameters.apps(), app.parameters.secrets());
    let (apps, secrets) = read.map_err(|error| parameters_failed(&error.into()))?;
    let end = refresh_end(now, deadline);
    let refreshes = apps.iter().map(|wechat_app| {
        let secret = secrets.get(&wechat_app.alias);
        async move { (wechat_app, refresh_app(app, wechat_app, secret, now, end).await) }
    });
    let mut results: Vec<_> =
        stream::iter(refreshes).buffer_unordered(MAX_CONCURRENCY).collect().await;
    results.sort_by(|(one, _), (other, _)| one.alias.cmp(&other.alias));
    let (mut tokens, mut failures, mut permanent) = (Vec::new(), Vec::new(), false);
    for (wechat_app, result) in results {
        match result {
            Ok(stored) => tokens.push(RefreshedToken::new(wechat_app, &stored)),
            Err(error) => {
                permanent |= error.is_permanent();
                failures.push(format!("{}: {error}", wechat_app.alias));
            }
        }
    }
    if failures.is_empty() {
        return Ok(TokenResponse::Refreshed { tokens });
    }
    Err(diagnostic(failures.join("; "), permanent))
}

/// Refreshes one app's token and records its metrics. One app's failure doesn't stop the
/// others.
async fn refresh_app(
    app: &App,
    wechat_app: &WeChatApp,
    secret: Option<&Secret>,
    now: Timestamp,
    end: Instant,
) -> Result<StoredToken, RefreshError> {
    let refreshed = async {
        let secret = secret.ok_or(RefreshError::MissingSecret)?;
        refresh(app, wechat_app, secret, 0, now).await
    };
    let end = end.min(Instant::now() + Duration::from_secs(APP_TIMEOUT));
    let refreshed = tokio::time::timeout_at(end, refreshed).await;
    let result = refreshed.unwrap_or(Err(RefreshError::Timeout(APP_TIMEOUT)));
    match &result {
        Ok(stored) => token_metrics::record_token(wechat_app, stored, now),
        Err(error) => {
            token_metrics::record_failure(wechat_app, error);
            // The stored token stays in use; the metrics tell for how long.
            match tokio::time::timeout(READ_TIMEOUT, app.stored_token(wechat_app)).await {
                Ok(Ok(Some(stored))) => token_metrics::record_token(wechat_app, &stored, now),
                Ok(Ok(None)) => token_metrics::record_missing_token(wechat_app),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
    result
}

fn refresh_end(now: Timestamp, deadline: Timestamp) -> Instant {
    let seconds = deadline.seconds_since(now).saturating_sub(DEADLINE_MARGIN);
    Instant::now() + Duration::from_secs(seconds)
}

/// The error of an invocation that could not read which apps there are.
fn parameters_failed(error: &RefreshError) -> Diagnostic {
    tracing::error!("no access token was refreshed: {error}");
    diagnostic(error.to_string(), error.is_permanent())
}

fn failed(app: &str, error: &RefreshError) -> Diagnostic {
    diagnostic(format!("{app}: {error}"), error.is_permanent())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 90.
    #[test]
    fn event_that_no_one_meant_refreshes_nothing() {
        let read = |event: &str| Event::read(&Json::parse(event).unwrap());
        for (event, problem) in [
            (r#"{"chekc":{}}"#, "chekc: unknown field `chekc`"),
            ("[null,null,null]", "must be an object"),
            (r#"{"check":["shop"]}"#, "check: must be an object"),
            (r#"{"check":{"app":17}}"#, "check.app: must be a text"),
            (
                r#"{"app_id":"wx1","rejected_generation":18446744073709551615}"#,
                "rejected_generation: no token has had such a generation",
            ),
            (r#"{"app_id":"wx1","rejected_generation":-1}"#, "rejected_generation: "),
        ] {
            let found = read(event).unwrap_err();
            assert!(found.starts_with(problem), "{event}: {found}");
        }
        let scheduled = r#"{"version":"0","source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}"#;
        assert!(read(scheduled).is_ok_and(|event| event.app_id.is_none()));
        assert!(read("{}").is_ok() && read(r#"{"app_id":"wx1","rejected_generation":7}"#).is_ok());
    }
}
