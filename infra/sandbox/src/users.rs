//! What an Official Account may know of its followers.
//!
//! Source: WeChat's documentation, "获取用户基本信息" (`user/info`, `batchget`) and
//! "获取用户列表" (`user/get`).

use crate::api::Call;
use crate::app::App;
use crate::person::Follow;
use crate::refusal::{self, Refusal};
use crate::world::World;
use serde_json::{Value, json};
use shared::wechat::id::UnionId;

/// A page of the list has so many at most, unless the control API sets less.
const PAGE: usize = 10_000;
/// So many may be asked about at once.
const BATCH: usize = 100;

/// Answers `GET /cgi-bin/user/info`.
pub(crate) fn info(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let open_id = call.parameter("openid").ok_or(refusal::INVALID_OPENID)?;
    profile(call.world, &call.world.apps[at], open_id).ok_or(refusal::INVALID_OPENID)
}

/// Answers `POST /cgi-bin/user/info/batchget`. One openid that isn't of this
/// account spoils the whole call. The answers come in the opposite order: whoever
/// goes by the place of one has misread the documentation, which promises none.
pub(crate) fn batch(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let list = call.body.get("user_list").and_then(Value::as_array).ok_or(refusal::DATA_FORMAT)?;
    if list.is_empty() || list.len() > BATCH {
        return Err(refusal::INVALID_LIST);
    }
    let app = &call.world.apps[at];
    let found: Option<Vec<_>> = list
        .iter()
        .rev()
        .map(|user| profile(call.world, app, user.get("openid")?.as_str()?))
        .collect();
    Ok(json!({ "user_info_list": found.ok_or(refusal::INVALID_OPENID)? }))
}

/// Answers `GET /cgi-bin/user/get`: those who follow after `next_openid`, who need
/// not follow any more. The order is that in which the sandbox knows them; WeChat
/// documents none.
pub(crate) fn list(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let world = &*call.world;
    let app = &world.apps[at];
    let (person, number) = match call.parameter("next_openid") {
        None => (0, 0),
        Some(last) => match (app.crowd.number(last), world.whose(&app.alias, last)) {
            (Some(number), _) => (usize::MAX, number + 1),
            (None, Some(person)) => (person + 1, 0),
            (None, None) => return Err(refusal::INVALID_OPENID),
        },
    };
    let page = app.list_page.unwrap_or(PAGE).min(PAGE);
    let people = followers(world, app).filter(|(at, _)| *at >= person).map(|(_, id)| id.to_owned());
    let crowd = app.crowd.from(number).map(|number| app.crowd.open_id(number));
    let listed: Vec<_> = people.chain(crowd).take(page).collect();
    let total = followers(world, app).count() + app.crowd.total();
    // Also on the last page the last openid is named; when there is nobody, no data
    // and no name.
    let mut answer = json!({
        "total": total,
        "count": listed.len(),
        "next_openid": listed.last().map_or("", String::as_str),
    });
    if !listed.is_empty() {
        answer["data"] = json!({ "openid": listed });
    }
    Ok(answer)
}

/// All who follow, in the order of the list: what there is to find out.
pub(crate) fn truth(world: &World, app: &App) -> Vec<String> {
    let people = followers(world, app).map(|(_, open_id)| open_id.to_owned());
    people.chain(app.crowd.from(0).map(|number| app.crowd.open_id(number))).collect()
}

/// The people who follow, each with their place among all people.
fn followers<'a>(world: &'a World, app: &'a App) -> impl Iterator<Item = (usize, &'a str)> {
    world.people.iter().enumerate().filter_map(|(at, person)| {
        let relation = person.relations.get(&app.alias)?;
        relation.follows.is_some().then(|| (at, relation.open_id.as_str()))
    })
}

/// What is said of one user: of somebody who doesn't follow only that. Since the
/// end of 2021 no name and no picture. None if it isn't a user of this account.
fn profile(world: &World, app: &App, open_id: &str) -> Option<Value> {
    if let Some(number) = app.crowd.number(open_id) {
        let union_id = app.open_platform.as_ref().map(|_| app.crowd.union_id(number));
        return Some(of(open_id, app.crowd.follow(number).as_ref(), union_id.as_deref()));
    }
    let person = &world.people[world.whose(&app.alias, open_id)?];
    let relation = person.relations.get(&app.alias)?;
    let platform = app.open_platform.as_ref();
    let union_id = platform.and_then(|platform| person.union_ids.get(platform));
    Some(of(open_id, relation.follows.as_ref(), union_id.map(UnionId::as_str)))
}

fn of(open_id: &str, follow: Option<&Follow>, union_id: Option<&str>) -> Value {
    let Some(follow) = follow else { return json!({ "subscribe": 0, "openid": open_id }) };
    let number = follow.scene.as_ref().and_then(|scene| scene.parse::<u32>().ok());
    let mut profile = json!({
        "subscribe": 1,
        "openid": open_id,
        "language": "zh_CN",
        "subscribe_time": follow.since,
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": if follow.scene.is_some() { "ADD_SCENE_QR_CODE" } else { "ADD_SCENE_SEARCH" },
        "qr_scene": number.unwrap_or(0),
        "qr_scene_str": follow.scene.as_deref().filter(|_| number.is_none()).unwrap_or(""),
    });
    if let Some(union_id) = union_id {
        profile["unionid"] = json!(union_id);
    }
    profile
}
