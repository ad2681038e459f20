//! The control API: `/sandbox/…` steers what `api.weixin.qq.com` never would.

use crate::app::{Format, Mode};
use crate::business;
use crate::event::{Envelope, Event, Field};
use crate::faults::Fault;
use crate::people::{self, Action, find_app};
use crate::running::Shared;
use crate::state;
use crate::world::Pushing;
use crate::{api, held, live, media, page};
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

mod apps;

/// The most deliveries that one order may ask for at once.
const MOST_AT_ONCE: u32 = 1000;

/// All routes: the sandbox's own, and WeChat's behind them.
pub(crate) fn router(running: Shared) -> Router {
    Router::new()
        .route("/", get(page::show))
        .route("/page/{file}", get(page::file))
        .route("/sandbox/live", get(live::watch))
        .route("/sandbox/notify", post(business::notify))
        .route("/sandbox/state", get(state::show))
        .route("/sandbox/people", get(state::people).post(join))
        .route("/sandbox/people/{name}/messages", get(state::messages))
        .route("/sandbox/people/{name}/open", post(business::open))
        .route("/sandbox/people/{name}/{action}", post(act))
        .route("/sandbox/calls/{id}", get(call))
        .route("/sandbox/calls", get(calls).delete(forget_calls))
        .route("/sandbox/push", post(push))
        .route("/sandbox/pushing", get(pushing).post(set_pushing))
        .route("/sandbox/faults", get(faults).post(order_fault).delete(call_off_faults))
        .route("/sandbox/clock", get(clock).post(advance))
        .merge(apps::routes())
        .route("/sandbox/media/{id}", get(media))
        .route("/sandbox/release", post(held::release))
        .route("/sandbox/idle", get(idle))
        .route("/sandbox", any(unknown))
        .route("/sandbox/{*path}", any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .fallback(api::receive)
        .layer(middleware::from_fn(own_pages_only))
        .with_state(running)
}

/// Why the control API doesn't do what it was asked.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    error: String,
}

impl Problem {
    /// What was asked can't be done.
    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into() }
    }

    /// What was named doesn't exist.
    pub(crate) fn missing(error: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.into() }
    }

    /// A field is missing.
    pub(crate) fn wants(field: &str, what: &str) -> Self {
        Self::bad(format!("the field {field} is missing: {what}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}

/// Reads a body; none is an empty object. Whatever the Content-Type says: curl
/// says it is a form.
pub(crate) fn body<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad(format!("the body does not fit: {error}")))
}

/// Keeps other people's web pages out: a browser says where a page comes from when the
/// page asks for more than to look, and what it looks at is hidden from it.
async fn own_pages_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let own = value(header::ORIGIN).is_none_or(|origin| {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        value(header::HOST) == Some(host)
    });
    if own {
        return next.run(request).await;
    }
    let error = "not for pages of other sites".to_owned();
    Problem { status: StatusCode::FORBIDDEN, error }.into_response()
}

async fn unknown() -> Problem {
    Problem::missing(
        "no such control; there are: GET state, GET|POST people, POST people/{name}/{action}, \
         GET people/{name}/messages, POST people/{name}/open, POST notify, GET live, \
         GET|DELETE calls, GET calls/{id}, POST push, GET|POST pushing, GET|POST|DELETE faults, \
         GET|POST clock, POST apps/{app}, POST apps/{app}/console, POST apps/{app}/behind, \
         POST apps/{app}/crowd, POST apps/{app}/crowd/{number}/{action}, GET apps/{app}/followers, \
         POST apps/{app}/media, GET|POST apps/{app}/quotas, GET|POST apps/{app}/whitelist, \
         POST apps/{app}/revoke, POST apps/{app}/spoil, GET media/{id}, POST release, GET idle",
    )
}

async fn wrong_method() -> Problem {
    Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        error: "another method is wanted here; see README".to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    name: String,
}

async fn join(State(running): State<Shared>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let Join { name } = body(&bytes)?;
    running.change(|state| people::join(&mut state.world, &name)).map(Json)
}

/// Somebody does something; answers when the callback has.
async fn act(
    State(running): State<Shared>,
    Path((name, action)): Path<(String, String)>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let with: Action = body(&bytes)?;
    let done = running.change(|state| people::act(&mut state.world, &name, &action, &with))?;
    // Whoever asked may hang up: what happened is told all the same.
    let told = tokio::spawn(async move {
        let mut deliveries = Vec::new();
        for push in &done.pushes {
            deliveries.extend(running.push(push).await);
        }
        deliveries
    });
    let deliveries =
        told.await.map_err(|error| Problem::bad(format!("the push broke off: {error}")))?;
    let mut answer = done.more;
    answer.insert("ok".to_owned(), true.into());
    answer.insert("pushes".to_owned(), json!(deliveries));
    Ok(Json(Value::Object(answer)))
}

async fn calls(State(running): State<Shared>) -> Json<Value> {
    Json(json!({ "calls": running.read(|state| state.calls.all()) }))
}

