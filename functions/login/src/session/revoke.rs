//! Logging out: a session ends before its time.

use super::{Held, Refused};
use crate::app::App;
use shared::clock::Timestamp;

/// Revokes the session of a refresh token, also of one that was replaced. One that
/// isn't ours, or whose session has ended, is no error: what was asked for is so
/// already (RFC 7009, section 2.2).
///
/// # Errors
///
/// When AWS doesn't answer.
pub(crate) async fn revoke(app: &App, request: &Held, now: Timestamp) -> Result<(), Refused> {
    let sealed = app.refresh_key().await?;
    let Some(presented) = sealed.open_token(request.refresh_token.expose()) else {
        return Ok(());
    };
    let (person, session) = (presented.person(), presented.session());
    app.sessions.revoke(&person, &session, now).await?;
    tracing::info!(user = person, session, "revoked a session");
    Ok(())
}
