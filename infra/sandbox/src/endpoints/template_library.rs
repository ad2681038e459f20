//! An account's own templates, and the public ones that it composes them from.
//!
//! Source: WeChat's documentation, "获取已添加至账号下所有模板列表"
//! (`template/get_all_private_template`) and the pages beside it, "获取个人模板列表"
//! (`newtmpl/gettemplate`) and the pages beside it.

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success};
use crate::model::industries;
use crate::model::public_template::{self, Keyword, PublicTemplate};
use crate::model::template::{Template, TemplateKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Maximum number of an account's template messages.
const MAX_TEMPLATE_MESSAGES: usize = 25;
/// Maximum number of an account's subscription templates.
const MAX_SUBSCRIPTIONS: usize = 50;
/// Maximum number of public titles on a page.
const MAX_TITLES: usize = 30;
/// Allowed number of keywords of a subscription template.
const KEYWORD_COUNT: RangeInclusive<usize> = 2..=5;
/// Maximum number of characters of a scene description.
const MAX_SCENE_CHARS: usize = 15;

/// `GET /cgi-bin/template/get_all_private_template`: an Official Account's template messages.
/// As WeChat's answer, it has no errcode and no values of keys.
pub(super) fn list_template_messages(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let list: Vec<_> = own(call, at, is_template_message)
        .map(|template| {
            let names = template.industry.and_then(industries::names);
            let (primary, deputy) = names.unwrap_or_default();
            json!({
                "template_id": template.template_id,
                "title": template.title,
                "primary_industry": primary,
                "deputy_industry": deputy,
                "content": template.content,
                "example": template.example,
            })
        })
        .collect();
    Ok(json!({ "template_list": list }))
}

/// `GET /wxaapi/newtmpl/gettemplate`: the subscription templates of either kind of app.
pub(super) fn list_subscriptions(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let data: Vec<_> =
        own(call, at, TemplateKind::is_subscription).map(subscription_json).collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

fn is_template_message(kind: TemplateKind) -> bool {
    kind == TemplateKind::Template
}

/// The app's own templates of a kind.
fn own<'a>(
    call: &'a Call<'_>,
    at: usize,
    matches: fn(TemplateKind) -> bool,
) -> impl Iterator<Item = &'a Template> {
    call.world.apps[at].templates.iter().filter(move |template| matches(template.kind))
}

fn subscription_json(template: &Template) -> Value {
    let mut json = json!({
        "priTmplId": template.template_id,
        "title": template.title,
        "content": template.content,
        "example": template.example,
        "type": type_number(template.kind),
    });
    if !template.values.is_empty() {
        let values = template.values.iter();
        json["keywordEnumValueList"] = values
            .map(|(key, values)| {
                json!({ "keywordCode": format!("{key}.DATA"), "enumValueList": values })
            })
            .collect();
    }
    json
}

fn type_number(kind: TemplateKind) -> u8 {
    if kind == TemplateKind::LongTerm { 3 } else { 2 }
}

/// `POST /cgi-bin/template/api_add_template`.
pub(super) fn add_template_message(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let id = call.text("template_id_short").ok_or(api_error::INVALID_TEMPLATE)?;
    let mut public = call.world.public_templates.iter();
    let found = public.find(|it| it.id == id && is_template_message(it.kind));
    let found = found.ok_or(api_error::INVALID_TEMPLATE)?;
    let keywords: Vec<_> = match found.industry {
        // The library of before 2023: all keywords, for accounts of this industry.
        Some(industry) if call.app(at).industries.include(industry) => {
            found.keywords.iter().collect()
        }
        Some(_) => return Err(api_error::INVALID_TEMPLATE),
        None => {
            let names = call.body.get("keyword_name_list").and_then(Value::as_array);
            let named = |name: &Value| found.keywords.iter().find(|it| *name == *it.name);
            let keywords = names.and_then(|names| names.iter().map(named).collect());
            distinct(keywords).ok_or(api_error::INVALID_KEYWORDS)?
        }
    };
    if own(call, at, is_template_message).count() >= MAX_TEMPLATE_MESSAGES {
        return Err(api_error::TOO_MANY_TEMPLATES);
    }
    let template = found.compose(&keywords);
    Ok(add(call, at, template, "template_id"))
}

/// Adds a template, and answers with its id in this field.
fn add(call: &mut Call<'_>, at: usize, template: Template, field: &str) -> Value {
    let mut answer = success();
    answer[field] = json!(template.template_id);
    call.world.apps[at].templates.push(template);
    answer
}

/// `None` unless there is a keyword and none is repeated.
fn distinct(keywords: Option<Vec<&Keyword>>) -> Option<Vec<&Keyword>> {
    keywords.filter(|keywords| {
        let kids: BTreeSet<_> = keywords.iter().map(|it| it.kid).collect();
        !keywords.is_empty() && kids.len() == keywords.len()
    })
}

