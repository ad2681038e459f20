//! `POST /session/refresh`: exchanges a refresh token for the next one and an access token.

use super::access_token::{self, ACCESS_TOKEN_TTL, Claims};
use super::refresh_token::key_number;
use crate::app::App;
use crate::error::LoginError;
use crate::retry_key::RetryKey;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::store::{SessionRefresh, Verdict};
use shared::wechat::id::AppId;
use uuid::Uuid;

/// Maximum number of attempts when concurrent refreshes of the session interfere.
const MAX_ATTEMPTS: usize = 4;

/// The body of `POST /session/refresh`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    #[cfg_attr(test, schemars(with = "String"))]
    refresh_token: Secret,
    /// A random text of the client's own, the same in each repeat of this request.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "RetryKey"))]
    retry_key: Option<RetryKey>,
}

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
/// successor, as the client may have lost the response: to the same retry key always,
/// without one once in the life of a session. Other use of a replaced token is treated as
/// theft: the session is revoked.
pub(crate) async fn refresh(
    app: &App,
    request: &RefreshRequest,
    domain: &str,
    now: Timestamp,
) -> Result<RefreshResponse, LoginError> {
    let token = request.refresh_token.expose();
    let refresh_keys = app.refresh_keys(key_number(token), now).await?;
    // A forged token is refused here, before any table is read.
    let presented = refresh_keys.open_token(token, now).ok_or(LoginError::InvalidRefreshToken)?;
    let (person, session) = (presented.person(), presented.session());
    let retry_key = request.retry_key.as_ref();
    let successor = refresh_keys.current(now).successor(&presented, retry_key);
    let successor = successor.ok_or(LoginError::SessionEnded)?;
    let id = Uuid::new_v4().simple().to_string();
    let rotation = SessionRefresh {
        id: &id,
        retry_key: retry_key.map(RetryKey::hash),
        successor: successor.hash,
    };
    // Missing keys must not use up the token.
    let keys = app.keys(now).await?;
    for _ in 0..MAX_ATTEMPTS {
        let family = app.sessions.get(&person, &session).await?.ok_or(LoginError::SessionEnded)?;
        // The person may have been erased, or merged with another one.
        let app_id = AppId::parse(&family.app_id).map_err(|_| LoginError::SessionEnded)?;
        if app.mappings.open_id_of(&person, &app_id).await?.is_none() {
            return Err(LoginError::SessionEnded);
        }
        let verdict = family.judge(presented.generation, presented.hash(), rotation.retry_key, now);
        let successor = match verdict {
            Verdict::Rotate => {
                if !app.sessions.rotate(&person, &session, &family, &rotation, now).await? {
                    continue;
                }
                tracing::info!(user = person, session, "refreshed a session");
                &successor
            }
            Verdict::Repeat | Verdict::RepeatOnce => {
                if verdict == Verdict::RepeatOnce
                    && !app.sessions.use_repeat(&person, &session, &id).await?
                {
                    continue;
                }
                tracing::info!(user = person, session, "repeated the response to a refresh");
                // The keys may have been rotated since the first response.
                &refresh_keys
                    .find_successor(&presented, retry_key, family.current, now)
                    .ok_or(LoginError::SessionEnded)?
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
        };
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
