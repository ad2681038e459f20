//! Subscription notifications of an Official Account: one consent, one message,
//! to followers and to others.
//!
//! Source: WeChat's documentation, "发送订阅通知" (`message/subscribe/bizsend`).
//! That it answers with a `msgid` is seen in its traffic, not documented.

use crate::api::Call;
use crate::fields;
use crate::message::Message;
use crate::once::Once;
use crate::push::Push;
use crate::refusal::{self, Refusal};
use crate::{subscribe, template};
use serde_json::{Value, json};

/// Answers `POST /cgi-bin/message/subscribe/bizsend`.
pub(crate) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let alias = call.world.apps[at].alias.clone();
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?.to_owned();
    let person = call.world.whose(&alias, &open_id).ok_or(refusal::INVALID_OPENID)?;
    let template_id = call.text("template_id").ok_or(refusal::INVALID_TEMPLATE)?.to_owned();
    subscribe::find(&call.world.apps[at], &template_id)?;
    // Before anything about consent: the first message has used it up.
    let once = Once::read(call, "/cgi-bin/message/subscribe/bizsend", &open_id)?;
    if let Some(msgid) = once.sent_before(call, at) {
        return Ok(json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }));
    }
    subscribe::check_alone(call)?;
    subscribe::check_consent(call, person, &alias, &template_id)?;

    let app = &call.world.apps[at];
    let template = subscribe::find(app, &template_id)?;
    let fields = fields::fit(template, call.body.get("data"))?;
    let jump = template::jump(call.world, app, &call.body, "page")?;
    let title = template.title.clone();
    let lasts = subscribe::lasts(template);
    let msgid = call.world.send_id();
    once.remember(call, at, msgid);
    let person = &mut call.world.people[person];
    if !lasts {
        subscribe::use_up(person, &alias, &template_id);
    }
    person.show(Message {
        app: alias.clone(),
        kind: "bizsend".to_owned(),
        title: Some(title),
        fields,
        emphasis: None,
        text: None,
        jump,
        time: call.now,
        msgid: Some(msgid),
    });
    call.after.push(Push::new(&alias, &open_id, call.now, subscribe::sent(&template_id, msgid)));
    Ok(json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }))
}
