//! One app's access token.

use crate::app::App;
use shared::clock::Timestamp;
use shared::parameters::{App as WeChatApp, ParameterError, StoredToken};
use shared::secret::Secret;
use shared::wechat::client::Error as CallError;
use shared::wechat::token::Granted;

/// WeChat refuses a second forced refresh within this many seconds.
const FORCED_APART: u64 = 30;
/// WeChat allows 20 forced refreshes a day; some are left to the operator.
const FORCED_A_DAY: usize = 15;
/// A day, in seconds.
const DAY: u64 = 24 * 3600;

/// Asks for the token, and stores it if it is another one. If WeChat goes on
/// handing out the very one, of generation `dead`, that it calls dead, another
/// is forced, within a budget.
pub(crate) async fn refresh(
    app: &App,
    wechat_app: &WeChatApp,
    secret: &Secret,
    dead: Option<u64>,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    let stored = app.parameters.token(wechat_app).await?;
    let granted = app.wechat.stable_token(&wechat_app.app_id, secret, false).await?;
    let stored = match stored {
        Some(stored) if stored.token == granted.access_token => stored,
        stored => return store(app, wechat_app, stored.as_ref(), granted, now).await,
    };
    if Some(stored.generation) != dead {
        return Ok(stored);
    }
    if let Some(wait) = over_budget(&stored.forced_at, now) {
        return Err(RefreshError::OverBudget(wait));
    }
    tracing::warn!(app = wechat_app.alias, generation = dead, "forcing another access token");
    // Counted before it is done: an answer that is lost counts, too.
    let stored =
        StoredToken { forced_at: recent(&stored.forced_at, now).chain([now]).collect(), ..stored };
    app.parameters.put_token(wechat_app, &stored).await?;
    let granted = app.wechat.stable_token(&wechat_app.app_id, secret, true).await?;
    store(app, wechat_app, Some(&stored), granted, now).await
}

/// Why no token may be forced now, if so.
fn over_budget(forced_at: &[Timestamp], now: Timestamp) -> Option<&'static str> {
    let today = recent(forced_at, now).count();
    if today >= FORCED_A_DAY {
        return Some("it has been forced 15 times within a day; reset the AppSecret if it leaks");
    }
    let last = forced_at.iter().max()?;
    (now.seconds_since(*last) < FORCED_APART).then_some("it was forced less than 30 seconds ago")
}

/// The forced refreshes of the last 24 hours.
fn recent(forced_at: &[Timestamp], now: Timestamp) -> impl Iterator<Item = Timestamp> {
    forced_at.iter().copied().filter(move |at| now.seconds_since(*at) < DAY)
}

async fn store(
    app: &App,
    wechat_app: &WeChatApp,
    before: Option<&StoredToken>,
    granted: Granted,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    let forced_before = before.map(|token| token.forced_at.as_slice()).unwrap_or_default();
    let token = StoredToken {
        token: granted.access_token,
        expires_at: now.plus(granted.expires_in),
        generation: before.map_or(1, |token| token.generation + 1),
        forced_at: recent(forced_before, now).collect(),
    };
    app.parameters.put_token(wechat_app, &token).await?;
    tracing::info!(
        app = wechat_app.alias,
        generation = token.generation,
        expires_in = granted.expires_in,
        "a new access token"
    );
    Ok(token)
}

/// There is no access token to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("its AppSecret is not under /secrets")]
    NoSecret,
    #[error(
        "WeChat goes on handing out a token that it calls dead, and no other may be forced: {0}"
    )]
    OverBudget(&'static str),
    #[error("{error}{}", advice(error))]
    WeChat {
        #[from]
        error: CallError,
    },
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// What to do about a refusal. On this API 40001 means the secret, not a token.
fn advice(error: &CallError) -> String {
    match error.refusal() {
        Some(refusal) if refusal.code == 40001 => {
            "; put the account's present AppSecret under /secrets".to_owned()
        }
        Some(refusal) => format!("; {}", refusal.advice()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_forced_half_a_minute_apart_and_fifteen_times_a_day() {
        let now = Timestamp(1_000_000);
        let ago = |seconds: u64| Timestamp(now.0 - seconds);
        assert_eq!(over_budget(&[], now), None);
        assert!(over_budget(&[ago(29)], now).is_some());
        assert_eq!(over_budget(&[ago(30)], now), None);
        let many: Vec<_> = (1..=15).map(|n| ago(n * 100)).collect();
        assert!(over_budget(&many, now).is_some());
        let yesterday: Vec<_> = (0..15).map(|n| ago(DAY + n)).collect();
        assert_eq!(over_budget(&yesterday, now), None);
    }
}
