//! WeChat's own paths: who may call them how, in which order that is checked,
//! and the one place where an answer is written.

use crate::app::Kind;
use crate::connection::Wire;
use crate::faults::{self, Fault};
use crate::feed::Layer;
use crate::push::{self, Push};
use crate::refusal::{self, Refusal};
use crate::running::{Running, Shared};
use crate::sending::Sending;
use crate::world::World;
use crate::{
    bizsend, custom, legacy_template, library, login, phone, subscribe, template, token, users,
};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The largest body that is read; WeChat's own JSON calls stay far below.
const LARGEST_BODY: usize = 2 << 20;

/// A path of WeChat's.
struct Endpoint {
    path: &'static str,
    method: Method,
    access: Access,
}

/// What a caller proves itself with.
enum Access {
    /// With the AppSecret, inside the request.
    Secret(fn(&mut Call<'_>) -> Result<Value, Refusal>),
    /// With an access token in the query, of an app of this kind (any, if there
    /// is none), so often a day.
    Token {
        kind: Option<Kind>,
        daily: u64,
        answer: fn(&mut Call<'_>, usize) -> Result<Value, Refusal>,
    },
}

const OFFICIAL: Option<Kind> = Some(Kind::OfficialAccount);
const MINI: Option<Kind> = Some(Kind::MiniProgram);

/// The daily quota where WeChat's documentation names none.
const UNDOCUMENTED: u64 = 100_000;

/// Every path that the sandbox knows. Quotas are those of WeChat's
/// documentation ("接口调用频次说明", how often an interface may be called).
static ENDPOINTS: [Endpoint; 14] = [
    Endpoint { path: "/cgi-bin/token", method: Method::GET, access: Access::Secret(token::issue) },
    Endpoint {
        path: "/cgi-bin/stable_token",
        method: Method::POST,
        access: Access::Secret(token::issue_stable),
    },
    Endpoint {
        path: "/sns/jscode2session",
        method: Method::GET,
        access: Access::Secret(login::exchange),
    },
    Endpoint {
        path: "/wxa/business/getuserphonenumber",
        method: Method::POST,
        access: Access::Token { kind: MINI, daily: UNDOCUMENTED, answer: phone::exchange },
    },
    Endpoint {
        path: "/cgi-bin/user/info",
        method: Method::GET,
        access: Access::Token { kind: OFFICIAL, daily: 5_000_000, answer: users::info },
    },
    Endpoint {
        path: "/cgi-bin/user/info/batchget",
        method: Method::POST,
        // Not documented; that of user/info.
        access: Access::Token { kind: OFFICIAL, daily: 5_000_000, answer: users::batch },
    },
    Endpoint {
        path: "/cgi-bin/user/get",
        method: Method::GET,
        access: Access::Token { kind: OFFICIAL, daily: 500, answer: users::list },
    },
    Endpoint {
        path: "/cgi-bin/message/template/send",
        method: Method::POST,
        access: Access::Token { kind: OFFICIAL, daily: 100_000, answer: template::send },
    },
    Endpoint {
        path: "/cgi-bin/message/subscribe/send",
        method: Method::POST,
        access: Access::Token { kind: MINI, daily: 10_000_000, answer: subscribe::send },
    },
    Endpoint {
        path: "/cgi-bin/message/subscribe/bizsend",
        method: Method::POST,
        access: Access::Token { kind: OFFICIAL, daily: UNDOCUMENTED, answer: bizsend::send },
    },
    Endpoint {
        path: "/cgi-bin/message/wxopen/template/send",
        method: Method::POST,
        access: Access::Token { kind: MINI, daily: 1_000_000, answer: legacy_template::send },
    },
    Endpoint {
        path: "/cgi-bin/template/get_all_private_template",
        method: Method::GET,
        access: Access::Token {
            kind: OFFICIAL,
            daily: UNDOCUMENTED,
            answer: library::template_messages,
        },
    },
    Endpoint {
        path: "/wxaapi/newtmpl/gettemplate",
        method: Method::GET,
        access: Access::Token { kind: None, daily: UNDOCUMENTED, answer: library::subscriptions },
    },
    Endpoint {
        path: "/cgi-bin/message/custom/send",
        method: Method::POST,
        access: Access::Token { kind: None, daily: 500_000, answer: custom::send },
    },
];

/// The paths of WeChat's that the sandbox knows.
pub(crate) fn paths() -> Vec<&'static str> {
    ENDPOINTS.iter().map(|it| it.path).collect()
}

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
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (id, fault) = running.change(|state| {
        let id = state.calls.receive(state.world.now(), &parts.method, &path, &query, &body);
        (id, faults::take(&mut state.faults, &path))
    });
    let begun = Instant::now();
    running.feed.tell(Layer::Call, &id.to_string(), |facts| {
        facts.insert("method".to_owned(), parts.method.as_str().into());
        facts.insert("path".to_owned(), path.as_str().into());
    });
    // Reported of several endpoints: a POST without Content-Length is turned
    // away by the web server in front, without a word.
    if !sized {
        running.change(|state| state.calls.answer(id, 412, None, None));
        tell_answer(&running, id, begun, &Answer { status: 412, json: None }, None);
        return StatusCode::PRECONDITION_FAILED.into_response();
    }

    let fault = fault.unwrap_or_default();
    let (_sending, concurrent) = Sending::begin(&running, &path, &body, fault.delay_ms > 0);
    if !fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let (answer, pushes) = if fault.answers() && !fault.after {
        (None, Vec::new())
    } else {
        let (answer, pushes) = running.change(|state| {
            let arrived =
                Arrived { method: &parts.method, path: &path, query: &query, body: &body };
            handle(&mut state.world, &arrived, concurrent)
        });
        (Some(answer), pushes)
    };
    push::later(&running, pushes);
    if fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let answer = running.change(|state| {
        let answer = spoil(&fault, answer, &path, state.world.now());
        state.calls.answer(id, answer.status, answer.json.as_ref(), fault.name());
        answer
    });
    tell_answer(&running, id, begun, &answer, fault.name());
    if fault.reset {
        wire.cut();
    }
    respond(&path, answer, &fault)
}

/// Tells whoever watches how a call was answered.
fn tell_answer(
    running: &Running,
    id: u64,
    begun: Instant,
    answer: &Answer,
    fault: Option<&'static str>,
) {
    let of = |name: &str| answer.json.as_ref().and_then(|json| json.get(name)).cloned();
    running.feed.tell(Layer::Call, &id.to_string(), |facts| {
        facts.insert("status".to_owned(), answer.status.into());
        facts.insert("errcode".to_owned(), of("errcode").unwrap_or_else(|| 0.into()));
        facts.insert("errmsg".to_owned(), of("errmsg").unwrap_or_default());
        facts.insert("duration_ms".to_owned(), millis(begun).into());
        facts.insert("fault".to_owned(), fault.into());
    });
}

/// How many milliseconds have gone by since.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
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
}

