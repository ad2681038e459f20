//! Template messages of a Mini Program, one per submitted form.
//!
//! WeChat retired them on 2020-01-10; its answers today are not documented. Source: WeChat's
//! earlier documentation, "发送模板消息" (`message/wxopen/template/send`,
//! <https://developers.weixin.qq.com/miniprogram/dev/api-backend/open-api/template-message/templateMessage.send.html>).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success};
use crate::endpoints::template_message;
use crate::model::fields;
use crate::model::forms;
use crate::model::message::Message;
use crate::model::template::TemplateKind;
use serde_json::Value;

/// `POST /cgi-bin/message/wxopen/template/send`.
pub(super) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let to = call.recipient(at)?;
    let app = call.app(at);
    let template =
        template_message::find(app, call.text("template_id"), |kind| kind == TemplateKind::Legacy)
            .map_err(|_| api_error::INVALID_TEMPLATE)?;
    let form_id = call.text("form_id").ok_or(api_error::INVALID_FORM)?;
    let form = forms::find(&app.state.forms, form_id, &to.open_id, call.now)?;
    let fields = fields::render(template, call.body.get("data"))?;
    let emphasis = call.text("emphasis_keyword").and_then(|it| it.strip_suffix(".DATA"));
    let emphasis = emphasis.filter(|key| fields.iter().any(|it| it.key == *key)).map(str::to_owned);
    let jump = call.own_page(app, "formal");
    let title = template.title.clone();
    let card = Message::card(&to.alias, "legacy_template", title, fields, call.now);

    call.world.apps[at].state.forms[form].consume();
    // To a user who has turned notifications off, the send succeeds and nothing appears.
    if !call.relation(&to)?.blocks {
        call.person_mut(&to).show(Message { emphasis, jump, ..card });
    }
    Ok(success())
}

/// `POST /cgi-bin/message/wxopen/template/uniform_send`, which WeChat withdrew on 2023-09-20.
pub(super) fn uniform_send(_: &mut Call<'_>, _: usize) -> Result<Value, ApiError> {
    Err(api_error::WITHDRAWN)
}
