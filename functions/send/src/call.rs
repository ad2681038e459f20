//! One call to WeChat, made again where that helps and can't double anything.

use crate::app::App;
use crate::channel::Ready;
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::WeChatApp;
use shared::store::OpenCircuit;
use shared::wechat::client::CallError;
use shared::wechat::message::Accepted;
use shared::wechat::refusal::{ErrorClass, Refusal};
use std::time::{Duration, Instant};

/// A call is made so often in one attempt.
const TRIES: u32 = 3;
/// The longest pause before the second try; before the third it's three times as
/// long.
const PAUSE: Duration = Duration::from_millis(600);
/// No pause is longer, in seconds.
const PAUSES: u64 = 2;
/// Days begin in China this many seconds before they do in Greenwich: daily quotas
/// are counted there.
const CHINA: u64 = 8 * 3600;
const DAY: u64 = 24 * 3600;
/// What a whole account lacks is looked at again after this many seconds.
const REPAIR: u64 = 600;

/// What WeChat made of a message.
#[derive(Debug)]
pub(crate) enum Answer {
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
pub(crate) async fn call(
    app: &App,
    speaker: &WeChatApp,
    ready: &Ready,
    not_after: Timestamp,
) -> Answer {
    let repeatable = ready.intent.channel.is_repeatable();
    let mut doubt: Option<(String, Option<Refusal>)> = None;
    for attempts in 1.. {
        let answer = once(app, speaker, ready, not_after).await;
        let again = match &answer {
            Answer::Unknown { .. } => repeatable,
            Answer::Later { after, .. } => *after == 0,
            // Nobody knows what a code means that isn't documented; perhaps it passes.
            Answer::Refused(refusal) => attempts == 1 && !refusal.is_known(),
            Answer::Accepted(_) | Answer::Misconfigured { .. } => false,
        };
        if again && attempts < TRIES && Timestamp::now().plus(PAUSES) < not_after {
            if let Answer::Unknown { reason, refusal } = answer {
                doubt = Some((reason, refusal));
            }
            tokio::time::sleep(pause(attempts)).await;
            continue;
        }
        return match (answer, doubt) {
            // What WeChat may have taken on before, it can't have refused; and nothing
            // else may be sent instead, whatever keeps it from being asked again.
            (Answer::Later { .. } | Answer::Misconfigured { .. }, Some((reason, refusal))) => {
                Answer::Unknown { reason, refusal }
            }
            (Answer::Refused(refusal), Some((before, _))) => Answer::Unknown {
                reason: format!("{before}; asked again, {refusal}"),
                refusal: Some(refusal),
            },
            (answer, _) => answer,
        };
    }
    unreachable!("the last try returns")
}

/// One try.
async fn once(app: &App, speaker: &WeChatApp, ready: &Ready, not_after: Timestamp) -> Answer {
    let api = ready.message.api();
    let now = Timestamp::now();
    let rest = app.rests.get(&speaker.app_id, api, now);
    if let Some((reason, until)) = rest_of(app, speaker, api, now)
        && !probes(app, speaker, api, rest, now).await
    {
        return Answer::Later { reason, refusal: None, after: until.seconds_since(now) };
    }
    let sent = app
        .tokens
        .call_until(speaker, now, not_after, async |token| {
            // Whoever slept here may have lost the notification to somebody else.
            if Timestamp::now() >= not_after {
                let problem = "there was no time left for it".to_owned();
                return Err(CallError::NotSent { api, problem });
            }
            let started = Instant::now();
            let sent = app.wechat.send(token, &ready.message).await;
            let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            metric::WECHAT_LATENCY.record(milliseconds, [&speaker.alias, api]);
            sent
        })
        .await;
    if let Err(TokenError::Call(CallError::Refused { refusal, .. })) = &sent {
        app.rests.told(app, speaker, api, refusal, Timestamp::now()).await;
    }
    if rest.is_some() && counts_again(&sent) {
        app.rests.end(app, speaker, api).await;
    }
    understood(sent, Timestamp::now())
}

/// Whether an API that rested has answered so that it can't rest any more: WeChat
/// looks at the person and the message only if there is a quota left.
fn counts_again(sent: &Result<Accepted, TokenError>) -> bool {
    match sent {
        Ok(_) => true,
        Err(TokenError::Call(CallError::Refused { refusal, .. })) => {
            matches!(refusal.class(), ErrorClass::Unreachable | ErrorClass::Fault)
        }
        Err(_) => false,
    }
}

/// Why an API rests, and until when, if it does.
pub(crate) fn rest_of(
    app: &App,
    speaker: &WeChatApp,
    api: &'static str,
    now: Timestamp,
) -> Option<(String, Timestamp)> {
    let told = |quota| format!("{api}: {} has used up {quota}", speaker.alias);
    if let Some(rest) = app.rests.get(&speaker.app_id, api, now) {
        return Some((told("the day's quota"), rest.until));
    }
    let until = app.rests.this_minute(&speaker.app_id, api, now)?;
    Some((told("the minute's quota"), until))
}

/// Why an API has to be left alone now, and until when, if so: it rests, and
/// nobody needs to find out yet whether it answers again.
pub(crate) fn resting(
    app: &App,
    speaker: &WeChatApp,
    api: &'static str,
    now: Timestamp,
) -> Option<(String, Timestamp)> {
    let rest = app.rests.get(&speaker.app_id, api, now);
    if rest.is_some_and(|rest| rest.may_be_probed(now)) {
        return None;
    }
    rest_of(app, speaker, api, now)
}

/// Whether this call is the one that finds out whether a resting API answers
/// again.
async fn probes(
    app: &App,
    speaker: &WeChatApp,
    api: &str,
    rest: Option<OpenCircuit>,
    now: Timestamp,
) -> bool {
    let Some(rest) = rest else { return false };
    let probing = async {
        Ok::<_, AwsError>(
            rest.may_be_probed(now)
                && app.notifications.try_half_open(&speaker.app_id, api, rest, now).await?,
        )
    };
    probing.await.unwrap_or_else(|error| {
        tracing::warn!(app = speaker.alias, "{error}");
        false
    })
}

/// What WeChat's answer means.
fn understood(sent: Result<Accepted, TokenError>, now: Timestamp) -> Answer {
    let error = match sent {
        Ok(accepted) => return Answer::Accepted(accepted.message_id()),
        Err(error) => error,
    };
    let reason = error.to_string();
    match error {
        TokenError::Call(CallError::Refused { refusal, .. }) => of_refusal(refusal, reason, now),
        TokenError::Call(CallError::Unknown { .. }) => Answer::Unknown { reason, refusal: None },
        TokenError::Call(CallError::NotSent { .. }) => {
            Answer::Later { reason, refusal: None, after: 0 }
        }
        TokenError::Unavailable { permanent: true, .. } => Answer::Misconfigured { reason },
        TokenError::Unavailable { .. } => Answer::Later { reason, refusal: None, after: 60 },
    }
}

fn of_refusal(refusal: Refusal, reason: String, now: Timestamp) -> Answer {
    let later =
        |refusal, after| Answer::Later { reason: reason.clone(), refusal: Some(refusal), after };
    match (refusal.class(), refusal.code) {
        // "The client_msg_id exists": it was taken on before.
        (_, 45065) => Answer::Accepted(None),
        // Another message to the same user was under way; this one wasn't sent.
        (_, 43108) => later(refusal, 0),
        // "System error" doesn't say that nothing was sent.
        (ErrorClass::Retry, _) => Answer::Unknown { reason, refusal: Some(refusal) },
        (ErrorClass::Quota, 45009) => later(refusal, until_midnight(now)),
        (ErrorClass::Quota, 45011) => later(refusal, 60 - now.0 % 60),
        // The person has to write first.
        (ErrorClass::Quota, 45047) => Answer::Refused(refusal),
        (ErrorClass::Token | ErrorClass::Quota, _) => later(refusal, 60),
        // An address is added to a list within minutes, and nothing else is wrong.
        (ErrorClass::Configuration, 40164 | 89503 | 89506 | 89507 | 61004) => {
            later(refusal, REPAIR)
        }
        _ => Answer::Refused(refusal),
    }
}

/// Seconds until the day ends in China.
pub(crate) fn until_midnight(now: Timestamp) -> u64 {
    DAY - (now.0 + CHINA) % DAY
}

/// Between half of the longest pause and all of it.
fn pause(attempts: u32) -> Duration {
    let chance = f64::from(shared::jitter::random_u32()) / f64::from(u32::MAX);
    PAUSE.mul_f64(f64::from(2 * attempts - 1)).mul_f64(0.5 + 0.5 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64) -> Answer {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let refusal = Refusal { code, message: "m".to_owned(), rid: None };
        of_refusal(refusal, "r".to_owned(), Timestamp(1_700_000_000))
    }

    #[test]
    fn a_quota_waits_until_it_is_counted_anew() {
        let after = |code| match answer(code) {
            Answer::Later { after, .. } => after,
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!(after(45009), DAY - (6 * 3600 + 13 * 60 + 20));
        assert_eq!(after(45011), 40);
        assert_eq!(after(43108), 0);
        assert_eq!(after(40164), REPAIR);
        assert!(after(40001) > 0);
    }

    #[test]
    fn what_somebody_must_change_does_not_wait() {
        for code in [43101, 43004, 47003, 40037, 48001, 45015, 45047, 43107, 99999] {
            assert!(matches!(answer(code), Answer::Refused(_)), "{code}");
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_refused() {
        for code in [-1, 20001, 200_001] {
            assert!(matches!(answer(code), Answer::Unknown { .. }), "{code}");
        }
    }

    #[test]
    fn pauses_grow_and_differ() {
        assert!(pause(1) >= PAUSE / 2 && pause(1) <= PAUSE);
        assert!(pause(2) >= PAUSE * 3 / 2 && pause(2) <= PAUSE * 3);
        let some: Vec<_> = (0..20).map(|_| pause(1)).collect();
        assert!(some.iter().any(|other| *other != some[0]));
    }
}
