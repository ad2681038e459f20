//! `POST /session/revoke`: logs out.

use super::refresh_token::{RefreshTokenRequest, key_number};
use crate::app::App;
use crate::error::LoginError;
use shared::clock::Timestamp;

/// Revokes the session of a refresh token, also of a replaced one. An invalid token, or
/// one whose session has ended, is no error: the session is already as requested
/// (RFC 7009, section 2.2).
pub(crate) async fn revoke(
    app: &App,
    request: &RefreshTokenRequest,
    now: Timestamp,
) -> Result<(), LoginError> {
    let token = request.refresh_token.expose();
    let keys = app.refresh_keys(key_number(token), now).await?;
    let Some(presented) = keys.open_token(token, now) else {
        return Ok(());
    };
    let (person, session) = (presented.person(), presented.session());
    app.sessions.revoke(&person, &session, now).await?;
    tracing::info!(user = person, session, "revoked a session");
    Ok(())
}
