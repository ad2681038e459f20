//! Calls to WeChat, made again where that helps: none of them changes anything.

use crate::app::App;
use crate::work::{Halt, Work};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::refusal::{ErrorClass, Refusal};
use shared::wechat::user::{FollowerPage, UserInfo};
use std::time::Duration;

/// A call is made so often.
const TRIES: u32 = 4;
/// The longest pause before the second try; each after it is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// When WeChat or its token are unwell, it is tried again after so many seconds.
const UNWELL: u64 = 60;
/// What a whole account lacks is looked at again after so many seconds.
const REPAIR: u64 = 600;
/// Days begin in China this many seconds before they do in Greenwich: daily quotas
/// are counted there.
const CHINA: u64 = 8 * 3600;
const DAY: u64 = 24 * 3600;
/// WeChat doesn't know an openid.
const UNKNOWN: i64 = 40003;

/// Asks for the page of the list after `after`. None if WeChat doesn't know `after`.
pub(crate) async fn page(
    app: &App,
    work: &Work<'_>,
    after: Option<&OpenId>,
) -> Result<Option<FollowerPage>, Halt> {
    let asked = call(app, work, async |token| {
        work.counts.list();
        app.wechat.follower_page(token, after).await
    });
    match asked.await? {
        Ok(page) => Ok(Some(page)),
        Err(refusal) if refusal.code == UNKNOWN && after.is_some() => Ok(None),
        Err(refusal) => Err(Halt::Failed(format!("{refusal}; {}", refusal.advice()))),
    }
}

/// Asks who these users are, up to 100. WeChat's answers are in any order; of those
/// of whom it knows nothing there is none.
pub(crate) async fn users(
    app: &App,
    work: &Work<'_>,
    open_ids: &[OpenId],
) -> Result<Vec<UserInfo>, Halt> {
    let mut infos = Vec::with_capacity(open_ids.len());
    let mut left = vec![open_ids];
    while let Some(some) = left.pop() {
        let asked = call(app, work, async |token| {
            work.counts.batch();
            app.wechat.user_infos(token, some).await
        });
        match asked.await? {
            Ok(some) => infos.extend(some),
            // It doesn't say which of them.
            Err(refusal) if refusal.code == UNKNOWN => {
                if some.len() > 1 {
                    let (first, second) = some.split_at(some.len() / 2);
                    left.extend([second, first]);
                }
            }
            Err(refusal) => {
                return Err(Halt::Failed(format!("{refusal}; {}", refusal.advice())));
            }
        }
    }
    Ok(infos)
}

/// Makes a call, again if WeChat or the way there is unwell.
///
/// # Errors
///
/// When it has to wait, or can't be until somebody mends the account. Another refusal
/// is the caller's to think of.
async fn call<T>(
    app: &App,
    work: &Work<'_>,
    call: impl AsyncFn(&Secret) -> Result<T, CallError>,
) -> Result<Result<T, Refusal>, Halt> {
    for tries in 1.. {
        let now = Timestamp::now();
        let error = match app.tokens.call_until(work.account, now, work.deadline, &call).await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let now = Timestamp::now();
        let reason = error.to_string();
        let after = match error {
            TokenError::Call(CallError::Refused { refusal, .. }) => {
                match (refusal.class(), refusal.code) {
                    (ErrorClass::Quota, 45009) => return Err(Halt::Later(tomorrow(now), reason)),
                    (ErrorClass::Quota | ErrorClass::Token, _) => 60 - now.0 % 60,
                    (ErrorClass::Retry, _) => 0,
                    // An address is added to a list within minutes, and nothing else is wrong.
                    (ErrorClass::Configuration, 40164 | 89503 | 89506 | 89507 | 61004) => {
                        let reason = format!("{reason}; {}", refusal.advice());
                        return Err(Halt::Later(now.plus(REPAIR), reason));
                    }
                    // Nobody knows what a code means that isn't documented; perhaps it passes.
                    _ if tries == 1 && !refusal.is_known() => 0,
                    _ => return Ok(Err(refusal)),
                }
            }
            TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }) => 0,
            TokenError::Unavailable { permanent: true, .. } => {
                return Err(Halt::Later(now.plus(REPAIR), reason));
            }
            TokenError::Unavailable { permanent: false, .. } => UNWELL,
        };
        if after > 0 {
            return Err(Halt::Later(now.plus(after), reason));
        }
        if tries == TRIES {
            return Err(Halt::Later(now.plus(UNWELL), reason));
        }
        if !work.is_time_left() {
            return Err(Halt::NoTime);
        }
        tokio::time::sleep(pause(tries)).await;
    }
    unreachable!("the last try returns")
}

/// When the day ends in China.
fn tomorrow(now: Timestamp) -> Timestamp {
    now.plus(DAY - (now.0 + CHINA) % DAY)
}

/// Between half of the longest pause and all of it.
fn pause(tries: u32) -> Duration {
    let chance = f64::from(shared::jitter::random_u32()) / f64::from(u32::MAX);
    (PAUSE * 2_u32.pow(tries - 1)).mul_f64(0.5 + 0.5 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_quota_is_counted_anew_at_midnight_in_china() {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let now = Timestamp(1_700_000_000);
        assert_eq!(tomorrow(now), now.plus(DAY - (6 * 3600 + 13 * 60 + 20)));
        assert_eq!(tomorrow(tomorrow(now)), tomorrow(now).plus(DAY));
    }

    #[test]
    fn pauses_grow_and_differ() {
        for tries in 1..TRIES {
            let longest = PAUSE * 2_u32.pow(tries - 1);
            assert!((longest / 2..=longest).contains(&pause(tries)), "{tries}");
        }
        let some: Vec<_> = (0..20).map(|_| pause(1)).collect();
        assert!(some.iter().any(|other| *other != some[0]));
    }
}
