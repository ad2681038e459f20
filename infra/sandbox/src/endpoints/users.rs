//! The followers of an Official Account and their profiles.
//!
//! Source: WeChat's documentation, "获取用户基本信息" (`user/info`, `batchget`) and
//! "获取用户列表" (`user/get`).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::Call;
use crate::model::app::App;
use crate::model::followers;
use crate::model::person::Follow;
use crate::model::world::World;
use serde_json::{Value, json};
use shared::wechat::id::UnionId;

/// Maximum number of followers on a page, unless the control API sets a smaller one.
const MAX_PAGE: usize = 10_000;
/// Maximum number of profiles in a call.
const MAX_BATCH: usize = 100;

/// `GET /cgi-bin/user/info`.
pub(super) fn info(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let open_id = call.parameter("openid").ok_or(api_error::INVALID_OPENID)?;
    profile(call.world, call.app(at), open_id).ok_or(api_error::INVALID_OPENID)
}

/// `POST /cgi-bin/user/info/batchget`. One unknown openid fails the whole call. The profiles
/// are in the opposite order, because WeChat's documentation promises none.
pub(super) fn batch(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let list = call.body.get("user_list").and_then(Value::as_array);
    let list = list.ok_or(api_error::DATA_FORMAT)?;
    if list.is_empty() || list.len() > MAX_BATCH {
        return Err(api_error::INVALID_LIST);
    }
    let found: Option<Vec<_>> = list
        .iter()
        .rev()
        .map(|user| profile(call.world, call.app(at), user.get("openid")?.as_str()?))
        .collect();
    Ok(json!({ "user_info_list": found.ok_or(api_error::INVALID_OPENID)? }))
}

/// `GET /cgi-bin/user/get`: the followers after `next_openid`, who need not follow any more.
/// WeChat does not document the order.
pub(super) fn list(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let (world, app) = (&*call.world, call.app(at));
    let position = match call.parameter("next_openid") {
        None => (0, 0),
        Some(last) => {
            followers::position_after(world, app, last).ok_or(api_error::INVALID_OPENID)?
        }
    };
    let max = app.list_page.unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let listed = followers::page(world, app, position, max);
    // The last page names its last openid as well; an empty page has no data and no name.
    let mut answer = json!({
        "total": followers::count(world, app),
        "count": listed.len(),
        "next_openid": listed.last().map_or("", String::as_str),
    });
    if !listed.is_empty() {
        answer["data"] = json!({ "openid": listed });
    }
    Ok(answer)
}

/// The profile of a user of this account; `None` for an unknown openid.
fn profile(world: &World, app: &App, open_id: &str) -> Option<Value> {
    let synthetic = &app.state.synthetic_followers;
    if let Some(number) = synthetic.number(open_id) {
        let union_id = app.open_platform.as_ref().map(|_| synthetic.union_id(number));
        return Some(profile_json(open_id, synthetic.follow(number).as_ref(), union_id.as_deref()));
    }
    let person = &world.people[world.person_by_open_id(&app.alias, open_id)?];
    let relation = person.relations.get(&app.alias)?;
    let platform = app.open_platform.as_ref();
    let union_id = platform.and_then(|platform| person.union_ids.get(platform));
    Some(profile_json(open_id, relation.follows.as_ref(), union_id.map(UnionId::as_str)))
}

/// A profile without name and picture, which WeChat omits since the end of 2021.
fn profile_json(open_id: &str, follow: Option<&Follow>, union_id: Option<&str>) -> Value {
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
