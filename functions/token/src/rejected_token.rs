//! Replaces one app's access token that WeChat rejected.
//!
//! Of all invocations that are asked for it, one acquires a lease and replaces the token;
//! the others wait for its result. WeChat is asked without force first, because it may
//! have issued another token since. If it still issues the rejected one, a refresh is
//! forced, within a budget.

use crate::app::App;
use crate::error::RefreshError;
use crate::refresh::{refresh, store};
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{StoredToken, WeChatApp};
use shared::secret::Secret;
use shared::store::{LeaseHolder, LeaseResult, RefreshProgress, RefreshResult, TokenRefreshLease};
use shared::wechat::client::CallError;
use std::time::Duration;
use tokio::time::Instant;

/// In seconds. WeChat refuses a second forced refresh within it.
const FORCED_REFRESH_INTERVAL: u64 = 30;
/// WeChat allows 20 a day; the rest is left to the operator.
const MAX_FORCED_REFRESHES_PER_DAY: usize = 15;
/// In seconds.
const DAY: u64 = 24 * 3600;
/// In seconds: two slow calls to WeChat and some slow calls to AWS.
const REPLACE_TIMEOUT: u64 = 16;
/// In seconds. Longer than [`REPLACE_TIMEOUT`], which begins after the lease does.
const LEASE_DURATION: u64 = 20;
/// In seconds, for another invocation's result.
const WAIT_TIMEOUT: u64 = 6;
/// While waiting, the lease's row is read this often.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// At this interval, counted in reads of the row, the stored token is read as well: the lease holder may
/// have crashed, and a scheduled refresh may have stored a token.
const POLLS_PER_TOKEN_READ: u32 = 10;

/// Replaces the token of generation `rejected` (0 if there is none). If a newer one is
/// stored already, that one is returned without a call to WeChat.
pub(crate) async fn refresh_rejected_token(
    app: &App,
    wechat_app: &WeChatApp,
    rejected: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    if let Some(stored) = newer_token(app, wechat_app, rejected).await? {
        return Ok(stored);
    }
    let claimed = app.leases.acquire(&wechat_app.app_id, now, now.plus(LEASE_DURATION)).await;
    let lease = match claimed {
        Ok(LeaseResult::Acquired(lease)) => lease,
        Ok(LeaseResult::HeldBy(holder)) => {
            return wait_for(app, wechat_app, rejected, &holder).await;
        }
        Err(error) => {
            // The lease only avoids duplicate calls, so the refresh goes ahead without it.
            // A forced one doesn't: it has to be counted in the table.
            tracing::error!(app = wechat_app.alias, "{error}; refreshing without force");
            let secret = app_secret(app, wechat_app).await?;
            let stored = refresh(app, wechat_app, &secret, rejected, now).await?;
            return if stored.generation == rejected { Err(error.into()) } else { Ok(stored) };
        }
    };
    let replaced = replace(app, wechat_app, &lease, rejected, now);
    let replaced = tokio::time::timeout(Duration::from_secs(REPLACE_TIMEOUT), replaced).await;
    let replaced = replaced.unwrap_or(Err(RefreshError::Timeout(REPLACE_TIMEOUT)));
    let result = match &replaced {
        Ok(stored) => RefreshResult::Stored(stored.generation),
        Err(error) => {
            RefreshResult::Failed { problem: error.to_string(), permanent: error.is_permanent() }
        }
    };
    if let Err(error) = app.leases.release(&lease, &result).await {
        tracing::warn!(app = wechat_app.alias, "{error}; the next one waits for the lease to end");
    }
    replaced
}

/// The stored token, if it is newer than the rejected one.
async fn newer_token(
    app: &App,
    wechat_app: &WeChatApp,
    rejected: u64,
) -> Result<Option<StoredToken>, RefreshError> {
    Ok(app.stored_token(wechat_app).await?.filter(|stored| stored.generation > rejected))
}

