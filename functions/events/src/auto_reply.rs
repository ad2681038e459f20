//! Sends the auto-reply of a mini program: a customer-service message, as mini programs
//! have no passive replies. The callback function has selected it by the app's rules, and
//! stored it on the event's row.

use crate::app::App;
use crate::error::ApplyError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{AutoReplyClaim, AutoReplyState, StoredEvent};
use shared::wechat::client::CallError;
use shared::wechat::customer_service::CustomerServiceMessage;
use shared::wechat::push::{Event, Push, PushKind};
use shared::wechat::quota::retry_after;
use shared::wechat::refusal::WasSent;
use std::time::Duration;

/// Seconds in which a user who has entered a customer-service session gets the reply.
/// WeChat's window is a minute; the rest is for the call.
const ENTER_SESSION_WINDOW: u64 = 55;
/// Seconds in which a user who has sent a message gets the reply. WeChat's window is 48
/// hours, but after a longer wait a human's answer is better.
const MESSAGE_WINDOW: u64 = 10 * 60;

/// Pauses between the attempts in the short window, which closes before the sweep's next
/// attempt a minute later.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// No attempt starts later than this many seconds after the first one, so that the last
/// one ends before the event's timeout.
const MAX_RETRY_SECS: u64 = 8;

/// Sends the auto-reply that is stored on the event's row, if there is one, at most once
/// ever. Fails only if it was certainly not sent and a later attempt may succeed.
pub(crate) async fn send_auto_reply(
    app: &App,
    wechat_app: &WeChatApp,
    event: &StoredEvent,
    push: &Push,
) -> Result<(), ApplyError> {
    let Some(message) = &event.customer_service else { return Ok(()) };
    let message: CustomerServiceMessage = serde_json::from_str(message)
        .map_err(|_| ApplyError::Malformed("the auto-reply on its row is no message"))?;
    let claim = match app.events.claim_auto_reply(event, Timestamp::now()).await? {
        AutoReplyClaim::Acquired(claim) => claim,
        AutoReplyClaim::InProgress => return Err(ApplyError::AutoReplyInProgress),
        AutoReplyClaim::Closed => return Ok(()),
    };
    let (alias, name) = (wechat_app.alias.as_str(), event.name());
    let attempted = attempt(app, wechat_app, event, push, &message).await;
    // It was certainly not sent, so it does not count against the reply window. A failure
    // to release the slot must not hide the outcome.
    if attempted.is_err()
        && let Err(error) = app.reply_windows.release(&event.app_id, &push.from, &event.event).await
    {
        tracing::error!(app = alias, event = name, "{error}");
    }
    let state = match attempted {
        Ok(state) => state,
        Err(error) if has_short_window(&push.kind) => {
            AutoReplyState::NotSent { reason: error.to_string() }
        }
        Err(error) => {
            app.events.release_auto_reply(event, &claim).await?;
            return Err(error);
        }
    };
    match &state {
        AutoReplyState::Refused { reason, .. } => {
            tracing::error!(app = alias, event = name, "WeChat refused an auto-reply: {reason}");
        }
        AutoReplyState::NotSent { reason } => {
            tracing::error!(app = alias, event = name, "an auto-reply was not sent: {reason}");
        }
        AutoReplyState::Unknown { reason } => {
            tracing::warn!(app = alias, event = name, "an auto-reply was perhaps sent: {reason}");
        }
        _ => tracing::info!(app = alias, event = name, ?state, "finished an auto-reply"),
    }
    // If this fails, the claim stays on the row, and prevents a second reply.
    if let Err(error) = app.events.record_auto_reply(event, &claim, &state, Timestamp::now()).await
    {
        tracing::error!(app = alias, event = name, "{error}");
    }
    Ok(())
}

/// Sends the message, if it is not too late and the reply window allows it.
async fn attempt(
    app: &App,
    wechat_app: &WeChatApp,
    event: &StoredEvent,
    push: &Push,
    message: &CustomerServiceMessage,
) -> Result<AutoReplyState, ApplyError> {
    let now = Timestamp::now();
    if now.seconds_since(push.create_time) > window_secs(&push.kind) {
        return Ok(AutoReplyState::TooLate);
    }
    let app_id = &wechat_app.app_id;
    if !app.reply_windows.reserve(app_id, &push.from, &event.event, now).await? {
        return Ok(AutoReplyState::NoWindow);
    }
    let mut pauses = PAUSES.iter();
    loop {
        let Err(error) = send(app, wechat_app, push, message).await else {
            return Ok(AutoReplyState::Sent);
        };
        let error = match classify(error) {
            Ok(state) => return Ok(state),
            Err(error) => error,
        };
        let is_unreached = matches!(error, TokenError::Call(CallError::NotSent { .. }));
        let pause = match pauses.next() {
            // In the long window, the sweep retries.
            Some(pause)
                if has_short_window(&push.kind) || (is_unreached && *pause == PAUSES[0]) =>
            {
                *pause
            }
            _ => return Err(error.into()),
        };
        let next = Timestamp::now().plus(pause.as_secs() + 1);
        if next.seconds_since(now) > MAX_RETRY_SECS
            || next.seconds_since(push.create_time) > window_secs(&push.kind)
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

/// The final state that a failure implies. Err if the message was certainly not sent and
/// another attempt may succeed.
fn classify(error: TokenError) -> Result<AutoReplyState, TokenError> {
    let reason = error.to_string();
    match error {
        TokenError::Call(CallError::Unknown { .. }) => Ok(AutoReplyState::Unknown { reason }),
        TokenError::Call(CallError::Refused { ref refusal }) => match refusal.was_sent() {
            WasSent::Yes | WasSent::Perhaps => Ok(AutoReplyState::Unknown { reason }),
            WasSent::No if retry_after(refusal, Timestamp::now()).is_some() => Err(error),
            WasSent::No => Ok(AutoReplyState::Refused { code: refusal.code, reason }),
        },
        _ => Err(error),
    }
}

/// Whether the window closes before the sweep's next attempt.
fn has_short_window(kind: &PushKind) -> bool {
    window_secs(kind) == ENTER_SESSION_WINDOW
}

/// Seconds after the event in which a reply makes sense.
fn window_secs(kind: &PushKind) -> u64 {
    match kind {
        PushKind::Event(Event::UserEnterTempSession { .. }) => ENTER_SESSION_WINDOW,
        _ => MESSAGE_WINDOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wechat::api::CUSTOMER_SERVICE;
    use shared::wechat::refusal::Refusal;

    /// What is done after this code.
    fn outcome(code: i64) -> &'static str {
        let refusal = Refusal::with_code(CUSTOMER_SERVICE, code);
        match classify(TokenError::Call(CallError::Refused { refusal })) {
            Ok(AutoReplyState::Refused { .. }) => "refused",
            Ok(AutoReplyState::Unknown { .. }) => "perhaps sent",
            Ok(state) => panic!("{code}: {state:?}"),
            Err(_) => "try again",
        }
    }

    #[test]
    fn reply_is_tried_again_only_when_it_was_certainly_not_sent() {
        for code in [45009, 45011, 40001, 43108, 43117] {
            assert_eq!(outcome(code), "try again", "{code}");
        }
        for code in [45015, 45047, 40007, 45002, 48001] {
            assert_eq!(outcome(code), "refused", "{code}");
        }
        for code in [-1, -1000, 200_001, 99999] {
            assert_eq!(outcome(code), "perhaps sent", "{code}");
        }
    }
}
