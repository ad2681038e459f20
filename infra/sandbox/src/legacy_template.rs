//! Template messages of a Mini Program, which a submitted form allows one of.
//!
//! WeChat itself retired them on 2020-01-10; what it answers today is not
//! documented. Source: WeChat's documentation of before, "发送模板消息"
//! (`message/wxopen/template/send`).

use crate::api::Call;
use crate::app::TemplateKind;
use crate::message::{Jump, Message};
use crate::refusal::{self, Refusal};
use crate::{fields, random, template};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a form id lives, in seconds: seven days.
const LIFE: i64 = 7 * 86_400;

/// A form that somebody submitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Form {
    form_id: String,
    open_id: String,
    submitted_at: i64,
    used: bool,
}

/// Somebody submits a form: the id that the Mini Program gets for it. Forms
/// that are too old are forgotten.
pub(crate) fn submit(forms: &mut Vec<Form>, open_id: &str, now: i64) -> String {
    forms.retain(|form| now < form.submitted_at + LIFE);
    let form_id = random::text(32);
    forms.push(Form {
        form_id: form_id.clone(),
        open_id: open_id.to_owned(),
        submitted_at: now,
        used: false,
    });
    form_id
}

/// Answers `POST /cgi-bin/message/wxopen/template/send`.
pub(crate) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let app = &call.world.apps[at];
    let (alias, app_id) = (app.alias.clone(), app.app_id.to_string());
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?.to_owned();
    let person = call.world.whose(&alias, &open_id).ok_or(refusal::INVALID_OPENID)?;
    let template =
        template::find(app, call.text("template_id"), |kind| kind == TemplateKind::Legacy)
            .map_err(|_| refusal::INVALID_TEMPLATE)?;
    let form_id = call.text("form_id").ok_or(refusal::INVALID_FORM)?;
    // Of somebody else's form WeChat says no more than of none at all.
    let fits =
        |it: &Form| it.form_id == form_id && it.open_id == open_id && now < it.submitted_at + LIFE;
    let form = app.forms.iter().position(fits).ok_or(refusal::INVALID_FORM)?;
    if app.forms[form].used {
        return Err(refusal::FORM_USED);
    }
    let fields = fields::fit(template, call.body.get("data"))?;
    let emphasis = call.text("emphasis_keyword").and_then(|it| it.strip_suffix(".DATA"));
    let message = Message {
        app: alias.clone(),
        kind: "legacy_template".to_owned(),
        title: Some(template.title.clone()),
        emphasis: emphasis.filter(|key| fields.iter().any(|it| it.key == *key)).map(str::to_owned),
        fields,
        text: None,
        jump: call.text("page").map(|page| Jump::MiniProgram {
            app_id,
            page: Some(page.to_owned()),
            state: "formal".to_owned(),
        }),
        time: now,
        msgid: None,
    };

    call.world.apps[at].forms[form].used = true;
    let person = &mut call.world.people[person];
    // Who has turned the notifications off sees nothing, and nobody is told.
    if person.relations.get(&alias).is_some_and(|it| !it.blocks) {
        person.show(message);
    }
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `POST /cgi-bin/message/wxopen/template/uniform_send`, which WeChat took away
/// on 2023-09-20: whatever it says, nobody is sent anything.
pub(crate) fn withdrawn(_: &mut Call<'_>, _: usize) -> Result<Value, Refusal> {
    Err(refusal::WITHDRAWN)
}
