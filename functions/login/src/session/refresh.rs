//! `POST /session/refresh`: exchanges a refresh token for the next one and an access token.

use super::access_token::{self, ACCESS_TOKEN_TTL, Claims};
use super::refresh_token::RefreshTokenRequest;
use crate::app::App;
use crate::error::LoginError;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::store::Verdict;
use shared::wechat::id::AppId;
use uuid::Uuid;

/// Maximum number of attempts when concurrent refreshes of the session interfere.
const MAX_ATTEMPTS: usize = 4;

/// The next tokens.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefreshResponse {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
}

/// Replaces a refresh token. A repeated request within 30 seconds gets the same
/// successor, as the client may have lost the response. Later reuse of a replaced token is
/// treated as theft: the session is revoked.
pub(crate) async fn refresh(
    app: &App,
    request: &RefreshTokenRequest,
    domain: &str,
    now: Timestamp,
) -> Result<RefreshResponse, LoginError> {
    let key = app.refresh_key().await?;
    // A forged token is refused here, before any table is read.
    let presented =
        key.open_token(request.refresh_token.expose()).ok_or(LoginError::InvalidRefreshToken)?;
    let (person, session) = (presented.person(), presented.session());
    let successor = key.successor(&presented).ok_or(LoginError::SessionEnded)?;
    // Missing keys must not use up the token.
    let keys = app.keys(now).await?;
    for _ in 0..MAX_ATTEMPTS {
        let family = app.sessions.get(&person, &session).await?.ok_or(LoginError::SessionEnded)?;
        // The person may have been erased, or merged with another one.
        let app_id = AppId::parse(&family.app_id).map_err(|_| LoginError::SessionEnded)?;
        if app.mappings.open_id_of(&person, &app_id).await?.is_none() {
            return Err(LoginError::SessionEnded);
        }
        match family.judge(presented.generation, presented.hash(), now) {
            Verdict::Rotate => {
                let hash = successor.hash;
                if !app.sessions.rotate(&person, &session, &family, hash, now).await? {
                    continue;
                }
                tracing::info!(user = person, session, "refreshed a session");
            }
            Verdict::Repeat => {
                tracing::info!(user = person, session, "repeated the response to a refresh");
            }
            Verdict::Reused => {
                app.sessions.revoke(&person, &session, now).await?;
                tracing::warn!(
                    user = person,
                    session,
                    "a replaced refresh token came again; revoked its session"
                );
                return Err(LoginError::RefreshTokenReused);
            }
            Verdict::Ended => return Err(LoginError::SessionEnded),
        }
        let jti = Uuid::new_v4().simple().to_string();
        let claims = Claims::new(&app.issuer(domain), &person, &session, &jti, now);
        return Ok(RefreshResponse {
            access_token: access_token::sign(keys.current(now), &claims),
            refresh_token: successor.text.expose().to_owned(),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_TTL,
        });
    }
    Err(LoginError::RefreshContended)
}
