//! Gets one app's access token from WeChat, and stores it if it is a new one.

use crate::app::App;
use crate::error::RefreshError;
use shared::clock::Timestamp;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::wechat::token::GrantedToken;

/// While other processes store tokens at the same time.
const MAX_ATTEMPTS: usize = 3;

/// Gets the token that WeChat issues now, and stores it unless it is stored already.
///
/// `rejected` is the generation that WeChat rejected, or 0. The result has a higher one,
/// except if WeChat still issues the rejected token: then it has that generation.
pub(crate) async fn refresh(
    app: &App,
    wechat_app: &WeChatApp,
    secret: &Secret,
    rejected: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    for _ in 0..MAX_ATTEMPTS {
        let before = app.stored_token(wechat_app).await?;
        let granted = app.stable_token(wechat_app, secret, false).await?;
        if let Some(stored) = &before
            && stored.token == granted.access_token
            && stored.generation >= rejected
        {
            return Ok(stored.clone());
        }
        let stored = store(app, wechat_app, before.as_ref(), granted, rejected, now).await?;
        if let Some(stored) = stored {
            return Ok(stored);
        }
    }
    Err(RefreshError::Contended)
}

/// Replaces the stored token `before`. None if another process has replaced it: then only
/// WeChat can tell which token is the newer one.
///
/// The Parameter Store has no conditional write, so another process may still store a
/// token between the read and the write here. The next scheduled refresh corrects that,
/// and readers keep the newer token.
pub(crate) async fn store(
    app: &App,
    wechat_app: &WeChatApp,
    before: Option<&StoredToken>,
    granted: GrantedToken,
    rejected: u64,
    now: Timestamp,
) -> Result<Option<StoredToken>, RefreshError> {
    let generation = |token: &StoredToken| token.generation;
    let stored = app.stored_token(wechat_app).await?;
    if stored.as_ref().map(generation) != before.map(generation) {
        return Ok(None);
    }
    let generation = before.map_or(0, generation).max(rejected).checked_add(1);
    let token = StoredToken {
        token: granted.access_token,
        expires_at: now.plus(granted.expires_in),
        generation: generation.ok_or(RefreshError::NoNextGeneration)?,
        granted_at: Some(now),
    };
    app.parameters.put_token(wechat_app, &token).await?;
    tracing::info!(
        app = wechat_app.alias,
        generation = token.generation,
        expires_in = granted.expires_in,
        "stored a new access token"
    );
    Ok(Some(token))
}
