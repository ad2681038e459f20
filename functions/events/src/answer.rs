//! What a mini program answers by itself, by rules in its parameter: a message
//! of customer service, as a mini program has no passive replies.

use crate::app::App;
use crate::apply::ApplyError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{Answer, App as WeChatApp};
use shared::store::{AnswerState, StoredEvent};
use shared::wechat::client::Error as CallError;
use shared::wechat::customer_service::CustomerServiceMessage;
use shared::wechat::push::{Event, Kind, Push};
use shared::wechat::refusal::{Class, Refusal};

/// Who enters customer service may be written to for a minute; this many
/// seconds of it leave time to get there.
const AFTER_ENTERING: u64 = 55;
/// Who has written may be answered for 48 hours, but whoever waited for longer
/// than this many seconds is better answered by a human.
const AFTER_A_MESSAGE: u64 = 10 * 60;

/// Answers an event, if a rule says so, at most once ever.
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
    let Some(Answer::Message(message)) = wechat_app.replies.answer(&push.kind) else {
        return Ok(());
    };
    let now = Timestamp::now();
    if !app.events.claim_answer(event, now).await? {
        return Ok(());
    }
    let alias = wechat_app.alias.as_str();
    let state = match attempt(app, wechat_app, event, push, message, now).await {
        Ok(state) => state,
        Err(error) => {
            app.events.give_back_answer(event).await?;
            return Err(error);
        }
    };
    match &state {
        AnswerState::Refused { reason, .. } => {
            tracing::error!(app = alias, event = event.event, "an answer was refused: {reason}");
        }
        AnswerState::Unknown { reason } => {
            tracing::warn!(
                app = alias,
                event = event.event,
                "an answer was perhaps sent: {reason}"
            );
        }
        _ => tracing::info!(app = alias, event = event.event, ?state, "answered"),
    }
    // Without the note the claim says that it was being sent, and it stays one
    // answer.
    if let Err(error) = app.events.note_answer(event, &state, now).await {
        tracing::error!(app = alias, event = event.event, "{error}");
    }
    Ok(())
}

/// Sends it, if there is still time.
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
    now: Timestamp,
) -> Result<AnswerState, ApplyError> {
    if now.seconds_since(push.create_time) > patience(&push.kind) {
        return Ok(AnswerState::TooLate);
    }
    let taker = event.event.as_str();
    if !app.users.take_from_window(&wechat_app.app_id, &push.from, taker, now).await? {
        return Ok(AnswerState::NoWindow);
    }
    let send = || {
        app.tokens.call(wechat_app, now, async |token| {
            app.wechat.send_customer_service(token, &push.from, message).await
        })
    };
    let sent = match send().await {
        // WeChat wasn't reached; within a minute there isn't time for more than
        // another try at once.
        Err(TokenError::Call(CallError::NotSent { .. })) => send().await,
        other => other,
    };
    let Err(error) = sent else { return Ok(AnswerState::Sent) };
    let reason = error.to_string();
    match error {
        TokenError::Call(CallError::Unknown { .. }) => Ok(AnswerState::Unknown { reason }),
        TokenError::Call(CallError::Refused { ref refusal, .. }) => match refusal.code {
            // "System error" doesn't say that nothing was sent.
            -1 => Ok(AnswerState::Unknown { reason }),
            _ if is_passing(refusal) => Err(error.into()),
            code => Ok(AnswerState::Refused { code, reason }),
        },
        _ => Err(error.into()),
    }
}

/// How many seconds after an event an answer still makes sense.
fn patience(kind: &Kind) -> u64 {
    match kind {
        Kind::Event(Event::UserEnterTempSession { .. }) => AFTER_ENTERING,
        _ => AFTER_A_MESSAGE,
    }
}

/// Whether WeChat may take the same message a while later.
fn is_passing(refusal: &Refusal) -> bool {
    // 45047: as many as the window takes were sent.
    refusal.code != 45047 && matches!(refusal.class(), Class::Retry | Class::Quota | Class::Token)
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
