//! Calls to WeChat, with retries: all of them only read.

use crate::app::App;
use crate::import_job::{ImportJob, Stop};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::retry::Retry;
use shared::secret::Secret;
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::quota::{self, OPERATOR_BACKOFF, OUTAGE_BACKOFF};
use shared::wechat::refusal::{ErrorClass, Refusal};
use shared::wechat::user::{FollowerPage, UserInfos};
use std::time::Duration;

const RETRY: Retry =
    Retry { max_attempts: 4, base: Duration::from_millis(500), max_pause: Duration::from_secs(2) };
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
        Ok(page) => {
            job.report_unreadable(&vec!["its entry in the list is no openid"; page.unreadable]);
            Ok(Some(page))
        }
        Err(refusal) if refusal.code == INVALID_OPEN_ID && after.is_some() => Ok(None),
        Err(refusal) => Err(failed(&refusal)),
    }
}

/// Fetches the profiles of up to 100 users. WeChat answers in any order, and leaves out
/// users whom it doesn't know. A profile that can't be read is counted, and keeps none of
/// the others back.
pub(crate) async fn fetch_user_infos(
    app: &App,
    job: &ImportJob<'_>,
    open_ids: &[OpenId],
) -> Result<UserInfos, Stop> {
    let mut infos = UserInfos::default();
    let mut remaining = vec![open_ids];
    while let Some(batch) = remaining.pop() {
        let fetched = call(app, job, async |token| {
            job.counts.update(|counts| counts.batches += 1);
            app.wechat.user_infos(token, batch).await
        });
        match fetched.await? {
            Ok(some) => {
                job.report_unreadable(&some.unreadable);
                infos.read.extend(some.read);
                infos.unreadable.extend(some.unreadable);
            }
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
        match error {
            TokenError::Call(CallError::Refused { refusal }) => {
                if let Some(wait) = quota::retry_after(&refusal, now) {
                    let reason = format!("{reason}; {}", refusal.advice());
                    return Err(Stop::RetryAt(now.plus(wait), reason));
                }
                match refusal.class() {
                    ErrorClass::Retry => {}
                    // An unknown code may be transient, and may stay for hours.
                    ErrorClass::Unknown if attempt == 1 => {}
                    ErrorClass::Unknown => {
                        let reason = format!("{reason}; {}", refusal.advice());
                        return Err(Stop::RetryAt(now.plus(OPERATOR_BACKOFF), reason));
                    }
                    _ => return Ok(Err(refusal)),
                }
            }
            TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }) => {}
            TokenError::Unavailable { permanent, .. } => {
                let wait = if permanent { OPERATOR_BACKOFF } else { OUTAGE_BACKOFF };
                return Err(Stop::RetryAt(now.plus(wait), reason));
            }
        }
        if attempt == RETRY.max_attempts {
            return Err(Stop::RetryAt(now.plus(OUTAGE_BACKOFF), reason));
        }
        if !job.is_time_left() {
            return Err(Stop::Deadline);
        }
        RETRY.backoff(attempt).await;
    }
    unreachable!("the last attempt returns")
}
