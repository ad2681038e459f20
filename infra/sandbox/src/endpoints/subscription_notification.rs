//! Subscription notifications of an Official Account: one message per consent, to followers and
//! to others.
//!
//! Source: WeChat's documentation, "发送订阅通知" (`message/subscribe/bizsend`). The `msgid` in
//! the answer is not documented, but WeChat sends it.

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success_with_msgid};
use crate::endpoints::client_msg_id::{ClientMsgId, repeated};
use crate::endpoints::subscription_message::{check_consent, check_not_concurrent, deliver, find};
use crate::endpoints::template_message::jump;
use crate::model::fields;
use crate::model::message::Message;
use serde_json::Value;

pub(super) const PATH: &str = "/cgi-bin/message/subscribe/bizsend";

/// `POST /cgi-bin/message/subscribe/bizsend`.
pub(super) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let to = call.recipient(at)?;
    let template_id = call.text("template_id").ok_or(api_error::INVALID_TEMPLATE)?;
    let template = find(call.app(at), template_id)?.clone();
    // Before the check of consent: the first message has used it up.
    let id = ClientMsgId::read(call, PATH, &to)?;
    if let Some(msgid) = id.earlier_msgid(call, at) {
        return repeated(call, msgid);
    }
    check_not_concurrent(call)?;
    check_consent(call, &to, &template.template_id)?;
    let fields = fields::render(&template, call.body.get("data"))?;
    let jump = jump(call.world, call.app(at), &call.body, "page")?;
    let card = Message::card(&to.alias, "bizsend", template.title.clone(), fields, call.now);
    let msgid = deliver(call, &to, &template, Message { jump, ..card });
    id.record(call, at, msgid);
    Ok(success_with_msgid(msgid))
}