/// `POST /cgi-bin/template/del_private_template`.
pub(super) fn delete_template_message(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let id = call.text("template_id").ok_or(api_error::INVALID_TEMPLATE)?.to_owned();
    delete(call, at, &id, is_template_message, api_error::INVALID_TEMPLATE)
}

/// `POST /wxaapi/newtmpl/deltemplate`. Consents to the template become useless.
pub(super) fn delete_subscription(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let id = call.text("priTmplId").ok_or(api_error::INVALID_ARGUMENTS)?.to_owned();
    delete(call, at, &id, TemplateKind::is_subscription, api_error::INVALID_ARGUMENTS)
}

fn delete(
    call: &mut Call<'_>,
    at: usize,
    id: &str,
    matches: fn(TemplateKind) -> bool,
    unknown: ApiError,
) -> Result<Value, ApiError> {
    let templates = &mut call.world.apps[at].templates;
    let found = templates.iter().position(|it| it.template_id == id && matches(it.kind));
    templates.remove(found.ok_or(unknown)?);
    Ok(success())
}

/// `GET /wxaapi/newtmpl/getcategory`: every account has all categories of the public templates.
pub(super) fn list_categories(call: &mut Call<'_>, _: usize) -> Result<Value, ApiError> {
    let data: Vec<_> = category_ids(call)
        .into_iter()
        .map(|id| json!({ "id": id, "name": public_template::category_name(id) }))
        .collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

/// The public subscription templates.
fn public<'a>(call: &'a Call<'_>) -> impl Iterator<Item = &'a PublicTemplate> {
    call.world.public_templates.iter().filter(|it| it.kind.is_subscription())
}

fn category_ids(call: &Call<'_>) -> BTreeSet<u32> {
    public(call).map(|it| it.category).collect()
}

/// `GET /wxaapi/newtmpl/getpubtemplatetitles`.
pub(super) fn list_titles(call: &mut Call<'_>, _: usize) -> Result<Value, ApiError> {
    let ids = call.parameter("ids").ok_or(api_error::IDS_MISSING)?;
    let ids: Option<BTreeSet<u32>> = ids.split(',').map(|id| id.trim().parse().ok()).collect();
    let known = category_ids(call);
    let ids = ids.filter(|ids| ids.is_subset(&known)).ok_or(api_error::INVALID_IDS)?;
    let number = |name| call.parameter(name).and_then(|it| it.parse::<usize>().ok());
    let start = number("start").ok_or(api_error::INVALID_START)?;
    let limit = number("limit").filter(|it| (1..=MAX_TITLES).contains(it));
    let limit = limit.ok_or(api_error::INVALID_LIMIT)?;
    let all: Vec<_> = public(call).filter(|it| ids.contains(&it.category)).collect();
    let data: Vec<_> = all
        .iter()
        .skip(start)
        .take(limit)
        .map(|it| {
            json!({
                "tid": it.id.parse::<u32>().unwrap_or_default(),
                "title": it.title,
                "type": type_number(it.kind),
                "categoryId": it.category.to_string(),
            })
        })
        .collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "count": all.len(), "data": data }))
}

/// `GET /wxaapi/newtmpl/getpubtemplatekeywords`.
pub(super) fn list_keywords(call: &mut Call<'_>, _: usize) -> Result<Value, ApiError> {
    let tid = call.parameter("tid").ok_or(api_error::INVALID_TID)?;
    let found = public(call).find(|it| it.id == tid).ok_or(api_error::INVALID_TID)?;
    let keywords = &found.keywords;
    Ok(json!({ "errcode": 0, "errmsg": "ok", "count": keywords.len(), "data": keywords }))
}

/// `POST /wxaapi/newtmpl/addtemplate`.
pub(super) fn add_subscription(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let tid = call.text_or_number("tid");
    let found = public(call).find(|it| tid.as_ref() == Some(&it.id));
    let found = found.ok_or(api_error::INVALID_TID)?;
    let kids = call.body.get("kidList").and_then(Value::as_array);
    let named =
        |kid: &Value| found.keywords.iter().find(|it| kid.as_u64() == Some(u64::from(it.kid)));
    let keywords = distinct(kids.and_then(|kids| kids.iter().map(named).collect()));
    let keywords = keywords.filter(|keywords| KEYWORD_COUNT.contains(&keywords.len()));
    let keywords = keywords.ok_or(api_error::INVALID_KIDS)?;
    if call.text("sceneDesc").unwrap_or_default().chars().count() > MAX_SCENE_CHARS {
        return Err(api_error::INVALID_SCENE);
    }
    if own(call, at, TemplateKind::is_subscription).count() >= MAX_SUBSCRIPTIONS {
        return Err(api_error::TOO_MANY_SUBSCRIPTIONS);
    }
    let template = found.compose(&keywords);
    Ok(add(call, at, template, "priTmplId"))
}
