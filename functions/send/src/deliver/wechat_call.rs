//! One call to WeChat, made again where that helps and can't double anything.

use crate::app::App;
use crate::channel::context::PreparedMessage;
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::App as WeChatApp;
use shared::store::OpenCircuit;
use shared::wechat::client::Error as CallError;
use shared::wechat::message::Accepted;
use shared::wechat::refusal::{Class, Refusal};
use std::time::{Duration, Instant};

/// A call is made so often in one attempt.
const MAX_CALLS: u32 = 3;
/// The longest pause before the second try; before the third it's three times as
/// long.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(600);
/// No pause is longer, in seconds.
const MAX_PAUSE_SECS: u64 = 2;
/// Days begin in China this many seconds before they do in Greenwich: daily quotas
/// are counted there.
const CHINA_UTC_OFFSET_SECS: u64 = 8 * 3600;
const DAY_SECS: u64 = 24 * 3600;
/// What a whole account lacks is looked at again after this many seconds.
const OPERATOR_BACKOFF_SECS: u64 = 600;

/// What WeChat made of a message.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    /// It has taken it on.
    Accepted(Option<String>),
    /// It has not, and won't.
    Refused(Refusal),
    /// It has not been asked or has not taken it on, but may if asked again, at
    /// the earliest after so many seconds.
    Later { reason: String, refusal: Option<Refusal>, after: u64 },
    /// The app can't have it sent until somebody changes its configuration.
    Misconfigured { reason: String },
    /// It may or may not have taken it on.
    Unknown { reason: String, refusal: Option<Refusal> },
}

/// Sends a message, unless `not_after` is past.
pub(crate) async fn call_wechat(
    app: &App,
    sender_app: &WeChatApp,
    ready: &PreparedMessage,
    not_after: Timestamp,
) -> CallOutcome {
    let repeatable = ready.intent.channel.is_repeatable();
    let mut doubt: Option<(String, Option<Refusal>)> = None;
    for tries in 1.. {
        let answer = call_once(app, sender_app, ready, not_after).await;
        let again = match &answer {
            CallOutcome::Unknown { .. } => repeatable,
            CallOutcome::Later { after, .. } => *after == 0,
            // Nobody knows what a code means that isn't documented; perhaps it passes.
            CallOutcome::Refused(refusal) => tries == 1 && !refusal.is_known(),
            CallOutcome::Accepted(_) | CallOutcome::Misconfigured { .. } => false,
        };
        if again && tries < MAX_CALLS && Timestamp::now().plus(MAX_PAUSE_SECS) < not_after {
            if let CallOutcome::Unknown { reason, refusal } = answer {
                doubt = Some((reason, refusal));
            }
            tokio::time::sleep(pause(attempts)).await;
            continue;
        }
        return match (answer, doubt) {
            // What WeChat may have taken on before, it can't have refused; and nothing
            // else may be sent instead, whatever keeps it from being asked again.
            (
                CallOutcome::Later { .. } | CallOutcome::Misconfigured { .. },
                Some((reason, refusal)),
            ) => CallOutcome::Unknown { reason, refusal },
            (CallOutcome::Refused(refusal), Some((before, _))) => CallOutcome::Unknown {
                reason: format!("{before}; asked again, {refusal}"),
                refusal: Some(refusal),
            },
            (answer, _) => answer,
        };
    }
    unreachable!("the last try returns")
}

/// One try.
async fn call_once(
    app: &App,
    sender_app: &WeChatApp,
    ready: &PreparedMessage,
    not_after: Timestamp,
) -> CallOutcome {
    let api = ready.message.api();
    let now = Timestamp::now();
    let rest = app.circuit_breaker.open_circuit(&sender_app.app_id, api, now);
    if let Some((reason, until)) = blocked_until(app, sender_app, api, now)
        && !try_half_open(app, sender_app, api, rest, now).await
    {
        return CallOutcome::Later { reason, refusal: None, after: until.seconds_since(now) };
    }
    let sent = app
        .tokens
        .call_until(sender_app, now, not_after, async |token| {
            // Whoever slept here may have lost the notification to somebody else.
            if Timestamp::now() >= not_after {
                let problem = "there was no time left for it".to_owned();
                return Err(CallError::NotSent { api, problem });
            }
            let started = Instant::now();
            let sent = app.wechat.send(token, &ready.message).await;
            let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            metric::WECHAT_LATENCY.record(milliseconds, [&sender_app.alias, api]);
            sent
        })
        .await;
    if let Err(TokenError::Call(CallError::Refused { refusal, .. })) = &sent {
        app.circuit_breaker.record_refusal(app, sender_app, api, refusal, Timestamp::now()).await;
    }
    if rest.is_some() && closes_circuit(&sent) {
        app.circuit_breaker.close(app, sender_app, api).await;
    }
    classify(sent, Timestamp::now())
}

/// Whether an API that rested has answered so that it can't rest any more: WeChat
/// looks at the person and the message only if there is a quota left.
fn closes_circuit(sent: &Result<Accepted, TokenError>) -> bool {
    match sent {
        Ok(_) => true,
        Err(TokenError::Call(CallError::Refused { refusal, .. })) => {
            matches!(refusal.class(), Class::Unreachable | Class::Fault)
        }
        Err(_) => false,
    }
}

/// Why an API rests, and until when, if it does.
pub(crate) fn blocked_until(
    app: &App,
    sender_app: &WeChatApp,
    api: &'static str,
    now: Timestamp,
) -> Option<(String, Timestamp)> {
    let told = |quota| format!("{api}: {} has used up {quota}", sender_app.alias);
    if let Some(rest) = app.circuit_breaker.open_circuit(&sender_app.app_id, api, now) {
        return Some((told("the day's quota"), rest.until));
    }
    let until = app.circuit_breaker.minute_quota_until(&sender_app.app_id, api, now)?;
    Some((told("the minute's quota"), until))
}

