//! Template messages of an Official Account.
//!
//! Source: WeChat's documentation, "发送模板消息" (send a template message) and
//! "模板消息事件推送" (its receipt).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success_with_msgid};
use crate::endpoints::client_msg_id::{ClientMsgId, repeated};
use crate::model::app::App;
use crate::model::app_settings::AppKind;
use crate::model::fields;
use crate::model::message::{Jump, Message};
use crate::model::template::{Template, TemplateKind};
use crate::model::world::World;
use crate::push::event::{Event, Field};
use crate::push::outgoing::Push;
use serde_json::Value;

pub(super) const PATH: &str = "/cgi-bin/message/template/send";
/// The length of a template id.
const TEMPLATE_ID_LENGTH: usize = 43;

/// `POST /cgi-bin/message/template/send`.
pub(super) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let to = call.recipient(at)?;
    let app = call.app(at);
    let template = find(app, call.text("template_id"), |kind| kind == TemplateKind::Template)?;
    let relation = call.relation(&to)?;
    if relation.follows.is_none() {
        return Err(api_error::REQUIRE_SUBSCRIBE);
    }
    let blocks = relation.blocks;
    let fields = fields::render(template, call.body.get("data"))?;
    let jump = jump(call.world, app, &call.body, "url")?;
    let title = template.title.clone();
    let id = ClientMsgId::read(call, PATH, &to)?;
    if let Some(msgid) = id.earlier_msgid(call, at) {
        return repeated(call, msgid);
    }

    let msgid = call.world.send_id();
    id.record(call, at, msgid);
    // A send to a user who blocks the account succeeds; only the receipt reports the block.
    let undelivered = if blocks { Some("failed:user block") } else { call.undelivered() };
    if undelivered.is_none() {
        let card = Message::card(&to.alias, "template", title, fields, call.now);
        call.person_mut(&to).show(Message { jump, msgid: Some(msgid), ..card });
    }
    let status = undelivered.unwrap_or("success");
    let receipt = Event::new("TEMPLATESENDJOBFINISH")
        .with("MsgID", Field::Number(msgid.into()))
        .with("Status", Field::text(status));
    call.pushes.push(Push::new(&to.alias, &to.open_id, call.now, receipt));
    Ok(success_with_msgid(msgid))
}

/// One of the app's templates of a matching kind.
pub(super) fn find<'a>(
    app: &'a App,
    template_id: Option<&str>,
    matches: fn(TemplateKind) -> bool,
) -> Result<&'a Template, ApiError> {
    let template_id = template_id.ok_or(api_error::INVALID_TEMPLATE)?;
    if template_id.len() != TEMPLATE_ID_LENGTH {
        return Err(api_error::INVALID_TEMPLATE_SIZE);
    }
    let found = app.templates.iter().find(|template| template.template_id == template_id);
    found.filter(|template| matches(template.kind)).ok_or(api_error::INVALID_TEMPLATE)
}

/// The target of a tap: the `miniprogram` if there is one, else the web page in the field
/// `url`. Empty texts count as missing: the Go SDK silenceper/wechat sends a `miniprogram` of
/// them if none is set.
pub(super) fn jump(
    world: &World,
    app: &App,
    body: &Value,
    url: &str,
) -> Result<Option<Jump>, ApiError> {
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let program = body.get("miniprogram").unwrap_or(&Value::Null);
    match (text(program.get("appid")), text(program.get("pagepath"))) {
        (Some(app_id), page) => return mini_program_page(world, app, app_id, page).map(Some),
        (None, Some(_)) => return Err(api_error::INVALID_APPID),
        (None, None) => {}
    }
    Ok(text(body.get(url)).map(Jump::Url))
}

/// A page of a Mini Program, which must be bound to the same open-platform account as the
/// Official Account.
pub(super) fn mini_program_page(
    world: &World,
    app: &App,
    app_id: String,
    page: Option<String>,
) -> Result<Jump, ApiError> {
    let bound = |it: &App| {
        it.kind == AppKind::MiniProgram
            && it.app_id.as_str() == app_id
            && it.open_platform.is_some()
            && it.open_platform == app.open_platform
    };
    if !world.apps.iter().any(bound) {
        return Err(api_error::INVALID_APPID);
    }
    Ok(Jump::MiniProgram { app_id, page, state: "formal".to_owned() })
}
