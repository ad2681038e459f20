//! Calls of WeChat's own paths: in which order they are checked, and the one place
//! where an answer is written.

use crate::calls::{Calls, Origin};
use crate::connection::Wire;
use crate::endpoint::{self, Access, Body as Wanted};
use crate::faults::{self, Fault};
use crate::media::{self, File};
use crate::push::{self, Push};
use crate::refusal::{self, Refusal};
use crate::running::{Shared, State as Now};
use crate::sending::Sending;
use crate::watched::{WatchedCall, millis};
use crate::world::World;
use crate::{token, whitelist};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The largest body that is read; WeChat's own JSON calls stay far below.
const LARGEST_BODY: usize = 2 << 20;

/// One call, as the function that answers it sees it.
pub(crate) struct Call<'a> {
    /// What may be changed.
    pub(crate) world: &'a mut World,
    /// The sandbox's time.
    pub(crate) now: i64,
    /// The query, decoded.
    pub(crate) query: &'a [(String, String)],
    /// The body; null where there is none.
    pub(crate) body: Value,
    /// The form that a file is sent in: what it is said to be, and its bytes.
    pub(crate) form: (&'a str, &'a [u8]),
    /// Where the caller is, ...
    pub(crate) from: IpAddr,
    /// ... and at which of this machine's addresses they called, ...
    pub(crate) to: IpAddr,
    /// ... and by which name.
    pub(crate) host: &'a str,
    /// The calls before, and this one.
    pub(crate) calls: &'a Calls,
    /// The app that has proved itself, by alias.
    pub(crate) app: Option<String>,
    /// What is answered instead of JSON.
    pub(crate) file: Option<File>,
    /// Whether another subscription message is on its way to the same person.
    pub(crate) concurrent: bool,
    /// What is pushed once the call is answered.
    pub(crate) after: Vec<Push>,
}

impl Call<'_> {
    /// A parameter of the query; an empty one counts as missing.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(self.query, name)
    }

    /// A text in the body; an empty one counts as missing.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

/// Answers a call of any path that isn't the sandbox's own.
pub(crate) async fn receive(
    State(running): State<Shared>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = query(&parts.uri);
    let sized = parts.method != Method::POST || parts.headers.contains_key(header::CONTENT_LENGTH);
    let largest = if path == media::UPLOAD { media::LARGEST_FORM } else { LARGEST_BODY };
    let began = Instant::now();
    let Ok(body) = to_bytes(body, largest).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (id, fault) = running.change(|state| {
        let id = state.calls.receive(state.world.now(), &parts.method, &path, &query, &body);
        (id, faults::take(&mut state.faults, &path))
    });
    let watched = WatchedCall::begin(&running.feed, id, &parts.method, &path);
    // Reported of several endpoints: a POST without Content-Length is turned
    // away by the web server in front, without a word.
    if !sized {
        running.change(|state| state.calls.answer(id, 412, None, None));
        watched.answer(412, None, None);
        return StatusCode::PRECONDITION_FAILED.into_response();
    }

    let fault = fault.unwrap_or_default();
    let (_sending, concurrent) = Sending::begin(&running, &path, &body, fault.delay_ms > 0);
    if !fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let outcome = if fault.answers() && !fault.after {
        Outcome::default()
    } else {
        let text = |name| parts.headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
        let arrived = Arrived {
            method: &parts.method,
            path: &path,
            query: &query,
            body: &body,
            content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
            host: text(header::HOST).unwrap_or_default(),
            wire: &wire,
        };
        running.change(|state| handle(state, &arrived, concurrent))
    };
    push::later(&running, outcome.pushes);
    if fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let answer = running.change(|state| {
        let answer = spoil(&fault, outcome.answer, &path, state.world.now());
        state.calls.answer(id, answer.status, answer.json.as_ref(), fault.name());
        let origin = Origin { app: outcome.app, from: Some(wire.from), cost_ms: millis(began) };
        state.calls.attribute(id, origin);
        answer
    });
    watched.answer(answer.status, answer.json.as_ref(), fault.name());
    if fault.reset {
        wire.cut();
    }
    match outcome.file {
        Some(file) if !fault.answers() => file.into_response(),
        _ => respond(&path, answer, &fault),
    }
}

/// What a call led to.
#[derive(Default)]
struct Outcome {
    answer: Option<Value>,
    /// What is answered instead.
    file: Option<File>,
    /// What is to be pushed afterwards.
    pushes: Vec<Push>,
    /// The app that has proved itself, by alias.
    app: Option<String>,
}

/// What the caller gets in the end.
struct Answer {
    status: u16,
    json: Option<Value>,
}

