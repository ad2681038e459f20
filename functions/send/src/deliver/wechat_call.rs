//! The call to WeChat, repeated where that helps and can't send a second message.

use crate::app::App;
use crate::channel::context::PreparedMessage;
use crate::circuit_breaker::GuardedCallError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::metric;
use shared::retry::Retry;
use shared::wechat::client::CallError;
use shared::wechat::quota::{self, OUTAGE_BACKOFF};
use shared::wechat::refusal::{ErrorClass, Refusal};
use std::time::{Duration, Instant};

/// The calls of one attempt.
const CALL_RETRY: Retry = Retry {
    max_attempts: 3,
    base: Duration::from_millis(800),
    max_pause: Duration::from_secs(MAX_PAUSE_SECS),
};
const MAX_PAUSE_SECS: u64 = 2;

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
    message: &PreparedMessage,
    not_after: Timestamp,
) -> CallOutcome {
    let is_repeatable = message.intent.channel.is_repeatable();
    let mut doubt: Option<(String, Option<Refusal>)> = None;
    for calls in 1.. {
        let outcome = call_once(app, message, not_after).await;
        let may_repeat = match &outcome {
            CallOutcome::Unknown { .. } => is_repeatable,
            CallOutcome::Retry { after_secs, .. } => *after_secs == 0,
            // An undocumented code may be transient.
            CallOutcome::Refused(refusal) => calls == 1 && !refusal.is_known(),
            CallOutcome::Accepted(_) | CallOutcome::Misconfigured { .. } => false,
        };
        let is_in_time = Timestamp::now().plus(MAX_PAUSE_SECS) < not_after;
        if may_repeat && calls < CALL_RETRY.max_attempts && is_in_time {
            if let CallOutcome::Unknown { reason, refusal } = outcome {
                doubt = Some((reason, refusal));
            }
            CALL_RETRY.backoff(calls).await;
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

async fn call_once(app: &App, message: &PreparedMessage, not_after: Timestamp) -> CallOutcome {
    let PreparedMessage { app: sender_app, request, .. } = message;
    let api = request.api();
    let now = Timestamp::now();
    let call = app.tokens.call_until(sender_app, now, not_after, async |token| {
        // After waiting for a token, the lease may have expired.
        if Timestamp::now() >= not_after {
            let problem = "there was no time left for it".to_owned();
            return Err(CallError::NotSent { api, problem });
        }
        let started = Instant::now();
        let response = app.wechat.send(token, request).await;
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
        TokenError::Unavailable { .. } => OUTAGE_BACKOFF,
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
        _ => match quota::retry_after(&refusal, now) {
            Some(after_secs) => after_secs,
            None => return CallOutcome::Refused(refusal),
        },
    };
    CallOutcome::Retry { reason, refusal: Some(refusal), after_secs }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn outcome(code: i64) -> CallOutcome {
        let refusal = Refusal { code, message: "m".to_owned(), rid: None };
        classify_refusal(refusal, "r".to_owned(), NOW)
    }

    #[test]
    fn refusal_for_a_quota_is_retried_when_the_quota_resets() {
        let after_secs = |code| match outcome(code) {
            CallOutcome::Retry { after_secs, .. } => after_secs,
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!(after_secs(45009), quota::until_midnight(NOW));
        assert_eq!(after_secs(45011), 40);
        assert_eq!(after_secs(43108), 0);
        assert_eq!(after_secs(40164), quota::OPERATOR_BACKOFF);
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
}
