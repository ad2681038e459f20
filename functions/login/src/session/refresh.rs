//! A refresh token becomes the next one, and an access token.

use super::{Claims, Held, LIFE, Refused, access_token};
use crate::app::App;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::store::Verdict;
use shared::wechat::id::AppId;
use uuid::Uuid;

/// How often a refresh that met another of the same session looks again.
const TRIES: usize = 4;

/// What a client is answered with.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RefreshAnswer"))]
pub(crate) struct Answer {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
}

/// Replaces a refresh token. Who asks again within 30 seconds, because the answer
/// was lost, gets the same successor; who comes later with a token that was
/// replaced ends the session for everybody who holds one of its tokens.
///
/// # Errors
///
/// When the token isn't ours or isn't good any more, or AWS doesn't answer.
pub(crate) async fn refresh(
    app: &App,
    request: &Held,
    domain: &str,
    now: Timestamp,
) -> Result<Answer, Refused> {
    let sealed = app.refresh_key().await?;
    // A forged one ends here, before any table is asked.
    let presented = sealed.open_token(request.refresh_token.expose()).ok_or(Refused::NotOurs)?;
    let (person, session) = (presented.person(), presented.session());
    let successor = sealed.successor(&presented).ok_or(Refused::Ended)?;
    // The lack of keys must not cost the token.
    let keys = app.keys(now).await?;
    for _ in 0..TRIES {
        let family = app.sessions.get(&person, &session).await?.ok_or(Refused::Ended)?;
        // Who was forgotten, or has turned out to be somebody else, is nobody.
        let app_id = AppId::parse(&family.app_id).map_err(|_| Refused::Ended)?;
        if app.logins.mappings.open_id_of(&person, &app_id).await?.is_none() {
            return Err(Refused::Ended);
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
                tracing::info!(user = person, session, "repeated the answer to a refresh");
            }
            Verdict::Reused => {
                app.sessions.revoke(&person, &session, now).await?;
                tracing::warn!(
                    user = person,
                    session,
                    "a refresh token came again that had been replaced; revoked its session"
                );
                return Err(Refused::Reused);
            }
            Verdict::Ended => return Err(Refused::Ended),
        }
        let jti = Uuid::new_v4().simple().to_string();
        let claims = Claims::new(&app.issuer(domain), &person, &session, &jti, now);
        return Ok(Answer {
            access_token: access_token(keys.current(now), &claims),
            refresh_token: successor.text.expose().to_owned(),
            token_type: "Bearer",
            expires_in: LIFE,
        });
    }
    Err(Refused::Busy)
}
