//! "The other side is typing …": what a customer-service agent's client shows.
//!
//! Source: WeChat's documentation, "下发客服当前输入状态" (`custom/typing`, and
//! `custom/business/typing` for Mini Programs).

use crate::api::Call;
use crate::app::Kind;
use crate::refusal::{self, Refusal};
use serde_json::{Value, json};

/// So long it shows, in seconds.
const SHOWN: i64 = 15;
/// So long ago somebody must have said something at most, in seconds.
const EXCHANGED: i64 = 30;

/// Answers `POST /cgi-bin/message/custom/typing`.
pub(crate) fn of_account(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    set(call, at, Kind::OfficialAccount)
}

/// Answers `POST /cgi-bin/message/custom/business/typing`.
pub(crate) fn of_program(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    set(call, at, Kind::MiniProgram)
}

fn set(call: &mut Call<'_>, at: usize, kind: Kind) -> Result<Value, Refusal> {
    let now = call.now;
    let app = &call.world.apps[at];
    if app.kind != kind {
        return Err(refusal::INVALID_ACCOUNT);
    }
    let alias = app.alias.clone();
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?;
    let person = call.world.whose(&alias, open_id).ok_or(refusal::INVALID_OPENID)?;
    let typing = match call.text("command") {
        Some("Typing") => true,
        Some("CancelTyping") => false,
        _ => return Err(refusal::INVALID_COMMAND),
    };
    let relation =
        call.world.people[person].relations.get_mut(&alias).ok_or(refusal::INVALID_OPENID)?;
    if relation.exchanged_at.is_none_or(|at| now > at + EXCHANGED) {
        return Err(refusal::NOTHING_EXCHANGED);
    }
    if typing && now < relation.typing_until {
        return Err(refusal::ALREADY_TYPING);
    }
    relation.typing_until = if typing { now + SHOWN } else { now };
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}