/// Answers a call, and says what is to be pushed afterwards.
fn handle(world: &mut World, arrived: &Arrived<'_>, concurrent: bool) -> (Value, Vec<Push>) {
    let now = world.now();
    let query = arrived.query;
    let mut call = Call { world, now, query, body: Value::Null, concurrent, after: Vec::new() };
    match dispatch(&mut call, arrived) {
        Ok(answer) => (answer, call.after),
        // Whoever is refused has changed nothing that others are told of.
        Err(refusal) => (refusal.answer(arrived.path, now), Vec::new()),
    }
}

/// The order of checks is WeChat's as far as it shows: path, method, token,
/// permission, quota, body; then, in each function, openid, template, consent,
/// data.
fn dispatch(call: &mut Call<'_>, arrived: &Arrived<'_>) -> Result<Value, Refusal> {
    let Arrived { method, path, body, .. } = *arrived;
    let endpoint = ENDPOINTS.iter().find(|it| it.path == path).ok_or(refusal::INVALID_URL)?;
    if endpoint.method != method {
        return Err(if endpoint.method == Method::GET {
            refusal::REQUIRE_GET
        } else {
            refusal::REQUIRE_POST
        });
    }
    match &endpoint.access {
        Access::Secret(answer) => {
            call.body = read(&endpoint.method, body)?;
            answer(call)
        }
        Access::Token { kind, daily, answer } => {
            let token = call.parameter("access_token").ok_or(refusal::TOKEN_MISSING)?;
            let at = token::holder(call.world, token, call.now)?;
            let app = &mut call.world.apps[at];
            if kind.is_some_and(|kind| kind != app.kind) {
                return Err(refusal::UNAUTHORIZED);
            }
            let daily = app.limits.get(path).copied().unwrap_or(*daily);
            if !app.quotas.take(path, call.now, daily) {
                return Err(refusal::DAILY_QUOTA);
            }
            call.body = read(&endpoint.method, body)?;
            answer(call, at)
        }
    }
}

fn read(method: &Method, body: &Bytes) -> Result<Value, Refusal> {
    if method == Method::GET {
        return Ok(Value::Null);
    }
    if body.is_empty() {
        return Err(refusal::EMPTY_BODY);
    }
    serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(refusal::DATA_FORMAT)
}
