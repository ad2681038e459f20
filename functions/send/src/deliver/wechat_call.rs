//! The call to WeChat, repeated where that helps and can't send a second message.

use crate::app::App;
use crate::circuit_breaker::{GuardedCallError, secs_until_midnight, secs_until_next_minute};
use crate::deliver::select_channel::SelectedChannel;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::metric;
use shared::wechat::client::CallError;
use shared::wechat::refusal::{ErrorClass, Refusal};
use std::time::{Duration, Instant};

/// Of one attempt.
const MAX_CALLS: u32 = 3;
/// The longest pause before the second call; three times as long before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(600);
/// No pause is longer.
const MAX_PAUSE_SECS: u64 = 2;
/// A retry waits this long for the operator to change the account's configuration.
const OPERATOR_BACKOFF_SECS: u64 = 600;
/// A retry waits this long for a quota of an unknown period.
const QUOTA_BACKOFF_SECS: u64 = 60;
/// A retry waits this long for an access token.
const TOKEN_BACKOFF_SECS: u64 = 60;

/// The outcome of a call.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    /// WeChat accepted the message, under this id if it returned one.
    Accepted(Option<String>),
    /// WeChat refused the message for good.
    Refused(Refusal),
    /// WeChat was not called or has not accepted the message; a retry may succeed after
    /// `after_secs`.
    Retry { reason: String, refusal: Option<Refusal>, after_secs: u64 },
    /// The app can't send until its configuration is changed.
    Misconfigured { reason: String },
    /// WeChat may or may not have accepted the message.
    Unknown { reason: String, refusal: Option<Refusal> },
}

/// Sends a message before `not_after`.
pub(crate) async fn call_wechat(
    app: &App,
    selected: &SelectedChannel,
    not_after: Timestamp,
) -> CallOutcome {
    let is_repeatable = selected.message.intent.channel.is_repeatable();
    let mut doubt: Option<(String, Option<Refusal>)> = None;
    for calls in 1.. {
        let outcome = call_once(app, selected, not_after).await;
        let may_repeat = match &outcome {
            CallOutcome::Unknown { .. } => is_repeatable,
            CallOutcome::Retry { after_secs, .. } => *after_secs == 0,
            // An undocumented code may be transient.
            CallOutcome::Refused(refusal) => calls == 1 && !refusal.is_known(),
            CallOutcome::Accepted(_) | CallOutcome::Misconfigured { .. } => false,
        };
        if may_repeat && calls < MAX_CALLS && Timestamp::now().plus(MAX_PAUSE_SECS) < not_after {
            if let CallOutcome::Unknown { reason, refusal } = outcome {
                doubt = Some((reason, refusal));
            }
            tokio::time::sleep(pause(calls)).await;
            continue;
        }
        return match (outcome, doubt) {
            // An earlier call may have been accepted, whatever prevents its repeat; so no
            // other channel may be tried.
            (
                CallOutcome::Retry { .. } | CallOutcome::Misconfigured { .. },
                Some((reason, refusal)),
            ) => CallOutcome::Unknown { reason, refusal },
            (CallOutcome::Refused(refusal), Some((before, _))) => CallOutcome::Unknown {
                reason: format!("{before}; asked again, {refusal}"),
                refusal: Some(refusal),
            },
            (outcome, _) => outcome,
        };
    }
    unreachable!("the last call returns")
}

async fn call_once(app: &App, selected: &SelectedChannel, not_after: Timestamp) -> CallOutcome {
    let SelectedChannel { app: sender_app, message } = selected;
    let api = message.message.api();
    let now = Timestamp::now();
    let call = app.tokens.call_until(sender_app, now, not_after, async |token| {
        // After waiting for a token, the lease may have expired.
        if Timestamp::now() >= not_after {
            let problem = "there was no time left for it".to_owned();
            return Err(CallError::NotSent { api, problem });
        }
        let started = Instant::now();
        let response = app.wechat.send(token, &message.message).await;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        metric::WECHAT_LATENCY.record(milliseconds, [&sender_app.alias, api]);
        response
    });
    let guarded = app.circuit_breaker.guard(&app.circuits, sender_app, api, now, call).await;
    match guarded {
        Ok(accepted) => CallOutcome::Accepted(accepted.message_id()),
        Err(GuardedCallError::Blocked(blocked)) => CallOutcome::Retry {
            reason: blocked.reason,
            refusal: None,
            after_secs: blocked.until.seconds_since(now),
        },
        Err(GuardedCallError::Call(error)) => classify(error, Timestamp::now()),
    }
}

