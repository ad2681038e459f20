//! One app's dead access token.
//!
//! Of all functions that are told that it is dead, one replaces it; the others
//! wait for what that one stores. WeChat is asked without force first: another
//! token may have been handed out meanwhile. If it goes on handing out the very
//! one that it calls dead, another is forced, within a budget.

use crate::app::App;
use crate::failure::RefreshError;
use crate::refresh::{refresh, store};
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::store::{LeaseHolder, LeaseResult, RefreshProgress, RefreshResult, TokenRefreshLease};
use shared::wechat::client::CallError;
use std::time::Duration;
use tokio::time::Instant;

/// WeChat refuses a second forced refresh within this many seconds.
const FORCED_APART: u64 = 30;
/// WeChat allows 20 forced refreshes a day; some are left to the operator.
const FORCED_A_DAY: usize = 15;
/// A day, in seconds.
const DAY: u64 = 24 * 3600;
/// Who replaces a token is given up after this many seconds: two calls to WeChat
/// and some to AWS, all of them slow.
const PATIENCE: u64 = 16;
/// The right to replace it lasts this many seconds if whoever has it dies. Longer
/// than [`PATIENCE`], which is counted from a moment later.
const LEASE: u64 = 20;
/// Who waits for another's token waits this many seconds.
const WAIT: u64 = 6;
/// How often they look at what the other says of itself.
const LOOK: Duration = Duration::from_millis(100);
/// Every so many looks they also look for a token: whoever is at it may have died,
/// and the minute's round has done its work.
const LOOKS: u32 = 10;

/// Replaces the token of generation `dead` (0 if there was none), unless that has
/// been done: then the newer one is answered without a word to WeChat.
pub(crate) async fn repair(
    app: &App,
    wechat_app: &WeChatApp,
    dead: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    if let Some(stored) = newer(app, wechat_app, dead).await? {
        return Ok(stored);
    }
    let repair = match app.forced.claim(&wechat_app.app_id, now, now.plus(LEASE)).await {
        Ok(LeaseResult::Acquired(repair)) => repair,
        Ok(LeaseResult::HeldBy(holder)) => return wait(app, wechat_app, dead, &holder).await,
        Err(error) => {
            // The table only keeps many from doing it at once. What must be
            // counted there is not done.
            tracing::error!(app = wechat_app.alias, "{error}; asking without force");
            let secret = secret(app, wechat_app).await?;
            let stored = refresh(app, wechat_app, &secret, dead, now).await?;
            return if stored.generation == dead { Err(error.into()) } else { Ok(stored) };
        }
    };
    let replaced = replace(app, wechat_app, &repair, dead, now);
    let replaced = tokio::time::timeout(Duration::from_secs(PATIENCE), replaced).await;
    let replaced = replaced.unwrap_or(Err(RefreshError::TooSlow(PATIENCE)));
    let end = match &replaced {
        Ok(stored) => RefreshResult::Stored(stored.generation),
        Err(error) => {
            RefreshResult::Failed { problem: error.to_string(), permanent: error.is_lasting() }
        }
    };
    if let Err(error) = app.forced.release(&repair, &end).await {
        tracing::warn!(app = wechat_app.alias, "{error}; the next repair may have to wait");
    }
    replaced
}

/// The stored token, if it is newer than the dead one.
async fn newer(
    app: &App,
    wechat_app: &WeChatApp,
    dead: u64,
) -> Result<Option<StoredToken>, RefreshError> {
    Ok(app.stored(wechat_app).await?.filter(|stored| stored.generation > dead))
}

