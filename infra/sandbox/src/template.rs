//! Template messages of an Official Account.
//!
//! Source: WeChat's documentation, "发送模板消息" (send a template message) and
//! "模板消息事件推送" (its receipt).

use crate::api::Call;
use crate::app::{App, Kind, Template, TemplateKind};
use crate::event::{self, Field};
use crate::fields;
use crate::message::{Jump, Message};
use crate::once::Once;
use crate::push::Push;
use crate::refusal::{self, Refusal};
use crate::world::World;
use serde_json::{Value, json};

/// Answers `POST /cgi-bin/message/template/send`.
pub(crate) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let app = &call.world.apps[at];
    let alias = app.alias.clone();
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?.to_owned();
    let person = call.world.whose(&alias, &open_id).ok_or(refusal::INVALID_OPENID)?;
    let template = find(app, call.text("template_id"), |kind| kind == TemplateKind::Template)?;
    let relation =
        call.world.people[person].relations.get(&alias).ok_or(refusal::INVALID_OPENID)?;
    if relation.follows.is_none() {
        return Err(refusal::REQUIRE_SUBSCRIBE);
    }
    let blocks = relation.blocks;
    let fields = fields::fit(template, call.body.get("data"))?;
    let jump = jump(call.world, app, &call.body, "url")?;
    let title = template.title.clone();
    let once = Once::read(call, "/cgi-bin/message/template/send", &open_id)?;
    if let Some(msgid) = once.sent_before(call, at) {
        return Ok(json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }));
    }

    let msgid = call.world.send_id();
    once.remember(call, at, msgid);
    // Who blocks the account is sent to all the same; that nothing arrived is
    // only said afterwards.
    if !blocks {
        call.world.people[person].show(Message {
            app: alias.clone(),
            kind: "template".to_owned(),
            title: Some(title),
            fields,
            text: None,
            emphasis: None,
            jump,
            time: now,
            msgid: Some(msgid),
        });
    }
    let status = if blocks { "failed:user block" } else { "success" };
    let receipt = event::Event::new("TEMPLATESENDJOBFINISH")
        .with("MsgID", Field::Number(msgid.into()))
        .with("Status", Field::text(status));
    call.after.push(Push::new(&alias, &open_id, now, receipt));
    Ok(json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }))
}

/// One of the app's templates, of a kind that fits.
pub(crate) fn find<'a>(
    app: &'a App,
    template_id: Option<&str>,
    fits: fn(TemplateKind) -> bool,
) -> Result<&'a Template, Refusal> {
    let template_id = template_id.ok_or(refusal::INVALID_TEMPLATE)?;
    if template_id.len() != 43 {
        return Err(refusal::INVALID_TEMPLATE_SIZE);
    }
    let found = app.templates.iter().find(|template| template.template_id == template_id);
    found.filter(|template| fits(template.kind)).ok_or(refusal::INVALID_TEMPLATE)
}

/// Where a tap leads: to the mini program, if one is given, else to the web page
/// that the field `url` names.
pub(crate) fn jump(
    world: &World,
    app: &App,
    body: &Value,
    url: &str,
) -> Result<Option<Jump>, Refusal> {
    let given = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned)
    };
    if let Some(program) = body.get("miniprogram").filter(|it| !it.is_null()) {
        let app_id = given(program.get("appid")).ok_or(refusal::INVALID_APPID)?;
        let page = given(program.get("pagepath"));
        return program_page(world, app, app_id, page).map(Some);
    }
    Ok(given(body.get(url)).map(Jump::Url))
}

/// A page of a mini program, which must be bound to the same open-platform
/// account as the Official Account that leads there.
pub(crate) fn program_page(
    world: &World,
    app: &App,
    app_id: String,
    page: Option<String>,
) -> Result<Jump, Refusal> {
    let bound = |it: &App| {
        it.kind == Kind::MiniProgram
            && it.app_id.as_str() == app_id
            && it.open_platform.is_some()
            && it.open_platform == app.open_platform
    };
    if !world.apps.iter().any(bound) {
        return Err(refusal::INVALID_APPID);
    }
    Ok(Jump::MiniProgram { app_id, page, state: "formal".to_owned() })
}
