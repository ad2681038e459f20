//! `GET /session`: describes the session of an access token.

use super::access_token::Claims;
use crate::app::App;
use crate::error::LoginError;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// A session.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SessionInfo {
    /// The person's internal id.
    user: String,
    session: String,
    /// The alias of the mini program they logged in to; null if it is no longer configured.
    app: Option<String>,
    /// The account that is bound to the user.
    bound: Option<String>,
    /// Whether the user follows each Official Account, by its alias.
    follows: BTreeMap<String, bool>,
    /// The time of the login.
    created_at: Timestamp,
    /// The time when the session ends, however often it is refreshed. It tells nothing of
    /// refreshes: a thief of an access token could wait for one, to use a refresh token beside
    /// its owner.
    ends_at: Timestamp,
    /// The time when this access token expires.
    expires_at: Timestamp,
}

/// Looks up the session of a verified access token. Fails if the session has ended.
pub(crate) async fn session_info(
    app: &App,
    claims: &Claims,
    now: Timestamp,
) -> Result<SessionInfo, LoginError> {
    let family = app.sessions.get(&claims.sub, &claims.sid).await?;
    let family = family.filter(|family| family.is_alive(now)).ok_or(LoginError::SessionEnded)?;
    let credentials = app.known_credentials(now).await?;
    let app_id = AppId::parse(&family.app_id).map_err(|_| LoginError::SessionEnded)?;
    let known =
        app.people.find_in_app(&claims.sub, &app_id).await?.ok_or(LoginError::SessionEnded)?;
    let mini_program = credentials.apps.by_id(&app_id);
    Ok(SessionInfo {
        user: claims.sub.clone(),
        session: claims.sid.clone(),
        app: mini_program.map(|app| app.alias.clone()),
        bound: known.account,
        follows: credentials.follows(&known.identities),
        created_at: family.created_at,
        ends_at: family.latest_end(),
        expires_at: claims.exp,
    })
}
