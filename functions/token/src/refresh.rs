//! One app's access token: asked for, and stored if it is another one.

use crate::app::App;
use crate::failure::RefreshError;
use shared::clock::Timestamp;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::wechat::token::GrantedToken;

/// How often WeChat is asked while others store tokens at the same time.
const TRIES: usize = 3;

/// Asks for the token that WeChat hands out now, and stores it if it isn't what
/// is stored, under a generation that isn't lower than `dead`: one that a reader
/// found dead. The generation is `dead` only if WeChat still hands out the token
/// that is stored under it.
pub(crate) async fn refresh(
    app: &App,
    wechat_app: &WeChatApp,
    secret: &Secret,
    dead: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    for _ in 0..TRIES {
        let before = app.stored(wechat_app).await?;
        let granted = app.wechat.stable_token(&wechat_app.app_id, secret, false).await?;
        if let Some(stored) = &before
            && stored.token == granted.access_token
            && stored.generation >= dead
        {
            return Ok(stored.clone());
        }
        if let Some(stored) = store(app, wechat_app, before.as_ref(), granted, dead, now).await? {
            return Ok(stored);
        }
    }
    Err(RefreshError::Contended)
}

/// Stores a token in the place of `before`. None if that isn't stored any more:
/// then somebody else asked WeChat as well, and only WeChat can say whose token
/// is the newer one.
///
/// The Parameter Store has no conditional write. What remains is the time between
/// this look and the write; whoever loses there is put right by the next minute's
/// round, and readers keep the newer one.
pub(crate) async fn store(
    app: &App,
    wechat_app: &WeChatApp,
    before: Option<&StoredToken>,
    granted: GrantedToken,
    dead: u64,
    now: Timestamp,
) -> Result<Option<StoredToken>, RefreshError> {
    let generation = |token: &StoredToken| token.generation;
    if app.stored(wechat_app).await?.as_ref().map(generation) != before.map(generation) {
        return Ok(None);
    }
    let token = StoredToken {
        token: granted.access_token,
        expires_at: now.plus(granted.expires_in),
        generation: before.map_or(0, generation).max(dead) + 1,
        granted_at: Some(now),
    };
    app.parameters.put_token(wechat_app, &token).await?;
    tracing::info!(
        app = wechat_app.alias,
        generation = token.generation,
        expires_in = granted.expires_in,
        "a new access token"
    );
    Ok(Some(token))
}
