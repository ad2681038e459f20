//! Pushes: settings, arbitrary messages, and the release of paused pushes.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::find_app;
use crate::model::app_settings::{Format, Mode};
use crate::model::world::Pushing;
use crate::push::event::{Envelope, Event, Field};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Maximum number of simultaneous deliveries in one request.
const MAX_TIMES: u32 = 1000;

pub(super) fn routes() -> Router<SharedContext> {
    Router::new()
        .route("/sandbox/push", post(push))
        .route("/sandbox/pushing", get(settings).post(set_settings))
        .route("/sandbox/release", post(release))
        .route("/sandbox/idle", get(idle))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushRequest {
    app: String,
    message: Map<String, Value>,
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    create_time: Option<i64>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    format: Option<Format>,
}

/// Pushes an arbitrary message, one or more times at once, and returns the callback's answers.
/// Nothing of it appears on a screen.
async fn push(
    State(context): State<SharedContext>,
    Body(request): Body<PushRequest>,
) -> ControlResponse {
    let times = request.times.unwrap_or(1);
    if !(1..=MAX_TIMES).contains(&times) {
        return Err(ControlError::bad_request(format!("times must be 1 to {MAX_TIMES}")));
    }
    let message = request.message;
    let text = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("MsgType").is_none() {
        return Err(ControlError::missing_field("message.MsgType", "text, event, …"));
    }
    let (from, now, id) = context.change(|state| {
        find_app(&state.world, &request.app)?;
        // The name of a person, or any openid.
        let from = text("FromUserName").or_else(|| {
            let from = text("from")?;
            let known = state.world.person(&from).and_then(|it| it.relations.get(&request.app));
            Some(known.map_or(from, |it| it.open_id.as_str().to_owned()))
        });
        let from =
            from.ok_or_else(|| ControlError::missing_field("message.from", "a name or an openid"))?;
        Ok::<_, ControlError>((from, state.world.now(), state.world.message_id()))
    })?;
    let mut to = context
        .recipient(&request.app)
        .ok_or_else(|| ControlError::not_found("the app no longer exists"))?;
    to.mode = request.mode.unwrap_or(to.mode);
    to.format = request.format.unwrap_or(to.format);
    let mut event = Event::from_json(&message);
    if event.kind != "event" && !message.contains_key("MsgId") {
        event = event.with("MsgId", Field::Number(id.into()));
    }
    let written = message.get("CreateTime").and_then(Value::as_i64);
    let envelope = Envelope {
        to: text("ToUserName").unwrap_or_else(|| to.app.original_id.clone()),
        from,
        create_time: request.create_time.or(written).unwrap_or(now),
    };

    let draw = context.draw_for_push(&request.app, &event);
    let mut deliveries = JoinSet::new();
    let shared = Arc::new((to, envelope, event, draw.clone()));
    for _ in 0..times {
        let (context, shared) = (context.clone(), shared.clone());
        deliveries.spawn(async move {
            let (to, envelope, event, draw) = &*shared;
            context.deliver(to, envelope, event, draw).await.0
        });
    }
    let deliveries = deliveries.join_all().await;
    context.record_deliveries(draw, &shared.2, &deliveries);
    Ok(Json(json!({ "ok": true, "answers": deliveries })))
}

async fn settings(State(context): State<SharedContext>) -> Json<Pushing> {
    Json(context.read(|state| state.world.pushing.clone()))
}

/// Changes the given settings and keeps the others.
async fn set_settings(
    State(context): State<SharedContext>,
    Body(changes): Body<Map<String, Value>>,
) -> Result<Json<Pushing>, ControlError> {
    context.change(|state| {
        let mut all = json!(state.world.pushing);
        if let Some(all) = all.as_object_mut() {
            all.extend(changes);
        }
        let pushing: Pushing = serde_json::from_value(all)
            .map_err(|error| ControlError::bad_request(format!("invalid body: {error}")))?;
        state.world.pushing = pushing.clone();
        Ok(Json(pushing))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    #[serde(default)]
    newest_first: bool,
}

/// Pushes all paused pushes, and answers when the callbacks have answered.
async fn release(
    State(context): State<SharedContext>,
    Body(Release { newest_first }): Body<Release>,
) -> ControlResponse {
    let deliveries = complete(async move { context.release(newest_first).await }).await?;
    Ok(Json(json!({ "ok": true, "pushes": deliveries })))
}

/// Completes deliveries even if the caller closes the connection.
pub(super) async fn complete<T: Send + 'static>(
    deliveries: impl Future<Output = T> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::spawn(deliveries)
        .await
        .map_err(|error| ControlError::bad_request(format!("the push failed: {error}")))
}

async fn idle(State(context): State<SharedContext>) -> Json<Value> {
    context.idle().await;
    Json(json!({ "ok": true }))
}
