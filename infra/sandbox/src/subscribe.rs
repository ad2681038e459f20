//! Subscription messages of a Mini Program: one consent, one message; or, of a
//! long-term template, one consent and any number of messages.
//!
//! Source: WeChat's documentation, "发送订阅消息" (send a subscription message)
//! and "订阅消息语音提醒/事件推送" (its events).

use crate::api::Call;
use crate::app::{App, Template, TemplateKind};
use crate::event::{Event, Field};
use crate::message::{Jump, Message};
use crate::person::Person;
use crate::push::Push;
use crate::refusal::{self, Refusal};
use crate::{fields, template};
use serde_json::{Value, json};

/// Answers `POST /cgi-bin/message/subscribe/send`.
pub(crate) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let app = &call.world.apps[at];
    let (alias, app_id) = (app.alias.clone(), app.app_id.to_string());
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?.to_owned();
    let person = call.world.whose(&alias, &open_id).ok_or(refusal::INVALID_OPENID)?;
    let template_id = call.text("template_id").ok_or(refusal::INVALID_TEMPLATE)?.to_owned();
    let template = find(app, &template_id)?;
    check_alone(call)?;
    check_consent(call, person, &alias, &template_id)?;
    let fields = fields::fit(template, call.body.get("data"))?;
    let state = one_of(call, "miniprogram_state", &["formal", "developer", "trial"])?;
    one_of(call, "lang", &["zh_CN", "en_US", "zh_HK", "zh_TW"])?;
    let jump = call.text("page").map(|page| Jump::MiniProgram {
        app_id,
        page: Some(page.to_owned()),
        state,
    });
    let (title, lasts) = (template.title.clone(), lasts(template));

    let msgid = call.world.send_id();
    let person = &mut call.world.people[person];
    if !lasts {
        use_up(person, &alias, &template_id);
    }
    person.show(Message {
        app: alias.clone(),
        kind: "subscribe".to_owned(),
        title: Some(title),
        fields,
        emphasis: None,
        text: None,
        jump,
        time: now,
        msgid: Some(msgid),
    });
    call.after.push(Push::new(&alias, &open_id, now, sent(&template_id, msgid)));
    Ok(json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }))
}

/// One of the app's subscription templates. Unlike a template message's, an id
/// of a wrong length has no code of its own here.
pub(crate) fn find<'a>(app: &'a App, template_id: &str) -> Result<&'a Template, Refusal> {
    template::find(app, Some(template_id), TemplateKind::is_subscription)
        .map_err(|_| refusal::INVALID_TEMPLATE)
}

/// Nobody is sent two subscription messages at once.
pub(crate) fn check_alone(call: &Call<'_>) -> Result<(), Refusal> {
    if call.concurrent { Err(refusal::CONCURRENT) } else { Ok(()) }
}

/// Whether the person consents to one more message of this template.
pub(crate) fn check_consent(
    call: &Call<'_>,
    person: usize,
    alias: &str,
    template_id: &str,
) -> Result<(), Refusal> {
    let relation = call.world.people[person].relations.get(alias).ok_or(refusal::INVALID_OPENID)?;
    if relation.blocks || relation.consents.get(template_id).is_none_or(|left| *left == 0) {
        return Err(refusal::REFUSED);
    }
    Ok(())
}

/// Whether one consent is good for any number of messages.
pub(crate) fn lasts(template: &Template) -> bool {
    template.kind == TemplateKind::LongTerm
}

/// One consent to one message is gone.
pub(crate) fn use_up(person: &mut Person, alias: &str, template_id: &str) {
    let relation = person.relations.get_mut(alias);
    if let Some(left) = relation.and_then(|it| it.consents.get_mut(template_id)) {
        *left = left.saturating_sub(1);
    }
}

/// The first value is the one that is meant when nothing is said.
fn one_of(call: &Call<'_>, name: &str, values: &[&str]) -> Result<String, Refusal> {
    let value = match call.body.get(name) {
        None | Some(Value::Null) => values.first().copied(),
        Some(value) => value.as_str(),
    };
    let known = value.filter(|value| values.contains(value)).map(str::to_owned);
    known.ok_or_else(|| {
        Refusal::new(refusal::INVALID_PARAMETER.errcode, format!("invalid parameter, {name}"))
    })
}

/// What a message led to.
pub(crate) fn sent(template_id: &str, msgid: i64) -> Event {
    Event::new("subscribe_msg_sent_event").with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("MsgID".to_owned(), Field::Number(msgid.into())),
        ("ErrorCode".to_owned(), Field::Number(0.into())),
        ("ErrorStatus".to_owned(), Field::text("success")),
    ]])
}

/// Somebody was asked, and said yes or no. `popup_scene` is where: 0 in a page
/// of the Mini Program, 1 in a web page, 2 in an article of the Official Account.
pub(crate) fn asked(template_id: &str, accept: bool, popup_scene: u8) -> Event {
    Event::new("subscribe_msg_popup_event").with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("SubscribeStatusString".to_owned(), Field::text(if accept { "accept" } else { "reject" })),
        ("PopupScene".to_owned(), Field::Number(popup_scene.into())),
    ]])
}

/// Somebody turned these templates off in their settings.
pub(crate) fn turned_off<'a>(template_ids: impl Iterator<Item = &'a String>) -> Event {
    let item = |template_id: &'a String| {
        vec![
            ("TemplateId".to_owned(), Field::text(template_id)),
            ("SubscribeStatusString".to_owned(), Field::text("reject")),
        ]
    };
    Event::new("subscribe_msg_change_event").with_items(template_ids.map(item).collect())
}