async fn call(State(running): State<Shared>, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    let call = running.read(|state| state.calls.one(id));
    call.map(|call| Json(json!(call)))
        .ok_or_else(|| Problem::missing(format!("no call {id}, or it is forgotten")))
}

async fn forget_calls(State(running): State<Shared>) -> Json<Value> {
    running.change(|state| state.calls.clear());
    Json(json!({ "ok": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
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

/// Pushes anything, several times at once if asked, and tells what came back.
/// Nothing of it appears on a screen.
async fn push(State(running): State<Shared>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let order: Order = body(&bytes)?;
    let times = order.times.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&times) {
        return Err(Problem::bad(format!("times must be 1 to {MOST_AT_ONCE}")));
    }
    let message = order.message;
    let text = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("MsgType").is_none() {
        return Err(Problem::wants("message.MsgType", "text, event, …"));
    }
    let (from, now, id) = running.change(|state| {
        find_app(&state.world, &order.app)?;
        // A name of somebody the sandbox knows, or an openid, which may be of
        // nobody.
        let from = text("FromUserName").or_else(|| {
            let from = text("from")?;
            let known = state.world.person(&from).and_then(|it| it.relations.get(&order.app));
            Some(known.map_or(from, |it| it.open_id.as_str().to_owned()))
        });
        let from =
            from.ok_or_else(|| Problem::wants("message.from", "somebody's name or an openid"))?;
        Ok::<_, Problem>((from, state.world.now(), state.world.message_id()))
    })?;
    let mut to =
        running.addressee(&order.app).ok_or_else(|| Problem::missing("the app is gone"))?;
    to.mode = order.mode.unwrap_or(to.mode);
    to.format = order.format.unwrap_or(to.format);
    let mut event = Event::from_json(&message);
    if event.kind != "event" && !message.contains_key("MsgId") {
        event = event.with("MsgId", Field::Number(id.into()));
    }
    let written = message.get("CreateTime").and_then(Value::as_i64);
    let envelope = Envelope {
        to: text("ToUserName").unwrap_or_else(|| to.app.original_id.clone()),
        from,
        create_time: order.create_time.or(written).unwrap_or(now),
    };

    let mut deliveries = JoinSet::new();
    let what = Arc::new((to, envelope, event));
    for _ in 0..times {
        let (running, what) = (running.clone(), what.clone());
        deliveries.spawn(async move { running.deliver(&what.0, &what.1, &what.2).await.0 });
    }
    Ok(Json(json!({ "ok": true, "answers": deliveries.join_all().await })))
}

async fn pushing(State(running): State<Shared>) -> Json<Pushing> {
    Json(running.read(|state| state.world.pushing.clone()))
}

/// Changes what is named and leaves the rest.
async fn set_pushing(
    State(running): State<Shared>,
    bytes: Bytes,
) -> Result<Json<Pushing>, Problem> {
    let changes: Map<String, Value> = body(&bytes)?;
    running.change(|state| {
        let mut all = json!(state.world.pushing);
        if let Some(all) = all.as_object_mut() {
            all.extend(changes);
        }
        let pushing: Pushing = serde_json::from_value(all)
            .map_err(|error| Problem::bad(format!("the body does not fit: {error}")))?;
        state.world.pushing = pushing.clone();
        Ok(Json(pushing))
    })
}

async fn faults(State(running): State<Shared>) -> Json<Value> {
    Json(json!({ "faults": running.read(|state| state.faults.clone()) }))
}

async fn order_fault(State(running): State<Shared>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let fault: Fault = body(&bytes)?;
    fault.check().map_err(Problem::bad)?;
    running.change(|state| state.faults.push(fault));
    Ok(Json(json!({ "ok": true })))
}

async fn call_off_faults(State(running): State<Shared>) -> Json<Value> {
    running.change(|state| state.faults.clear());
    Json(json!({ "ok": true }))
}

async fn clock(State(running): State<Shared>) -> Json<Value> {
    let (now, advanced) = running.read(|state| (state.world.now(), state.world.advanced_seconds));
    Json(json!({ "now": now, "advanced_seconds": advanced }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

async fn advance(State(running): State<Shared>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let Advance { advance_seconds } = body(&bytes)?;
    // A hundred years: beyond that, sums of times would overflow one day.
    if !(0..=100 * 365 * 86_400).contains(&advance_seconds) {
        return Err(Problem::bad(
            "advance_seconds must be 0 or more and less than a hundred years",
        ));
    }
    let (now, advanced) = running.change(|state| {
        state.world.advanced_seconds = state.world.advanced_seconds.saturating_add(advance_seconds);
        (state.world.now(), state.world.advanced_seconds)
    });
    Ok(Json(json!({ "now": now, "advanced_seconds": advanced })))
}

/// A file that was uploaded.
async fn media(State(running): State<Shared>, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = running.read(|state| media::any(&state.world, &id));
    let file = found.ok_or_else(|| Problem::missing("no uploaded file has this media_id"))?;
    Ok(file.into_response())
}

async fn idle(State(running): State<Shared>) -> Json<Value> {
    running.idle().await;
    Json(json!({ "ok": true }))
}
