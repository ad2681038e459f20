//! What a mini program answers by itself: a message of customer service, as a
//! mini program has no passive replies. Which one, the callback function has
//! decided by the app's rules, and written on the event's row.

use crate::app::App;
use crate::apply::ApplyError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{AutoReplyClaim, AutoReplyState, StoredEvent};
use shared::wechat::client::CallError;
use shared::wechat::customer_service::CustomerServiceMessage;
use shared::wechat::push::{Event, Push, PushKind};
use shared::wechat::refusal::{ErrorClass, Refusal};
use std::time::Duration;

/// Who enters customer service may be written to for a minute; this many
/// seconds of it leave time to get there.
const AFTER_ENTERING: u64 = 55;
/// Who has written may be answered for 48 hours, but whoever waited for longer
/// than this many seconds is better answered by a human.
const AFTER_A_MESSAGE: u64 = 10 * 60;

/// Who enters would have gone before the sweep tries again, a minute later: so
/// it is tried again at once, after these pauses.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// No try begins later than this many seconds after the first one: what is left
/// of the time that an event is given is for the last of them.
const LATEST: u64 = 8;

/// Answers an event, if the rules said so when it came, at most once ever.
///
/// # Errors
///
/// When it was certainly not sent, and a later try may.
pub(crate) async fn answer(
    app: &App,
    wechat_app: &WeChatApp,
    event: &StoredEvent,
    push: &Push,
) -> Result<(), ApplyError> {
    let Some(message) = &event.customer_service else { return Ok(()) };
    let message: CustomerServiceMessage = serde_json::from_str(message)
        .map_err(|_| ApplyError::Malformed("the answer on its row is no message"))?;
    let claim = match app.events.claim_auto_reply(event, Timestamp::now()).await? {
        AutoReplyClaim::Acquired(claim) => claim,
        AutoReplyClaim::InProgress => return Err(ApplyError::Answering),
        AutoReplyClaim::Closed => return Ok(()),
    };
    let (alias, name) = (wechat_app.alias.as_str(), event.name());
    let attempted = attempt(app, wechat_app, event, push, &message).await;
    // It was certainly not sent, so that the window takes as much as before. If
    // that can't be noted, the answer matters more.
    if attempted.is_err()
        && let Err(error) =
            app.users.release_in_window(&event.app_id, &push.from, &event.event).await
    {
        tracing::error!(app = alias, event = name, "{error}");
    }
    let state = match attempted {
        Ok(state) => state,
        Err(error) if is_urgent(&push.kind) => {
            AutoReplyState::NotSent { reason: error.to_string() }
        }
        Err(error) => {
            app.events.release_auto_reply(event, &claim).await?;
            return Err(error);
        }
    };
    match &state {
        AutoReplyState::Refused { reason, .. } => {
            tracing::error!(app = alias, event = name, "an answer was refused: {reason}");
        }
        AutoReplyState::NotSent { reason } => {
            tracing::error!(app = alias, event = name, "an answer was not sent: {reason}");
        }
        AutoReplyState::Unknown { reason } => {
            tracing::warn!(app = alias, event = name, "an answer was perhaps sent: {reason}");
        }
        _ => tracing::info!(app = alias, event = name, ?state, "answered"),
    }
    // Without the note the claim says that it was being sent, and it stays one
    // answer.
    if let Err(error) = app.events.record_auto_reply(event, &claim, &state, Timestamp::now()).await
    {
        tracing::error!(app = alias, event = name, "{error}");
    }
    Ok(())
}

/// Sends it, if there is still time and a window for it.
///
/// # Errors
///
/// When it was certainly not sent, and a later try may.
async fn attempt(
    app: &App,
    wechat_app: &WeChatApp,
    event: &StoredEvent,
    push: &Push,
    message: &CustomerServiceMessage,
) -> Result<AutoReplyState, ApplyError> {
    let now = Timestamp::now();
    if now.seconds_since(push.create_time) > patience(&push.kind) {
        return Ok(AutoReplyState::TooLate);
    }
    let app_id = &wechat_app.app_id;
    if !app.users.reserve_in_window(app_id, &push.from, &event.event, now).await? {
        return Ok(AutoReplyState::NoWindow);
    }
    let mut pauses = PAUSES.iter();
    loop {
        let Err(error) = send(app, wechat_app, push, message).await else {
            return Ok(AutoReplyState::Sent);
        };
        let error = match finally(error) {
            Ok(state) => return Ok(state),
            Err(error) => error,
        };
        let unreached = matches!(error, TokenError::Call(CallError::NotSent { .. }));
        let pause = match pauses.next() {
            // Otherwise the sweep is soon enough.
            Some(pause) if is_urgent(&push.kind) || (unreached && *pause == PAUSES[0]) => *pause,
            _ => return Err(error.into()),
        };
        let next = Timestamp::now().plus(pause.as_secs() + 1);
        if next.seconds_since(now) > LATEST
            || next.seconds_since(push.create_time) > patience(&push.kind)
        {
            return Err(error.into());
        }
        tokio::time::sleep(pause).await;
    }
}

async fn send(
    app: &App,
    wechat_app: &WeChatApp,
    push: &Push,
    message: &CustomerServiceMessage,
) -> Result<(), TokenError> {
    let sent = app.tokens.call(wechat_app, Timestamp::now(), async |token| {
        app.wechat.send(token, &message.request(&push.from)).await
    });
    sent.await.map(drop)
}

/// What a failure says for good of an answer; the failure, if the answer was
/// certainly not sent and may be by another try.
fn finally(error: TokenError) -> Result<AutoReplyState, TokenError> {
    let reason = error.to_string();
    match error {
        TokenError::Call(CallError::Unknown { .. }) => Ok(AutoReplyState::Unknown { reason }),
        TokenError::Call(CallError::Refused { ref refusal, .. }) => match refusal.code {
            // "System error" doesn't say that nothing was sent.
            -1 => Ok(AutoReplyState::Unknown { reason }),
            _ if is_passing(refusal) => Err(error),
            code => Ok(AutoReplyState::Refused { code, reason }),
        },
        _ => Err(error),
    }
}

/// Whether an answer makes sense for so short a time that the sweep would be too
/// late.
fn is_urgent(kind: &PushKind) -> bool {
    patience(kind) == AFTER_ENTERING
}

/// How many seconds after an event an answer still makes sense.
fn patience(kind: &PushKind) -> u64 {
    match kind {
        PushKind::Event(Event::UserEnterTempSession { .. }) => AFTER_ENTERING,
        _ => AFTER_A_MESSAGE,
    }
}

/// Whether WeChat may take the same message a while later.
fn is_passing(refusal: &Refusal) -> bool {
    // 45047: as many as the window takes were sent.
    refusal.code != 45047
        && matches!(refusal.class(), ErrorClass::Retry | ErrorClass::Quota | ErrorClass::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_try_may_change() {
        let refusal = |code| Refusal { code, message: String::new(), rid: None };
        for code in [45009, 45011, 40001] {
            assert!(is_passing(&refusal(code)), "{code}");
        }
        for code in [45015, 45047, 40007, 45002, 48001] {
            assert!(!is_passing(&refusal(code)), "{code}");
        }
    }
}
