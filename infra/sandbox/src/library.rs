//! The templates of an account: what it has, what it adds from the public ones, and
//! what it deletes.
//!
//! Source: WeChat's documentation, "获取已添加至账号下所有模板列表"
//! (`template/get_all_private_template`) and its neighbours, "获取个人模板列表"
//! (`newtmpl/gettemplate`) and its neighbours.

use crate::api::Call;
use crate::app::{Template, TemplateKind};
use crate::industry;
use crate::public_template::{self, Keyword, PublicTemplate};
use crate::refusal::{self, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An account has so many template messages at most, ...
const MOST_MESSAGES: usize = 25;
/// ... and so many subscription messages.
const MOST_SUBSCRIPTIONS: usize = 50;
/// So many public titles are listed at once.
const MOST_TITLES: usize = 30;
/// A subscription message has so many keywords.
const KEYWORDS: std::ops::RangeInclusive<usize> = 2..=5;
/// A description of a scene has so many characters at most.
const LONGEST_SCENE: usize = 15;

/// Answers `GET /cgi-bin/template/get_all_private_template`: the template
/// messages of an Official Account. Like WeChat, without an errcode, and without
/// the values that a key may have.
pub(crate) fn template_messages(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let mine = call.world.apps[at].templates.iter();
    let list: Vec<_> = mine
        .filter(|template| template.kind == TemplateKind::Template)
        .map(|template| {
            let (primary, deputy) = template.industry.and_then(industry::class).unwrap_or_default();
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
        "type": type_of(template.kind),
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

/// Answers `POST /cgi-bin/template/api_add_template`.
pub(crate) fn add_message(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let id = call.text("template_id_short").ok_or(refusal::INVALID_TEMPLATE)?;
    let found = call
        .world
        .public_templates
        .iter()
        .find(|it| it.id == id && it.kind == TemplateKind::Template)
        .ok_or(refusal::INVALID_TEMPLATE)?;
    let app = &call.world.apps[at];
    let chosen: Vec<_> = match found.industry {
        // Of before 2023: all keywords, for accounts of this industry.
        Some(industry) if app.industries.include(industry) => found.keywords.iter().collect(),
        Some(_) => return Err(refusal::INVALID_TEMPLATE),
        None => {
            let names = call.body.get("keyword_name_list").and_then(Value::as_array);
            let named = |name: &Value| found.keywords.iter().find(|it| *name == *it.name);
            let chosen = names.and_then(|names| names.iter().map(named).collect());
            distinct(chosen).ok_or(refusal::INVALID_KEYWORDS)?
        }
    };
    let mine = app.templates.iter().filter(|it| it.kind == TemplateKind::Template);
    if mine.count() >= MOST_MESSAGES {
        return Err(refusal::TOO_MANY_TEMPLATES);
    }
    let template = found.choose(&chosen);
    let template_id = template.template_id.clone();
    call.world.apps[at].templates.push(template);
    Ok(json!({ "errcode": 0, "errmsg": "ok", "template_id": template_id }))
}

/// Each of them once, and at least one.
fn distinct(chosen: Option<Vec<&Keyword>>) -> Option<Vec<&Keyword>> {
    chosen.filter(|chosen| {
        let kids: BTreeSet<_> = chosen.iter().map(|it| it.kid).collect();
        !chosen.is_empty() && kids.len() == chosen.len()
    })
}

/// Answers `POST /cgi-bin/template/del_private_template`.
pub(crate) fn delete_message(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let id = call.text("template_id").ok_or(refusal::INVALID_TEMPLATE)?.to_owned();
    delete(call, at, &id, |kind| kind == TemplateKind::Template, refusal::INVALID_TEMPLATE)
}

/// Answers `POST /wxaapi/newtmpl/deltemplate`. The consents that people have given
/// to it are of no use any more.
pub(crate) fn delete_subscription(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let id = call.text("priTmplId").ok_or(refusal::INVALID_ARGUMENTS)?.to_owned();
    delete(call, at, &id, TemplateKind::is_subscription, refusal::INVALID_ARGUMENTS)
}

fn delete(
    call: &mut Call<'_>,
    at: usize,
    id: &str,
    fits: fn(TemplateKind) -> bool,
    unknown: Refusal,
) -> Result<Value, Refusal> {
    let templates = &mut call.world.apps[at].templates;
    let place = templates.iter().position(|it| it.template_id == id && fits(it.kind));
    templates.remove(place.ok_or(unknown)?);
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `GET /wxaapi/newtmpl/getcategory`: here every account has every category
/// that there are templates of.
pub(crate) fn categories(call: &mut Call<'_>, _: usize) -> Result<Value, Refusal> {
    let data: Vec<_> = category_ids(call)
        .into_iter()
        .map(|id| json!({ "id": id, "name": public_template::category(id) }))
        .collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

/// The public templates that subscription messages are made of.
fn public<'a>(call: &'a Call<'_>) -> impl Iterator<Item = &'a PublicTemplate> {
    call.world.public_templates.iter().filter(|it| it.kind.is_subscription())
}

fn category_ids(call: &Call<'_>) -> BTreeSet<u32> {
    public(call).map(|it| it.category).collect()
}

/// Answers `GET /wxaapi/newtmpl/getpubtemplatetitles`.
pub(crate) fn titles(call: &mut Call<'_>, _: usize) -> Result<Value, Refusal> {
    let ids = call.parameter("ids").ok_or(refusal::IDS_MISSING)?;
    let ids: Option<BTreeSet<u32>> = ids.split(',').map(|id| id.trim().parse().ok()).collect();
    let mine = category_ids(call);
    let ids = ids.filter(|ids| ids.is_subset(&mine)).ok_or(refusal::INVALID_IDS)?;
    let number = |name| call.parameter(name).and_then(|it| it.parse::<usize>().ok());
    let start = number("start").ok_or(refusal::INVALID_START)?;
    let limit = number("limit").filter(|it| (1..=MOST_TITLES).contains(it));
    let limit = limit.ok_or(refusal::INVALID_LIMIT)?;
    let all: Vec<_> = public(call).filter(|it| ids.contains(&it.category)).collect();
    let data: Vec<_> = all
        .iter()
        .skip(start)
        .take(limit)
        .map(|it| {
            json!({
                "tid": it.id.parse::<u32>().unwrap_or_default(),
                "title": it.title,
                "type": type_of(it.kind),
                "categoryId": it.category.to_string(),
            })
        })
        .collect();
    Ok(json!({ "errcode": 0, "errmsg": "ok", "count": all.len(), "data": data }))
}

/// Answers `GET /wxaapi/newtmpl/getpubtemplatekeywords`.
pub(crate) fn keywords(call: &mut Call<'_>, _: usize) -> Result<Value, Refusal> {
    let tid = call.parameter("tid").ok_or(refusal::INVALID_TID)?;
    let found = public(call).find(|it| it.id == tid).ok_or(refusal::INVALID_TID)?;
    let keywords = &found.keywords;
    Ok(json!({ "errcode": 0, "errmsg": "ok", "count": keywords.len(), "data": keywords }))
}

/// Answers `POST /wxaapi/newtmpl/addtemplate`.
pub(crate) fn add_subscription(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    // A text, as documented, or a number.
    let tid = call.body.get("tid").map(|it| it.to_string().trim_matches('"').to_owned());
    let found = public(call).find(|it| tid.as_ref() == Some(&it.id));
    let found = found.ok_or(refusal::INVALID_TID)?;
    let kids = call.body.get("kidList").and_then(Value::as_array);
    let named =
        |kid: &Value| found.keywords.iter().find(|it| kid.as_u64() == Some(u64::from(it.kid)));
    let chosen = distinct(kids.and_then(|kids| kids.iter().map(named).collect()));
    let chosen = chosen.filter(|chosen| KEYWORDS.contains(&chosen.len()));
    let chosen = chosen.ok_or(refusal::INVALID_KIDS)?;
    let scene = call.text("sceneDesc").unwrap_or_default();
    if scene.chars().count() > LONGEST_SCENE {
        return Err(refusal::INVALID_SCENE);
    }
    let mine = call.world.apps[at].templates.iter().filter(|it| it.kind.is_subscription());
    if mine.count() >= MOST_SUBSCRIPTIONS {
        return Err(refusal::TOO_MANY_SUBSCRIPTIONS);
    }
    let template = found.choose(&chosen);
    let template_id = template.template_id.clone();
    call.world.apps[at].templates.push(template);
    Ok(json!({ "errcode": 0, "errmsg": "ok", "priTmplId": template_id }))
}

fn type_of(kind: TemplateKind) -> u8 {
    if kind == TemplateKind::LongTerm { 3 } else { 2 }
}
