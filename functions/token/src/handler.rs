//! The minute's round over all apps, or one app's dead token.

use crate::app::App;
use crate::refresh::{RefreshError, refresh};
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::wechat::id::AppId;

/// What the function is invoked with.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// The app whose token WeChat called dead, or that has none. The schedule
    /// names no app and means them all.
    app_id: Option<AppId>,
    /// The generation that is dead.
    dead_generation: Option<u64>,
}

/// What the function answers.
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
pub(crate) async fn handle(app: &App, event: Event, now: Timestamp) -> Result<Report, Error> {
    let credentials = app.credentials().await?;
    let dead = event.dead_generation.filter(|_| event.app_id.is_some());
    let mut tokens = Vec::new();
    let mut failed = Vec::new();
    for wechat_app in credentials.apps.iter() {
        if event.app_id.as_ref().is_some_and(|app_id| wechat_app.app_id != *app_id) {
            continue;
        }
        let outcome = match credentials.secret(wechat_app) {
            None => Err(RefreshError::NoSecret),
            Some(secret) => refresh(app, wechat_app, secret, dead, now).await,
        };
        // One app's failure doesn't stop the others.
        match outcome {
            Ok(token) => tokens.push(Token {
                app: wechat_app.alias.clone(),
                generation: token.generation,
                expires_at: token.expires_at,
            }),
            Err(error) => {
                tracing::error!(app = wechat_app.alias, "no access token: {error}");
                failed.push(format!("{}: {error}", wechat_app.alias));
            }
        }
    }
    if let Some(app_id) = &event.app_id
        && tokens.is_empty()
        && failed.is_empty()
    {
        return Err(format!("there is no app {app_id} under /apps").into());
    }
    if failed.is_empty() { Ok(Report { tokens }) } else { Err(failed.join("; ").into()) }
}
