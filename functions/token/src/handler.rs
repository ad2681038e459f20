//! The minute's round over all apps, or one app's dead token.

use crate::app::App;
use crate::check::{self, Found, found};
use crate::failure::{RefreshError, diagnostic};
use crate::refresh::refresh;
use crate::repair::repair;
use crate::watch;
use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::time::Duration;

/// So many apps are looked at at the same time.
const AT_ONCE: usize = 16;
/// One app may take this many seconds: a call to WeChat and some to AWS, all of
/// them slow. The others don't wait for it.
const PATIENCE: u64 = 12;
/// The round ends this many seconds before Lambda ends the invocation, so that
/// it can still say what became of it.
const MARGIN: u64 = 3;

/// What the function is invoked with.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// The app whose token WeChat called dead, or that has none. The schedule
    /// names no app and means them all.
    app_id: Option<AppId>,
    /// The generation that is dead.
    rejected_generation: Option<u64>,
    /// An operator asks how it goes with each app, or one.
    check: Option<check::Asked>,
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Done(Report),
    Checked { apps: Vec<Found> },
}

/// The tokens that there are now.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The generation of each app's token, in the order of the aliases.
    tokens: Vec<Token>,
}

#[derive(Debug, Serialize)]
struct Token {
    app: String,
    generation: u64,
    expires_at: Timestamp,
}

/// Refreshes all tokens, or replaces one.
pub(crate) async fn handle(
    app: &App,
    event: Event,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Answer, Diagnostic> {
    if let Some(asked) = event.check {
        return checked(app, asked.app.as_deref(), now, deadline).await;
    }
    let report = match event.app_id {
        Some(app_id) => one(app, &app_id, event.rejected_generation.unwrap_or_default(), now).await,
        None => round(app, now, deadline).await,
    };
    report.map(Answer::Done)
}

/// A round for whoever wants to know of each app how it goes.
async fn checked(
    app: &App,
    alias: Option<&str>,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Answer, Diagnostic> {
    let read = tokio::try_join!(app.parameters.apps(), app.parameters.secrets_if_any());
    let (apps, secrets) = read.map_err(|error| unread(&error.into()))?;
    let end = tokio::time::Instant::now()
        + Duration::from_secs(deadline.seconds_since(now).saturating_sub(MARGIN));
    let wanted = apps.iter().filter(|it| alias.is_none_or(|alias| it.alias == alias));
    let looks = wanted.map(|wechat_app| {
        let secret = secrets.get(&wechat_app.alias);
        async move {
            match look(app, wechat_app, secret, now, end).await {
                Ok(stored) => found(wechat_app, Some(&stored), None, now),
                Err(error) => {
                    let stored = app.stored(wechat_app).await.ok().flatten();
                    found(wechat_app, stored.as_ref(), Some(&error), now)
                }
            }
        }
    });
    let apps: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    match alias {
        Some(alias) if apps.is_empty() => {
            let error = RefreshError::NoApp;
            Err(diagnostic(format!("{alias}: {error}"), error.is_lasting()))
        }
        _ => Ok(Answer::Checked { apps }),
    }
}

async fn one(app: &App, app_id: &AppId, dead: u64, now: Timestamp) -> Result<Report, Diagnostic> {
    let apps = app.parameters.apps().await.map_err(|error| unread(&error.into()))?;
    let wechat_app = apps.by_id(app_id).ok_or_else(|| {
        diagnostic(format!("{app_id}: {}", RefreshError::NoApp), RefreshError::NoApp.is_lasting())
    })?;
    match repair(app, wechat_app, dead, now).await {
        Ok(stored) => Ok(Report { tokens: vec![token(wechat_app, &stored)] }),
        Err(error) => {
            watch::failed(wechat_app, &error);
            Err(diagnostic(format!("{}: {error}", wechat_app.alias), error.is_lasting()))
        }
    }
}

async fn round(app: &App, now: Timestamp, deadline: Timestamp) -> Result<Report, Diagnostic> {
    let read = tokio::try_join!(app.parameters.apps(), app.parameters.secrets());
    let (apps, secrets) = read.map_err(|error| unread(&error.into()))?;
    let end = tokio::time::Instant::now()
        + Duration::from_secs(deadline.seconds_since(now).saturating_sub(MARGIN));
    let looks = apps.iter().map(|wechat_app| {
        let secret = secrets.get(&wechat_app.alias);
        async move { (wechat_app, look(app, wechat_app, secret, now, end).await) }
    });
    let mut looked: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    looked.sort_by(|(one, _), (other, _)| one.alias.cmp(&other.alias));
    let (mut tokens, mut failures, mut permanent) = (Vec::new(), Vec::new(), false);
    for (wechat_app, outcome) in looked {
        match outcome {
            Ok(stored) => tokens.push(token(wechat_app, &stored)),
            Err(error) => {
                permanent |= error.is_lasting();
                failures.push(format!("{}: {error}", wechat_app.alias));
            }
        }
    }
    if failures.is_empty() {
        return Ok(Report { tokens });
    }
    Err(diagnostic(failures.join("; "), permanent))
}

/// One app's part of the round.
async fn look(
    app: &App,
    wechat_app: &WeChatApp,
    secret: Option<&Secret>,
    now: Timestamp,
    end: tokio::time::Instant,
) -> Result<StoredToken, RefreshError> {
    let refreshed = async {
        let secret = secret.ok_or(RefreshError::NoSecret)?;
        refresh(app, wechat_app, secret, 0, now).await
    };
    let end = end.min(tokio::time::Instant::now() + Duration::from_secs(PATIENCE));
    let outcome = match tokio::time::timeout_at(end, refreshed).await {
        Ok(outcome) => outcome,
        Err(_) => Err(RefreshError::TooSlow(PATIENCE)),
    };
    match &outcome {
        Ok(stored) => watch::has(wechat_app, stored, now),
        Err(error) => {
            watch::failed(wechat_app, error);
            // What is stored goes on being used, and somebody should know how long.
            let stored = tokio::time::timeout(Duration::from_secs(1), app.stored(wechat_app)).await;
            match stored {
                Ok(Ok(Some(stored))) => watch::has(wechat_app, &stored, now),
                Ok(Ok(None)) => watch::has_none(wechat_app),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
    outcome
}

/// The function has not even learnt what to look at.
fn unread(error: &RefreshError) -> Diagnostic {
    tracing::error!("no access token can be looked at: {error}");
    diagnostic(error.to_string(), error.is_lasting())
}

fn token(wechat_app: &WeChatApp, stored: &StoredToken) -> Token {
    Token {
        app: wechat_app.alias.clone(),
        generation: stored.generation,
        expires_at: stored.expires_at,
    }
}
