//! The typing indicator of a customer-service chat.
//!
//! Source: WeChat's documentation, "下发客服当前输入状态" (`custom/typing`, and
//! `custom/business/typing` for Mini Programs).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success};
use crate::model::app_settings::AppKind;
use serde_json::Value;

/// Seconds for which the indicator is visible.
const TYPING_SECONDS: i64 = 15;
/// The last message of the chat must not be older, in seconds.
const MAX_CHAT_AGE: i64 = 30;

/// `POST /cgi-bin/message/custom/typing`.
pub(super) fn official_account(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    set(call, at, AppKind::OfficialAccount)
}

/// `POST /cgi-bin/message/custom/business/typing`.
pub(super) fn mini_program(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    set(call, at, AppKind::MiniProgram)
}

fn set(call: &mut Call<'_>, at: usize, kind: AppKind) -> Result<Value, ApiError> {
    let now = call.now;
    if call.app(at).kind != kind {
        return Err(api_error::INVALID_ACCOUNT);
    }
    let to = call.recipient(at)?;
    let typing = match call.text("command") {
        Some("Typing") => true,
        Some("CancelTyping") => false,
        _ => return Err(api_error::INVALID_COMMAND),
    };
    let relation = call.relation_mut(&to)?;
    if relation.last_chat_at.is_none_or(|at| now > at + MAX_CHAT_AGE) {
        return Err(api_error::NO_RECENT_MESSAGE);
    }
    if typing && now < relation.typing_until {
        return Err(api_error::ALREADY_TYPING);
    }
    relation.typing_until = if typing { now + TYPING_SECONDS } else { now };
    Ok(success())
}
