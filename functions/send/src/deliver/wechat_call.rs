//! The call to WeChat, repeated where that helps and can't send a second message.

use crate::app::App;
use crate::channel::context::PreparedMessage;
use crate::circuit_breaker::GuardedCallError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::metric;
use shared::retry::Retry;
use shared::wechat::client::CallError;
use shared::wechat::message::SendRequest;
use shared::wechat::quota::{self, OUTAGE_BACKOFF};
use shared::wechat::refusal::{Refusal, WasSent};
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
    /// WeChat accepted the message.
    Accepted(AcceptedMessage),
    /// WeChat refused the message for good.
    Refused(Refusal),
    /// WeChat was not called or has not accepted the message; a retry may succeed after
    /// `after_secs`.
    Retry { reason: String, refusal: Option<Refusal>, after_secs: u64 },
    /// The app can't send until its configuration is changed.
    Misconfigured { reason: String },
    /// WeChat may or may not have accepted the message. Where a repeat can't be shown twice,
    /// it may be made after `after_secs`.
    Unknown { reason: String, refusal: Option<Refusal>, after_secs: u64 },
}

/// A message that WeChat accepted.
#[derive(Debug)]
pub(crate) struct AcceptedMessage {
    /// WeChat's id of it, if it returned one.
    pub(crate) id: Option<String>,
    /// An earlier call may have been accepted as well, under another id.
    pub(crate) is_repeat: bool,
    /// Why WeChat didn't accept it with its mini program, if it was sent without.
    pub(crate) refused_jump: Option<Refusal>,
}

/// Sends a message before `not_after`.
pub(crate) async fn call_wechat(
    app: &App,
    message: &PreparedMessage,
    not_after: Timestamp,
) -> CallOutcome {
    let is_repeatable = message.intent.channel.is_repeatable();
    let mut doubt: Option<(String, Option<Refusal>, u64)> = None;
    let mut refused_jump = None;
    let mut request = &message.request;
    for calls in 1.. {
        let outcome = call_once(app, message, request, not_after).await;
        if let CallOutcome::Refused(refusal) = &outcome
            && refusal.refuses_jump()
            && let Some(mini_program) = request.mini_program()
        {
            let notes = &app.tokens.refusal_notes;
            notes.note_refused_jump(&message.app.alias, refusal, &mini_program).await;
        }
        // It was certainly not sent, so this is no repeat.
        if let CallOutcome::Refused(refusal) = &outcome
            && let Some(without_jump) = &message.without_jump
            && refused_jump.is_none()
            && refusal.refuses_jump()
        {
            refused_jump = Some(refusal.clone());
            request = without_jump;
            continue;
        }
        let may_repeat = match &outcome {
            CallOutcome::Unknown { after_secs, .. } => is_repeatable && *after_secs == 0,
            CallOutcome::Retry { after_secs, .. } => *after_secs == 0,
            CallOutcome::Accepted(_)
            | CallOutcome::Refused(_)
            | CallOutcome::Misconfigured { .. } => false,
        };
        let is_in_time = Timestamp::now().plus(MAX_PAUSE_SECS) < not_after;
        if may_repeat && calls < CALL_RETRY.max_attempts && is_in_time {
            if let CallOutcome::Unknown { reason, refusal, after_secs } = outcome {
                doubt = Some((reason, refusal, after_secs));
            }
            CALL_RETRY.backoff(calls).await;
            continue;
        }
        return match (outcome, doubt) {
            // An earlier call may have been accepted, whatever prevents its repeat; so no
            // other channel may be tried.
            (CallOutcome::Retry { after_secs, .. }, Some((reason, refusal, _))) => {
                CallOutcome::Unknown { reason, refusal, after_secs }
            }
            (CallOutcome::Misconfigured { .. }, Some((reason, refusal, after_secs))) => {
                CallOutcome::Unknown { reason, refusal, after_secs }
            }
            (CallOutcome::Refused(refusal), Some((before, ..))) => CallOutcome::Unknown {
                reason: format!("{before}; asked again, {refusal}"),
                refusal: Some(refusal),
                after_secs: 0,
            },
            (CallOutcome::Accepted(accepted), doubt) => CallOutcome::Accepted(AcceptedMessage {
                is_repeat: accepted.is_repeat || doubt.is_some(),
                refused_jump,
                ..accepted
            }),
            (outcome, _) => outcome,
        };
    }
    unreachable!("the last call returns")
}

async fn call_once(
    app: &App,
    message: &PreparedMessage,
    request: &SendRequest,
    not_after: Timestamp,
) -> CallOutcome {
    let PreparedMessage { app: sender_app, .. } = message;
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
        Ok(accepted) => CallOutcome::Accepted(AcceptedMessage {
            id: accepted.message_id(),
            is_repeat: false,
            refused_jump: None,
        }),
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
        TokenError::Call(CallError::Refused { refusal }) => {
            return classify_refusal(refusal, reason, now);
        }
        TokenError::Call(CallError::Unknown { .. }) => {
            return CallOutcome::Unknown { reason, refusal: None, after_secs: 0 };
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
    let after_secs = quota::retry_after(&refusal, now);
    match (refusal.was_sent(), after_secs) {
        (WasSent::Yes, _) => {
            CallOutcome::Accepted(AcceptedMessage { id: None, is_repeat: true, refused_jump: None })
        }
        (WasSent::Perhaps, after_secs) => CallOutcome::Unknown {
            reason,
            refusal: Some(refusal),
            after_secs: after_secs.unwrap_or(0),
        },
        (WasSent::No, Some(after_secs)) => {
            CallOutcome::Retry { reason, refusal: Some(refusal), after_secs }
        }
        (WasSent::No, None) => CallOutcome::Refused(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wechat::api;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn outcome_of(api: &'static str, code: i64) -> CallOutcome {
        classify_refusal(Refusal::with_code(api, code), "r".to_owned(), NOW)
    }

    fn outcome(code: i64) -> CallOutcome {
        outcome_of(api::TEMPLATE, code)
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
        assert_eq!(after_secs(43117), 60);
        assert_eq!(after_secs(40241), 60);
        assert!(after_secs(40001) > 0);
    }

    #[test]
    fn permanent_refusal_is_not_retried() {
        for code in [43101, 43004, 47003, 40037, 48001, 45015, 45047, 43107, 40165] {
            assert!(matches!(outcome(code), CallOutcome::Refused(_)), "{code}");
        }
    }

    #[test]
    fn system_error_and_unknown_code_leave_the_outcome_unknown() {
        for code in [-1, -1000, 4, 20001, 200_001, 45066, 99999, 12, i64::MIN, i64::MAX] {
            assert!(matches!(outcome(code), CallOutcome::Unknown { .. }), "{code}");
        }
        // What another API answers is a surprise from this one.
        assert!(matches!(outcome(40016), CallOutcome::Unknown { .. }));
        assert!(matches!(outcome_of(api::SUBSCRIBE, 40165), CallOutcome::Unknown { .. }));
    }

    #[test]
    fn existing_client_msg_id_means_that_an_earlier_call_was_accepted() {
        let CallOutcome::Accepted(accepted) = outcome(45065) else { panic!("it is accepted") };
        assert_eq!((accepted.id, accepted.is_repeat), (None, true));
    }
}