/// Why an API has to be left alone now, and until when, if so: it rests, and
/// nobody needs to find out yet whether it answers again.
pub(crate) fn blocked(
    app: &App,
    sender_app: &WeChatApp,
    api: &'static str,
    now: Timestamp,
) -> Option<(String, Timestamp)> {
    let rest = app.circuit_breaker.open_circuit(&sender_app.app_id, api, now);
    if rest.is_some_and(|rest| rest.may_be_probed(now)) {
        return None;
    }
    blocked_until(app, sender_app, api, now)
}

/// Whether this call is the one that finds out whether a blocked API answers
/// again.
async fn try_half_open(
    app: &App,
    sender_app: &WeChatApp,
    api: &str,
    rest: Option<OpenCircuit>,
    now: Timestamp,
) -> bool {
    let Some(rest) = rest else { return false };
    let probing = async {
        Ok::<_, AwsError>(
            rest.may_be_probed(now)
                && app.notifications.try_half_open(&sender_app.app_id, api, rest, now).await?,
        )
    };
    probing.await.unwrap_or_else(|error| {
        tracing::warn!(app = sender_app.alias, "{error}");
        false
    })
}

/// What WeChat's answer means.
fn classify(sent: Result<Accepted, TokenError>, now: Timestamp) -> CallOutcome {
    let error = match sent {
        Ok(accepted) => return CallOutcome::Accepted(accepted.message_id()),
        Err(error) => error,
    };
    let reason = error.to_string();
    match error {
        TokenError::Call(CallError::Refused { refusal, .. }) => {
            classify_refusal(refusal, reason, now)
        }
        TokenError::Call(CallError::Unknown { .. }) => {
            CallOutcome::Unknown { reason, refusal: None }
        }
        TokenError::Call(CallError::NotSent { .. }) => {
            CallOutcome::Later { reason, refusal: None, after: 0 }
        }
        TokenError::NotRenewed { lasting: true, .. } => CallOutcome::Misconfigured { reason },
        TokenError::NotRenewed { .. } => CallOutcome::Later { reason, refusal: None, after: 60 },
    }
}

fn classify_refusal(refusal: Refusal, reason: String, now: Timestamp) -> CallOutcome {
    let later = |refusal, after| CallOutcome::Later {
        reason: reason.clone(),
        refusal: Some(refusal),
        after,
    };
    match (refusal.class(), refusal.code) {
        // "The client_msg_id exists": it was taken on before.
        (_, 45065) => CallOutcome::Accepted(None),
        // Another message to the same user was under way; this one wasn't sent.
        (_, 43108) => later(refusal, 0),
        // "System error" doesn't say that nothing was sent.
        (Class::Retry, _) => CallOutcome::Unknown { reason, refusal: Some(refusal) },
        (Class::Quota, 45009) => later(refusal, until_midnight(now)),
        (Class::Quota, 45011) => later(refusal, 60 - now.0 % 60),
        // The person has to write first.
        (Class::Quota, 45047) => CallOutcome::Refused(refusal),
        (Class::Token | Class::Quota, _) => later(refusal, 60),
        // An address is added to a list within minutes, and nothing else is wrong.
        (Class::Configuration, 40164 | 89503 | 89506 | 89507 | 61004) => {
            later(refusal, OPERATOR_BACKOFF_SECS)
        }
        _ => CallOutcome::Refused(refusal),
    }
}

/// Seconds until the day ends in China.
pub(crate) fn until_midnight(now: Timestamp) -> u64 {
    DAY_SECS - (now.0 + CHINA_UTC_OFFSET_SECS) % DAY_SECS
}

/// Between half of the longest pause and all of it.
fn pause(attempts: u32) -> Duration {
    let chance = f64::from(shared::chance::number()) / f64::from(u32::MAX);
    MAX_FIRST_PAUSE.mul_f64(f64::from(2 * tries - 1)).mul_f64(0.5 + 0.5 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64) -> CallOutcome {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let refusal = Refusal { code, message: "m".to_owned(), rid: None };
        classify_refusal(refusal, "r".to_owned(), Timestamp(1_700_000_000))
    }

    #[test]
    fn a_quota_waits_until_it_is_counted_anew() {
        let after = |code| match answer(code) {
            CallOutcome::Later { after, .. } => after,
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!(after(45009), DAY_SECS - (6 * 3600 + 13 * 60 + 20));
        assert_eq!(after(45011), 40);
        assert_eq!(after(43108), 0);
        assert_eq!(after(40164), OPERATOR_BACKOFF_SECS);
        assert!(after(40001) > 0);
    }

    #[test]
    fn what_somebody_must_change_does_not_wait() {
        for code in [43101, 43004, 47003, 40037, 48001, 45015, 45047, 43107, 99999] {
            assert!(matches!(answer(code), CallOutcome::Refused(_)), "{code}");
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_refused() {
        for code in [-1, 20001, 200_001] {
            assert!(matches!(answer(code), CallOutcome::Unknown { .. }), "{code}");
        }
    }

    #[test]
    fn pauses_grow_and_differ() {
        assert!(pause(1) >= MAX_FIRST_PAUSE / 2 && pause(1) <= MAX_FIRST_PAUSE);
        assert!(pause(2) >= MAX_FIRST_PAUSE * 3 / 2 && pause(2) <= MAX_FIRST_PAUSE * 3);
        let some: Vec<_> = (0..20).map(|_| pause(1)).collect();
        assert!(some.iter().any(|other| *other != some[0]));
    }
}