/// Waits until whoever is at it has ended, and answers what they stored.
async fn wait(
    app: &App,
    wechat_app: &WeChatApp,
    dead: u64,
    holder: &LeaseHolder,
) -> Result<StoredToken, RefreshError> {
    let until = Instant::now() + Duration::from_secs(WAIT);
    let mut looks = 0;
    while Instant::now() < until {
        looks += 1;
        if looks % LOOKS == 0
            && let Some(stored) = newer(app, wechat_app, dead).await?
        {
            return Ok(stored);
        }
        match app.forced.progress(&wechat_app.app_id, holder).await? {
            RefreshProgress::Running => tokio::time::sleep(LOOK).await,
            RefreshProgress::Ended(RefreshResult::Failed { problem, permanent }) => {
                return Err(RefreshError::Told { problem, permanent });
            }
            // The Parameter Store may still show what was there before.
            RefreshProgress::Ended(RefreshResult::Stored(_)) | RefreshProgress::Unknown => {
                if let Some(stored) = newer(app, wechat_app, dead).await? {
                    return Ok(stored);
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }
    newer(app, wechat_app, dead).await?.ok_or(RefreshError::Busy(WAIT))
}

/// Replaces the token, as the only one who does.
async fn replace(
    app: &App,
    wechat_app: &WeChatApp,
    repair: &TokenRefreshLease,
    dead: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    // Somebody may have done it between our look and our claim.
    if repair.generation.is_some_and(|generation| generation > dead)
        && let Some(stored) = newer(app, wechat_app, dead).await?
    {
        return Ok(stored);
    }
    let secret = secret(app, wechat_app).await?;
    let stored = refresh(app, wechat_app, &secret, dead, now).await?;
    if stored.generation != dead {
        return Ok(stored);
    }
    force(app, wechat_app, repair, &secret, stored).await
}

/// Makes WeChat hand out another token than the one that is stored.
async fn force(
    app: &App,
    wechat_app: &WeChatApp,
    repair: &TokenRefreshLease,
    secret: &Secret,
    stored: StoredToken,
) -> Result<StoredToken, RefreshError> {
    let dead = stored.generation;
    let now = Timestamp::now();
    let forced_at = budget(&repair.forced_at, now)?;
    // Counted before it is done: an answer that is lost counts, too.
    if !app.forced.record_forced_refresh(repair, &forced_at, now).await? {
        return Err(RefreshError::TooSlow(LEASE));
    }
    tracing::warn!(
        app = wechat_app.alias,
        generation = dead,
        today = forced_at.len(),
        "WeChat goes on handing out a token that it calls dead; forcing another"
    );
    metric::TOKEN_FORCED_REFRESHES.record(1, [&wechat_app.alias]);
    let granted = match app.wechat.stable_token(&wechat_app.app_id, secret, true).await {
        Ok(granted) => granted,
        Err(error @ CallError::Unknown { .. }) => {
            // It may have been done; then WeChat hands the new one out now.
            tracing::warn!(app = wechat_app.alias, "{error}; asking what came of it");
            let stored = refresh(app, wechat_app, secret, dead, now).await?;
            return if stored.generation == dead { Err(error.into()) } else { Ok(stored) };
        }
        Err(error) => return Err(error.into()),
    };
    if granted.access_token == stored.token {
        return Err(RefreshError::StillDead);
    }
    if let Some(stored) = store(app, wechat_app, Some(&stored), granted, dead, now).await? {
        return Ok(stored);
    }
    refresh(app, wechat_app, secret, dead, now).await
}

async fn secret(app: &App, wechat_app: &WeChatApp) -> Result<Secret, RefreshError> {
    let mut secrets = app.parameters.secrets().await?;
    secrets.remove(&wechat_app.alias).ok_or(RefreshError::NoSecret)
}

/// The forced refreshes of the last day and one more, if it may be done now.
fn budget(forced_at: &[Timestamp], now: Timestamp) -> Result<Vec<Timestamp>, RefreshError> {
    let today = forced_at.iter().copied().filter(|at| now.seconds_since(*at) < DAY);
    let mut today: Vec<_> = today.collect();
    if today.len() >= FORCED_A_DAY {
        return Err(RefreshError::ForcedTooOften(FORCED_A_DAY));
    }
    // In whole seconds, 30 may be 29 and some.
    if today.iter().any(|at| now.seconds_since(*at) <= FORCED_APART) {
        return Err(RefreshError::ForcedJustNow(FORCED_APART));
    }
    today.push(now);
    Ok(today)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 42.
    #[test]
    fn tokens_are_forced_half_a_minute_apart_and_fifteen_times_a_day() {
        let now = Timestamp(1_000_000);
        let ago = |seconds: u64| Timestamp(now.0 - seconds);
        assert_eq!(budget(&[], now).unwrap(), [now]);
        let error = budget(&[ago(900), ago(30)], now).unwrap_err();
        assert!(matches!(error, RefreshError::ForcedJustNow(_)) && !error.is_lasting());
        assert_eq!(budget(&[ago(31)], now).unwrap(), [ago(31), now]);
        let many: Vec<_> = (1..=15).map(|n| ago(n * 100)).collect();
        let error = budget(&many, now).unwrap_err();
        assert!(matches!(error, RefreshError::ForcedTooOften(15)) && error.is_lasting());
        assert_eq!(budget(&many[..14], now).unwrap().len(), 15);
        let yesterday: Vec<_> = (0..15).map(|n| ago(DAY + n)).collect();
        assert_eq!(budget(&yesterday, now).unwrap(), [now], "what is over is forgotten");
        // A clock that was ahead must not open the budget.
        assert!(budget(&[now.plus(60)], now).is_err());
    }
}