/// Waits for the result of the lease holder.
async fn wait_for(
    app: &App,
    wechat_app: &WeChatApp,
    rejected: u64,
    holder: &LeaseHolder,
) -> Result<StoredToken, RefreshError> {
    let end = Instant::now() + Duration::from_secs(WAIT_TIMEOUT);
    let mut polls = 0;
    while Instant::now() < end {
        polls += 1;
        let progress = app.leases.progress(&wechat_app.app_id, holder).await?;
        if let RefreshProgress::Ended(RefreshResult::Failed { problem, permanent }) = progress {
            return Err(RefreshError::OfLeaseHolder { problem, permanent });
        }
        let is_running = progress == RefreshProgress::Running;
        if (!is_running || polls % POLLS_PER_TOKEN_READ == 0)
            && let Some(stored) = newer_token(app, wechat_app, rejected).await?
        {
            return Ok(stored);
        }
        // The Parameter Store may still return the token of before.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    newer_token(app, wechat_app, rejected).await?.ok_or(RefreshError::Busy(WAIT_TIMEOUT))
}

/// Replaces the token as the lease holder.
async fn replace(
    app: &App,
    wechat_app: &WeChatApp,
    lease: &TokenRefreshLease,
    rejected: u64,
    now: Timestamp,
) -> Result<StoredToken, RefreshError> {
    // Another invocation may have replaced it between the read and the claim.
    if lease.generation.is_some_and(|generation| generation > rejected)
        && let Some(stored) = newer_token(app, wechat_app, rejected).await?
    {
        return Ok(stored);
    }
    let secret = app_secret(app, wechat_app).await?;
    let stored = refresh(app, wechat_app, &secret, rejected, now).await?;
    if stored.generation != rejected {
        return Ok(stored);
    }
    force_refresh(app, wechat_app, lease, &secret, stored).await
}

/// Forces WeChat to issue another token than the stored one.
async fn force_refresh(
    app: &App,
    wechat_app: &WeChatApp,
    lease: &TokenRefreshLease,
    secret: &Secret,
    stored: StoredToken,
) -> Result<StoredToken, RefreshError> {
    let rejected = stored.generation;
    let now = Timestamp::now();
    let forced_at = spend_budget(&lease.forced_at, now)?;
    // Counted before the call: WeChat counts a call whose response is lost, too.
    if !app.leases.record_forced_refresh(lease, &forced_at, now).await? {
        return Err(RefreshError::Timeout(LEASE_DURATION));
    }
    tracing::warn!(
        app = wechat_app.alias,
        generation = rejected,
        today = forced_at.len(),
        "WeChat keeps issuing a token that it rejects; forcing a refresh"
    );
    metric::TOKEN_FORCED_REFRESHES.record(1, [&wechat_app.alias]);
    let granted = match app.stable_token(wechat_app, secret, true).await {
        Ok(granted) => granted,
        Err(error @ CallError::Unknown { .. }) => {
            // If WeChat did it, it issues the new token now.
            tracing::warn!(app = wechat_app.alias, "{error}; refreshing without force");
            let stored = refresh(app, wechat_app, secret, rejected, now).await?;
            return if stored.generation == rejected { Err(error.into()) } else { Ok(stored) };
        }
        Err(error) => return Err(error.into()),
    };
    if granted.access_token == stored.token {
        return Err(RefreshError::StillRejected);
    }
    if let Some(stored) = store(app, wechat_app, Some(&stored), granted, rejected, now).await? {
        return Ok(stored);
    }
    refresh(app, wechat_app, secret, rejected, now).await
}

async fn app_secret(app: &App, wechat_app: &WeChatApp) -> Result<Secret, RefreshError> {
    let mut secrets = app.parameters.secrets().await?;
    secrets.remove(&wechat_app.alias).ok_or(RefreshError::MissingSecret)
}

/// The times of the last day's forced refreshes, and `now` if another one is allowed.
fn spend_budget(forced_at: &[Timestamp], now: Timestamp) -> Result<Vec<Timestamp>, RefreshError> {
    let last_day = forced_at.iter().copied().filter(|at| now.seconds_since(*at) < DAY);
    let mut last_day: Vec<_> = last_day.collect();
    if last_day.len() >= MAX_FORCED_REFRESHES_PER_DAY {
        return Err(RefreshError::ForcedTooOften(MAX_FORCED_REFRESHES_PER_DAY));
    }
    // In whole seconds, 30 may be 29 and a fraction.
    if last_day.iter().any(|at| now.seconds_since(*at) <= FORCED_REFRESH_INTERVAL) {
        return Err(RefreshError::ForcedTooSoon(FORCED_REFRESH_INTERVAL));
    }
    last_day.push(now);
    Ok(last_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 42.
    #[test]
    fn forced_refreshes_are_30_seconds_apart_and_15_a_day() {
        let now = Timestamp(1_000_000);
        let ago = |seconds: u64| Timestamp(now.0 - seconds);
        assert_eq!(spend_budget(&[], now).unwrap(), [now]);
        let error = spend_budget(&[ago(900), ago(30)], now).unwrap_err();
        assert!(matches!(error, RefreshError::ForcedTooSoon(_)) && !error.is_permanent());
        assert_eq!(spend_budget(&[ago(31)], now).unwrap(), [ago(31), now]);
        let many: Vec<_> = (1..=15).map(|n| ago(n * 100)).collect();
        let error = spend_budget(&many, now).unwrap_err();
        assert!(matches!(error, RefreshError::ForcedTooOften(15)) && error.is_permanent());
        assert_eq!(spend_budget(&many[..14], now).unwrap().len(), 15);
        let yesterday: Vec<_> = (0..15).map(|n| ago(DAY + n)).collect();
        assert_eq!(spend_budget(&yesterday, now).unwrap(), [now], "older ones are dropped");
        // A clock that was ahead must not open the budget.
        assert!(spend_budget(&[now.plus(60)], now).is_err());
    }
}
