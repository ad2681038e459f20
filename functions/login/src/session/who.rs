//! Who am I: what is known of a session.

use super::{Claims, Refused};
use crate::app::App;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// What a client is answered with.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SessionAnswer"))]
pub(crate) struct Answer {
    /// The person's internal id.
    user: String,
    session: String,
    /// The alias of the mini program they logged in to, unless it is gone.
    app: Option<String>,
    /// The account that is bound to the user.
    bound: Option<String>,
    /// Whether they follow each Official Account.
    follows: BTreeMap<String, bool>,
    /// When they logged in.
    created_at: Timestamp,
    /// When the session ends if it isn't refreshed.
    ends_at: Timestamp,
    /// When this access token ends.
    expires_at: Timestamp,
}

/// Looks up the session of an access token that has been verified.
///
/// # Errors
///
/// When the session has been revoked or forgotten since, or AWS doesn't answer.
pub(crate) async fn who(app: &App, claims: &Claims, now: Timestamp) -> Result<Answer, Refused> {
    let family = app.sessions.get(&claims.sub, &claims.sid).await?.ok_or(Refused::Ended)?;
    if !family.is_alive(now) {
        return Err(Refused::Ended);
    }
    let credentials = app.known_credentials(now).await?;
    let app_id = AppId::parse(&family.app_id).map_err(|_| Refused::Ended)?;
    let known = app.logins.find_in_app(&claims.sub, &app_id).await?.ok_or(Refused::Ended)?;
    let mini_program = credentials.apps.by_id(&app_id);
    Ok(Answer {
        user: claims.sub.clone(),
        session: claims.sid.clone(),
        app: mini_program.map(|app| app.alias.clone()),
        bound: known.account,
        follows: credentials.follows(&known.routes),
        created_at: family.created_at,
        ends_at: family.ends_at,
        expires_at: claims.exp,
    })
}
