//! What an account can look up of its own templates.
//!
//! Source: WeChat's documentation, "获取已添加至账号下所有模板列表"
//! (`template/get_all_private_template`) and "获取个人模板列表"
//! (`newtmpl/gettemplate`).

use crate::api::Call;
use crate::app::{Template, TemplateKind};
use crate::refusal::Refusal;
use serde_json::{Value, json};

/// Answers `GET /cgi-bin/template/get_all_private_template`: the template
/// messages of an Official Account. Like WeChat, without an errcode, and without
/// the values that a key may have.
pub(crate) fn template_messages(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let mine = call.world.apps[at].templates.iter();
    let list: Vec<_> = mine
        .filter(|template| template.kind == TemplateKind::Template)
        .map(|template| {
            json!({
                "template_id": template.template_id,
                "title": template.title,
                "primary_industry": "",
                "deputy_industry": "",
                "content": template.content,
                "example": template.example,
            })
        })
        .collect();
    Ok(json!({ "template_list": list }))
}

/// Answers `GET /wxaapi/newtmpl/gettemplate`: the subscription messages of
/// either kind of app.
pub(crate) fn subscriptions(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let mine = call.world.apps[at].templates.iter();
    let data: Vec<_> =
        mine.filter(|template| template.kind.is_subscription()).map(subscription).collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

fn subscription(template: &Template) -> Value {
    let mut one = json!({
        "priTmplId": template.template_id,
        "title": template.title,
        "content": template.content,
        "example": template.example,
        "type": if template.kind == TemplateKind::LongTerm { 3 } else { 2 },
    });
    if !template.values.is_empty() {
        let values = template.values.iter();
        one["keywordEnumValueList"] = values
            .map(|(key, values)| {
                json!({ "keywordCode": format!("{key}.DATA"), "enumValueList": values })
            })
            .collect();
    }
    one
}
