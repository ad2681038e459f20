//! Subscription messages of a Mini Program: one message per consent, or, with a long-term
//! template, any number of messages.
//!
//! Source: WeChat's documentation, "发送订阅消息" (send a subscription message,
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html>).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, Recipient, success_with_msgid};
use crate::endpoints::template_message;
use crate::model::app::App;
use crate::model::fields;
use crate::model::message::Message;
use crate::model::template::{Template, TemplateKind};
use crate::push::outgoing::Push;
use crate::push::subscription_events;
use serde_json::Value;

/// `POST /cgi-bin/message/subscribe/send`.
pub(super) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let to = call.recipient(at)?;
    let template_id = call.text("template_id").ok_or(api_error::INVALID_TEMPLATE)?;
    let template = find(call.app(at), template_id)?;
    check_not_concurrent(call)?;
    check_consent(call, &to, template_id)?;
    let fields = fields::render(template, call.body.get("data"))?;
    let state = one_of(call, "miniprogram_state", &["formal", "developer", "trial"])?;
    one_of(call, "lang", &["zh_CN", "en_US", "zh_HK", "zh_TW"])?;
    let jump = call.own_page(call.app(at), &state);
    let card = Message::card(&to.alias, "subscribe", template.title.clone(), fields, call.now);
    let template = template.clone();
    let msgid = deliver(call, &to, &template, Message { jump, ..card });
    Ok(success_with_msgid(msgid))
}

/// Shows a message, uses up a consent to one message, and pushes the event. `message` gets a
/// new `msgid`.
pub(super) fn deliver(
    call: &mut Call<'_>,
    to: &Recipient,
    template: &Template,
    message: Message,
) -> i64 {
    let msgid = call.world.send_id();
    let person = call.person_mut(to);
    if template.kind == TemplateKind::OneTime {
        let relation = person.relations.get_mut(&to.alias);
        if let Some(left) = relation.and_then(|it| it.consents.get_mut(&template.template_id)) {
            *left = left.saturating_sub(1);
        }
    }
    let undelivered = call.undelivered();
    if undelivered.is_none() {
        call.person_mut(to).show(Message { msgid: Some(msgid), ..message });
    }
    let status = undelivered.unwrap_or("success");
    let event = subscription_events::sent(&template.template_id, msgid, status);
    call.pushes.push(Push::new(&to.alias, &to.open_id, call.now, event));
    msgid
}

/// One of the app's subscription templates. An id of the wrong length has no specific code
/// here.
pub(super) fn find<'a>(app: &'a App, template_id: &str) -> Result<&'a Template, ApiError> {
    template_message::find(app, Some(template_id), TemplateKind::is_subscription)
        .map_err(|_| api_error::INVALID_TEMPLATE)
}

/// Fails if another subscription message to this user is in progress.
pub(super) fn check_not_concurrent(call: &Call<'_>) -> Result<(), ApiError> {
    if call.concurrent { Err(api_error::CONCURRENT) } else { Ok(()) }
}

/// Fails without a consent to a message of this template.
pub(super) fn check_consent(
    call: &Call<'_>,
    to: &Recipient,
    template_id: &str,
) -> Result<(), ApiError> {
    let relation = call.relation(to)?;
    if relation.blocks || relation.consents.get(template_id).is_none_or(|left| *left == 0) {
        return Err(api_error::NO_CONSENT);
    }
    Ok(())
}

/// An optional parameter with a fixed set of values; the first one is the default. An empty
/// text counts as missing: the Go SDK silenceper/wechat sends one for what isn't set.
fn one_of(call: &Call<'_>, name: &str, values: &[&str]) -> Result<String, ApiError> {
    let value = match call.body.get(name) {
        None | Some(Value::Null) => values.first().copied(),
        Some(Value::String(text)) if text.is_empty() => values.first().copied(),
        Some(value) => value.as_str(),
    };
    let known = value.filter(|value| values.contains(value)).map(str::to_owned);
    known.ok_or_else(|| {
        ApiError::new(api_error::INVALID_PARAMETER.errcode, format!("invalid parameter, {name}"))
    })
}
