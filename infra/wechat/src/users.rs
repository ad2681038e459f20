//! What an Official Account may know of its followers.
//!
//! Source: WeChat's documentation, "获取用户基本信息" (`user/info`).

use crate::api::Call;
use crate::app::App;
use crate::person::{Person, Relation};
use crate::refusal::{self, Refusal};
use serde_json::{Value, json};

/// Answers `GET /cgi-bin/user/info`.
pub(crate) fn info(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let app = &call.world.apps[at];
    let open_id = call.parameter("openid").ok_or(refusal::INVALID_OPENID)?;
    let person = call.world.whose(&app.alias, open_id).ok_or(refusal::INVALID_OPENID)?;
    let person = &call.world.people[person];
    let relation = person.relations.get(&app.alias).ok_or(refusal::INVALID_OPENID)?;
    Ok(profile(app, person, relation))
}

/// What is said of one person: of somebody who doesn't follow only that. Since
/// the end of 2021 no name and no picture.
fn profile(app: &App, person: &Person, relation: &Relation) -> Value {
    let Some(follow) = &relation.follows else {
        return json!({ "subscribe": 0, "openid": relation.open_id });
    };
    let number = follow.scene.as_ref().and_then(|scene| scene.parse::<u32>().ok());
    let mut profile = json!({
        "subscribe": 1,
        "openid": relation.open_id,
        "language": "zh_CN",
        "subscribe_time": follow.since,
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": if follow.scene.is_some() { "ADD_SCENE_QR_CODE" } else { "ADD_SCENE_SEARCH" },
        "qr_scene": number.unwrap_or(0),
        "qr_scene_str": follow.scene.as_deref().filter(|_| number.is_none()).unwrap_or(""),
    });
    if let Some(union_id) =
        app.open_platform.as_ref().and_then(|platform| person.union_ids.get(platform))
    {
        profile["unionid"] = json!(union_id);
    }
    profile
}