fn classify(error: TokenError, now: Timestamp) -> CallOutcome {
    let reason = error.to_string();
    let after_secs = match error {
        TokenError::Call(CallError::Refused { refusal, .. }) => {
            return classify_refusal(refusal, reason, now);
        }
        TokenError::Call(CallError::Unknown { .. }) => {
            return CallOutcome::Unknown { reason, refusal: None };
        }
        TokenError::Call(CallError::NotSent { .. }) => 0,
        TokenError::Unavailable { permanent: true, .. } => {
            return CallOutcome::Misconfigured { reason };
        }
        TokenError::Unavailable { .. } => TOKEN_BACKOFF_SECS,
    };
    CallOutcome::Retry { reason, refusal: None, after_secs }
}

fn classify_refusal(refusal: Refusal, reason: String, now: Timestamp) -> CallOutcome {
    let after_secs = match (refusal.class(), refusal.code) {
        // "The client_msg_id exists": an earlier call was accepted.
        (_, 45065) => return CallOutcome::Accepted(None),
        // Another message to the same user is being sent; this one was not.
        (_, 43108) => 0,
        // A "system error" may come after the message was sent.
        (ErrorClass::Retry, _) => return CallOutcome::Unknown { reason, refusal: Some(refusal) },
        (ErrorClass::Quota, 45009) => secs_until_midnight(now),
        (ErrorClass::Quota, 45011) => secs_until_next_minute(now),
        // Until the person writes to the account again.
        (ErrorClass::Quota, 45047) => return CallOutcome::Refused(refusal),
        (ErrorClass::Token, _) => TOKEN_BACKOFF_SECS,
        (ErrorClass::Quota, _) => QUOTA_BACKOFF_SECS,
        // The address is missing on the account's IP list, which is changed within
        // minutes.
        (ErrorClass::Configuration, 40164 | 89503 | 89506 | 89507 | 61004) => OPERATOR_BACKOFF_SECS,
        _ => return CallOutcome::Refused(refusal),
    };
    CallOutcome::Retry { reason, refusal: Some(refusal), after_secs }
}

/// With equal jitter: half of the longest pause to all of it.
fn pause(calls: u32) -> Duration {
    let random = f64::from(shared::jitter::random_u32()) / f64::from(u32::MAX);
    FIRST_PAUSE.mul_f64(f64::from(2 * calls - 1)).mul_f64(0.5 + 0.5 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i64) -> CallOutcome {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let refusal = Refusal { code, message: "m".to_owned(), rid: None };
        classify_refusal(refusal, "r".to_owned(), Timestamp(1_700_000_000))
    }

    #[test]
    fn refusal_for_a_quota_is_retried_when_the_quota_resets() {
        let after_secs = |code| match outcome(code) {
            CallOutcome::Retry { after_secs, .. } => after_secs,
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!(after_secs(45009), 24 * 3600 - (6 * 3600 + 13 * 60 + 20));
        assert_eq!(after_secs(45011), 40);
        assert_eq!(after_secs(43108), 0);
        assert_eq!(after_secs(40164), OPERATOR_BACKOFF_SECS);
        assert!(after_secs(40001) > 0);
    }

    #[test]
    fn permanent_refusal_is_not_retried() {
        for code in [43101, 43004, 47003, 40037, 48001, 45015, 45047, 43107, 99999] {
            assert!(matches!(outcome(code), CallOutcome::Refused(_)), "{code}");
        }
    }

    #[test]
    fn system_error_leaves_the_outcome_unknown() {
        for code in [-1, 20001, 200_001] {
            assert!(matches!(outcome(code), CallOutcome::Unknown { .. }), "{code}");
        }
    }

    #[test]
    fn pauses_grow_and_have_jitter() {
        assert!(pause(1) >= FIRST_PAUSE / 2 && pause(1) <= FIRST_PAUSE);
        assert!(pause(2) >= FIRST_PAUSE * 3 / 2 && pause(2) <= FIRST_PAUSE * 3);
        let some: Vec<_> = (0..20).map(|_| pause(1)).collect();
        assert!(some.iter().any(|other| *other != some[0]));
    }
}
