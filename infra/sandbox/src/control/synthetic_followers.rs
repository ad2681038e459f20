//! Synthetic followers of an Official Account.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::{find_app_mut, require_kind};
use crate::control::pushes::complete;
use crate::model::app_settings::AppKind;
use crate::model::synthetic_followers::{MAX_COUNT, SyntheticFollowers};
use crate::push::event::{Event, Field};
use crate::push::outgoing::Push;
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFollowers {
    count: u32,
    /// Unix seconds; a day ago by default.
    since: Option<i64>,
}

/// Gives an account synthetic followers, in place of previous ones. Pushes no events.
pub(super) async fn create(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(CreateFollowers { count, since }): Body<CreateFollowers>,
) -> ControlResponse {
    context.change(|state| {
        let now = state.world.now();
        let app = find_app_mut(&mut state.world, &alias)?;
        require_kind(app, AppKind::OfficialAccount, "synthetic_followers")?;
        if count > MAX_COUNT {
            return Err(ControlError::bad_request(format!("count must be {MAX_COUNT} or less")));
        }
        let followers = SyntheticFollowers::new(count, since.unwrap_or(now - 86_400));
        let first = followers.open_id(0);
        app.state.synthetic_followers = followers;
        Ok(Json(json!({ "ok": true, "count": count, "first": first })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FollowParameters {
    #[serde(default)]
    silently: bool,
}

/// One of them follows or unfollows. Answers when the callback has answered.
pub(super) async fn act(
    State(context): State<SharedContext>,
    Path((alias, number, action)): Path<(String, u32, String)>,
    Body(FollowParameters { silently }): Body<FollowParameters>,
) -> ControlResponse {
    let changed = context.change_and_save(|state| {
        let now = state.world.now();
        let app = find_app_mut(&mut state.world, &alias)?;
        let followers = &mut app.state.synthetic_followers;
        if number >= followers.count {
            return Err(ControlError::not_found(format!(
                "{alias} has {} synthetic followers, numbered from 0",
                followers.count
            )));
        }
        let (follows, event) = match action.as_str() {
            "follow" => (true, "subscribe"),
            "unfollow" => (false, "unsubscribe"),
            _ => {
                return Err(ControlError::not_found(
                    "a synthetic follower can follow and unfollow",
                ));
            }
        };
        let open_id = followers.open_id(number);
        let mut answer = json!({ "ok": true, "open_id": open_id });
        let Some(at) = followers.set_follows(number, follows, now) else {
            answer["changed"] = false.into();
            return Ok((answer, Vec::new()));
        };
        let event = Event::new(event).with("EventKey", Field::text(""));
        let push = (!silently).then(|| Push::new(&alias, &open_id, at, event));
        Ok((answer, Vec::from_iter(push)))
    });
    let (mut answer, pushes) = changed.await??;
    let deliveries = complete(async move { context.push_all(&pushes).await }).await?;
    answer["pushes"] = json!(deliveries);
    Ok(Json(answer))
}
