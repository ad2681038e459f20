//! Calls to WeChat, with retries: all of them only read.

use crate::app::App;
use crate::import_job::{ImportJob, Stop};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::refusal::{ErrorClass, Refusal};
use shared::wechat::user::{FollowerPage, UserInfo};
use std::time::Duration;

const MAX_ATTEMPTS: u32 = 4;
/// The longest pause before the second attempt. It doubles with each further one.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Seconds to wait when WeChat or the token function is unavailable.
const OUTAGE_BACKOFF: u64 = 60;
/// Seconds to wait when an operator has to act.
const OPERATOR_BACKOFF: u64 = 600;
/// WeChat counts daily quotas from midnight in China.
const CHINA_UTC_OFFSET: u64 = 8 * 3600;
const SECS_PER_DAY: u64 = 24 * 3600;
/// "invalid openid"
const INVALID_OPEN_ID: i64 = 40003;

/// Fetches the page of the list after the openid `after`. None if WeChat doesn't know that
/// openid.
pub(crate) async fn fetch_page(
    app: &App,
    job: &ImportJob<'_>,
    after: Option<&OpenId>,
) -> Result<Option<FollowerPage>, Stop> {
    let fetched = call(app, job, async |token| {
        job.counts.update(|counts| counts.lists += 1);
        app.wechat.follower_page(token, after).await
    });
    match fetched.await? {
        Ok(page) => Ok(Some(page)),
        Err(refusal) if refusal.code == INVALID_OPEN_ID && after.is_some() => Ok(None),
        Err(refusal) => Err(failed(&refusal)),
    }
}

/// Fetches the profiles of up to 100 users. WeChat answers in any order, and leaves out
/// users whom it doesn't know.
pub(crate) async fn fetch_user_infos(
    app: &App,
    job: &ImportJob<'_>,
    open_ids: &[OpenId],
) -> Result<Vec<UserInfo>, Stop> {
    let mut infos = Vec::with_capacity(open_ids.len());
    let mut remaining = vec![open_ids];
    while let Some(batch) = remaining.pop() {
        let fetched = call(app, job, async |token| {
            job.counts.update(|counts| counts.batches += 1);
            app.wechat.user_infos(token, batch).await
        });
        match fetched.await? {
            Ok(some) => infos.extend(some),
            // WeChat doesn't say which openid is invalid, so the batch is bisected.
            Err(refusal) if refusal.code == INVALID_OPEN_ID => {
                if batch.len() > 1 {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    remaining.extend([second, first]);
                }
            }
            Err(refusal) => return Err(failed(&refusal)),
        }
    }
    Ok(infos)
}

fn failed(refusal: &Refusal) -> Stop {
    Stop::Failed(format!("{refusal}; {}", refusal.advice()))
}

/// Makes a call, with retries after transient errors. Stops the import if it has to wait.
/// The caller handles every other refusal.
async fn call<T>(
    app: &App,
    job: &ImportJob<'_>,
    call: impl AsyncFn(&Secret) -> Result<T, CallError>,
) -> Result<Result<T, Refusal>, Stop> {
    for attempt in 1.. {
        let now = Timestamp::now();
        let error = match app.tokens.call_until(job.account, now, job.deadline, &call).await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let now = Timestamp::now();
        let reason = error.to_string();
        let wait = match error {
            TokenError::Call(CallError::Refused { refusal, .. }) => {
                match (refusal.class(), refusal.code) {
                    (ErrorClass::Quota, 45009) => {
                        return Err(Stop::RetryAt(next_china_midnight(now), reason));
                    }
                    (ErrorClass::Quota | ErrorClass::Token, _) => 60 - now.0 % 60,
                    (ErrorClass::Retry, _) => 0,
                    // An operator adds an address to the IP list within minutes.
                    (ErrorClass::Configuration, 40164 | 89503 | 89506 | 89507 | 61004) => {
                        let reason = format!("{reason}; {}", refusal.advice());
                        return Err(Stop::RetryAt(now.plus(OPERATOR_BACKOFF), reason));
                    }
                    // An undocumented code may be transient.
                    _ if attempt == 1 && !refusal.is_known() => 0,
                    _ => return Ok(Err(refusal)),
                }
            }
            TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }) => 0,
            TokenError::Unavailable { permanent: true, .. } => OPERATOR_BACKOFF,
            TokenError::Unavailable { permanent: false, .. } => OUTAGE_BACKOFF,
        };
        if wait > 0 {
            return Err(Stop::RetryAt(now.plus(wait), reason));
        }
        if attempt == MAX_ATTEMPTS {
            return Err(Stop::RetryAt(now.plus(OUTAGE_BACKOFF), reason));
        }
        if !job.is_time_left() {
            return Err(Stop::Deadline);
        }
        tokio::time::sleep(pause(attempt)).await;
    }
    unreachable!("the last attempt returns")
}

/// The next midnight in China.
fn next_china_midnight(now: Timestamp) -> Timestamp {
    now.plus(SECS_PER_DAY - (now.0 + CHINA_UTC_OFFSET) % SECS_PER_DAY)
}

/// The pause after this attempt, with jitter: between half of its longest and all of it.
fn pause(attempt: u32) -> Duration {
    let jitter = f64::from(shared::jitter::random_u32()) / f64::from(u32::MAX);
    (MAX_FIRST_PAUSE * 2_u32.pow(attempt - 1)).mul_f64(0.5 + 0.5 * jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daily_quota_restarts_at_midnight_in_china() {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let now = Timestamp(1_700_000_000);
        assert_eq!(next_china_midnight(now), now.plus(SECS_PER_DAY - (6 * 3600 + 13 * 60 + 20)));
        assert_eq!(
            next_china_midnight(next_china_midnight(now)),
            next_china_midnight(now).plus(SECS_PER_DAY)
        );
    }

    #[test]
    fn pauses_grow_and_have_jitter() {
        for attempt in 1..MAX_ATTEMPTS {
            let longest = MAX_FIRST_PAUSE * 2_u32.pow(attempt - 1);
            assert!((longest / 2..=longest).contains(&pause(attempt)), "{attempt}");
        }
        let some: Vec<_> = (0..20).map(|_| pause(1)).collect();
        assert!(some.iter().any(|other| *other != some[0]));
    }
}