/// What the caller gets in the end, if a fault has its way.
fn spoil(fault: &Fault, answer: Option<Value>, path: &str, now: i64) -> Answer {
    let status = fault.answer_status();
    if fault.reset {
        Answer { status: 0, json: None }
    } else if let Some(errcode) = fault.errcode {
        let errmsg =
            fault.errmsg.clone().unwrap_or_else(|| faults::usual_errmsg(errcode).to_owned());
        Answer { status, json: Some(Refusal::new(errcode, errmsg).answer(path, now)) }
    } else if fault.answers() {
        Answer { status, json: None }
    } else {
        Answer { status, json: answer }
    }
}

/// Writes an answer. WeChat refuses with status 200, and `/sns` calls its JSON
/// plain text.
fn respond(path: &str, answer: Answer, fault: &Fault) -> Response {
    let json =
        if path.starts_with("/sns/") { "text/plain" } else { "application/json; encoding=utf-8" };
    let (kind, body) = match (answer.json, fault.written_body()) {
        (Some(answer), _) => (json, answer.to_string()),
        (None, Some(body)) => (fault.content_type.as_deref().unwrap_or(json), body),
        (None, None) => ("", String::new()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let given = [(header::CONTENT_TYPE, kind), (header::LOCATION, fault.location())];
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
        // What could not be one is not ordered: `Fault::check`.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// A call as it arrived.
struct Arrived<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a [(String, String)],
    body: &'a Bytes,
    content_type: &'a str,
    host: &'a str,
    wire: &'a Wire,
}

/// Answers a call, and says what is to be pushed afterwards.
fn handle(state: &mut Now, arrived: &Arrived<'_>, concurrent: bool) -> Outcome {
    let Now { world, calls, .. } = state;
    let now = world.now();
    let mut call = Call {
        world,
        now,
        query: arrived.query,
        body: Value::Null,
        form: (arrived.content_type, arrived.body),
        from: arrived.wire.from,
        to: arrived.wire.to,
        host: arrived.host,
        calls,
        app: None,
        file: None,
        concurrent,
        after: Vec::new(),
    };
    match dispatch(&mut call, arrived) {
        Ok(answer) => {
            Outcome { answer: Some(answer), file: call.file, pushes: call.after, app: call.app }
        }
        // Whoever is refused has changed nothing that others are told of.
        Err(refusal) => Outcome {
            answer: Some(refusal.answer(arrived.path, now)),
            app: call.app,
            ..Outcome::default()
        },
    }
}

/// The order of checks is WeChat's as far as it shows: path, method, token,
/// address, permission, quota, body; then, in each function, openid, template,
/// consent, data.
fn dispatch(call: &mut Call<'_>, arrived: &Arrived<'_>) -> Result<Value, Refusal> {
    let Arrived { method, path, body, .. } = *arrived;
    let endpoint = endpoint::find(path).ok_or(refusal::INVALID_URL)?;
    if endpoint.method != method {
        return Err(if path.starts_with("/wxaapi/newtmpl/") {
            refusal::NOT_FOUND
        } else if endpoint.method == Method::GET {
            refusal::REQUIRE_GET
        } else {
            refusal::REQUIRE_POST
        });
    }
    match &endpoint.access {
        Access::Secret { answer, .. } => {
            call.body = read(endpoint.body, body)?;
            answer(call)
        }
        Access::Token { kind, daily, answer } => {
            let token = call.parameter("access_token").ok_or(refusal::TOKEN_MISSING)?;
            let at = token::holder(call.world, token, call.now)?;
            call.app = Some(call.world.apps[at].alias.clone());
            whitelist::check(call, &call.world.apps[at], false)?;
            let app = &mut call.world.apps[at];
            if !endpoint::permits(app, path, *kind) {
                return Err(refusal::UNAUTHORIZED);
            }
            let daily = endpoint::daily(app, path, *daily);
            if !app.quotas.take(path, call.now, daily) {
                return Err(refusal::DAILY_QUOTA);
            }
            call.body = read(endpoint.body, body)?;
            answer(call, at)
        }
    }
}

fn read(wanted: Wanted, body: &Bytes) -> Result<Value, Refusal> {
    match wanted {
        Wanted::Nothing | Wanted::Form => Ok(Value::Null),
        Wanted::JsonOrNothing if body.is_empty() => Ok(Value::Null),
        Wanted::Json if body.is_empty() => Err(refusal::EMPTY_BODY),
        Wanted::Json | Wanted::JsonOrNothing => {
            serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(refusal::DATA_FORMAT)
        }
    }
}
