//! The dispatcher: checks a call in WeChat's order, applies faults, and writes the answer.

use crate::api_error::{self, ApiError};
use crate::clock::millis_since;
use crate::context::{SharedContext, State as RunState};
use crate::control::error::ControlError;
use crate::endpoints::authentication;
use crate::endpoints::call::Call;
use crate::endpoints::call_activity::CallActivity;
use crate::endpoints::concurrent_send::SendInProgress;
use crate::endpoints::media::MediaResponse;
use crate::endpoints::table::{self, Access, RequestBody};
use crate::model::api_limits::UPLOAD_PATH;
use crate::model::call_log::CallOrigin;
use crate::model::faults::{self, Fault};
use crate::model::media::MediaFile;
use crate::oddities::answer as odd_answer;
use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::push::deliver::push_later;
use crate::push::outgoing::Push;
use crate::strict_json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use resettable_server::ConnectionHandle;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Maximum length of a JSON body.
const MAX_BODY_BYTES: usize = 2 << 20;
/// Maximum length of an uploaded form: the largest file and the parts around it.
const MAX_FORM_BYTES: usize = (10 << 20) + (64 << 10);

/// Answers a call of any path outside the control API and the page.
pub(crate) async fn receive(
    State(context): State<SharedContext>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = query(&parts.uri);
    let sized = parts.method != Method::POST || parts.headers.contains_key(header::CONTENT_LENGTH);
    let max_bytes = if path == UPLOAD_PATH { MAX_FORM_BYTES } else { MAX_BODY_BYTES };
    let start = Instant::now();
    let Ok(body) = to_bytes(body, max_bytes).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (id, fault, draw) = context.change_unsaved(|state| {
        let id = state.calls.receive(state.world.now(), &parts.method, &path, &query, &body);
        let fault = faults::next_fault(&mut state.faults, &path);
        (id, fault, state.oddities.draw_for_call(&path))
    });
    let activity = CallActivity::begin(&context.feed, id, &parts.method, &path);
    // Users report this of several paths: WeChat's web server rejects a POST without
    // Content-Length and sends no body.
    if !sized {
        context.change_unsaved(|state| state.calls.answer(id, 412, None, None));
        activity.answer(412, None, None);
        return StatusCode::PRECONDITION_FAILED.into_response();
    }

    let fault = fault.unwrap_or_default();
    let (_sending, concurrent) = SendInProgress::begin(&context, &path, &body, fault.delay_ms > 0);
    if !fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let mut outcome = if fault.replaces_answer() && !fault.after {
        CallOutcome::default()
    } else {
        let text = |name| parts.headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
        let received = ReceivedCall {
            method: &parts.method,
            path: &path,
            query: &query,
            body: &body,
            content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
            host: text(header::HOST).unwrap_or_default(),
            connection: &connection,
        };
        // What can't be saved didn't happen, so the business isn't told of it.
        match context.change_and_save(|state| handle(state, &received, concurrent, draw)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                context.change_unsaved(|state| state.calls.answer(id, 500, None, None));
                activity.answer(500, None, None);
                return ControlError::from(error).into_response();
            }
        }
    };
    let mut draw = std::mem::take(&mut outcome.draw);
    if !outcome.pushes.is_empty() && draw.applies(Oddity::ReceiptEarly) {
        context.push_all(&std::mem::take(&mut outcome.pushes)).await;
    }
    push_later(&context, outcome.pushes, &mut draw);
    if outcome.answer.is_some() && draw.applies(Oddity::UnknownErrorAfter) {
        outcome.answer =
            Some(unknown_error(&mut draw).to_json(&path, context.read(|it| it.world.now())));
    }
    if fault.after {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let answer = context.change_unsaved(|state| {
        let answer = apply_fault(&fault, outcome.answer, &path, state.world.now());
        state.calls.answer(id, answer.status, answer.json.as_ref(), fault.name());
        if let Some(reason) = outcome.refused {
            state.calls.refuse(id, reason);
        }
        let duration_ms = millis_since(start);
        let origin = CallOrigin { app: outcome.app, from: Some(connection.from.ip()), duration_ms };
        state.calls.attribute(id, origin);
        answer
    });
    activity.answer(answer.status, answer.json.as_ref(), fault.name());
    if fault.reset {
        connection.reset();
    }
    let response = match outcome.file {
        Some(file) if !fault.replaces_answer() => MediaResponse(file).into_response(),
        _ if fault.replaces_answer() => respond(&path, answer, &fault),
        _ => respond_oddly(&path, answer, &mut draw),
    };
    context.change_unsaved(|state| {
        state.calls.add_oddities(id, draw.applied());
        state.oddities.record(&draw, &path);
    });
    response
}

/// Writes an answer with its oddities.
fn respond_oddly(path: &str, answer: CallAnswer, draw: &mut Draw) -> Response {
    let Some(mut json) = answer.json else { return respond(path, answer, &Fault::default()) };
    odd_answer::change(draw, &mut json, path.contains("/send"));
    let plain = draw.applies(Oddity::PlainContentType);
    let content_type = if plain { "text/plain" } else { content_type(path) };
    let mut response = Response::new(Body::from(odd_answer::write(draw, &json)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A code that no documentation names.
fn unknown_error(draw: &mut Draw) -> ApiError {
    let (errcode, errmsg) = odd_answer::unknown_error(draw);
    ApiError::new(errcode, errmsg)
}

/// The outcome of a call.
#[derive(Default)]
struct CallOutcome {
    answer: Option<Value>,
    /// A file to answer instead.
    file: Option<MediaFile>,
    /// Pushes for after the answer.
    pushes: Vec<Push>,
    /// The authenticated app, by alias.
    app: Option<String>,
    /// Why the body is no valid request.
    refused: Option<String>,
    /// The oddities of this call.
    draw: Draw,
}

/// The answer that the caller receives.
struct CallAnswer {
    status: u16,
    json: Option<Value>,
}

/// The answer after a fault.
fn apply_fault(fault: &Fault, answer: Option<Value>, path: &str, now: i64) -> CallAnswer {
    let status = fault.answer_status();
    if fault.reset {
        CallAnswer { status: 0, json: None }
    } else if let Some(errcode) = fault.errcode {
        let errmsg =
            fault.errmsg.clone().unwrap_or_else(|| faults::default_errmsg(errcode).to_owned());
        CallAnswer { status, json: Some(ApiError::new(errcode, errmsg).to_json(path, now)) }
    } else if fault.replaces_answer() {
        CallAnswer { status, json: None }
    } else {
        CallAnswer { status, json: answer }
    }
}

/// The content type of an answer. WeChat sends the JSON of `/sns` as plain text.
fn content_type(path: &str) -> &'static str {
    if path.starts_with("/sns/") { "text/plain" } else { "application/json; encoding=utf-8" }
}

/// Writes an answer. WeChat sends errors with status 200.
fn respond(path: &str, answer: CallAnswer, fault: &Fault) -> Response {
    let json = content_type(path);
    let (content_type, body) = match (answer.json, fault.body()) {
        (Some(answer), _) => (json, answer.to_string()),
        (None, Some(body)) => (fault.content_type.as_deref().unwrap_or(json), body),
        (None, None) => ("", String::new()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let given = [(header::CONTENT_TYPE, content_type), (header::LOCATION, fault.location())];
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
        // `Fault::check` rejects invalid header values.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// A call as received.
struct ReceivedCall<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a [(String, String)],
    body: &'a Bytes,
    content_type: &'a str,
    host: &'a str,
    connection: &'a ConnectionHandle,
}

fn handle(
    state: &mut RunState,
    received: &ReceivedCall<'_>,
    concurrent: bool,
    draw: Draw,
) -> CallOutcome {
    let RunState { world, calls, .. } = state;
    let now = world.now();
    let mut call = Call {
        world,
        now,
        query: received.query,
        body: Value::Null,
        form: (received.content_type, received.body),
        from: received.connection.from.ip(),
        to: received.connection.to.ip(),
        host: received.host,
        calls,
        authenticated: None,
        file: None,
        concurrent,
        pushes: Vec::new(),
        draw,
        refused: None,
    };
    let answer = dispatch(&mut call, received);
    let outcome = CallOutcome {
        app: call.authenticated,
        refused: call.refused,
        draw: call.draw,
        ..CallOutcome::default()
    };
    match answer {
        Ok(answer) => {
            CallOutcome { answer: Some(answer), file: call.file, pushes: call.pushes, ..outcome }
        }
        // A failed call changes nothing that a callback learns of.
        Err(error) => CallOutcome { answer: Some(error.to_json(received.path, now)), ..outcome },
    }
}

/// Checks a call and answers it. The order of the checks is WeChat's, as far as it is known:
/// path, method, token, address, permission, quota, body; then, in each function, openid,
/// template, consent, data.
fn dispatch(call: &mut Call<'_>, received: &ReceivedCall<'_>) -> Result<Value, ApiError> {
    let ReceivedCall { method, path, body, .. } = *received;
    let endpoint = table::find(path).ok_or(api_error::INVALID_URL)?;
    if endpoint.method() != *method {
        return Err(if path.starts_with("/wxaapi/newtmpl/") {
            api_error::NOT_FOUND
        } else if endpoint.method() == Method::GET {
            api_error::REQUIRE_GET
        } else {
            api_error::REQUIRE_POST
        });
    }
    match &endpoint.access {
        Access::Secret { answer, .. } => {
            call.body = parse_body(call, endpoint.body, body)?;
            answer(call)
        }
        Access::Token { kind, daily, answer } => {
            let at = authentication::by_token(call)?;
            let app = &mut call.world.apps[at];
            if !app.may_call(path, *kind) {
                return Err(api_error::UNAUTHORIZED);
            }
            let daily = app.daily_limit(path, *daily);
            if !app.state.quotas.consume(path, call.now, daily) {
                return Err(api_error::DAILY_QUOTA);
            }
            call.body = parse_body(call, endpoint.body, body)?;
            if call.draw.applies(Oddity::UnknownErrorBefore) {
                return Err(unknown_error(&mut call.draw));
            }
            answer(call, at)
        }
    }
}

fn parse_body(call: &mut Call<'_>, required: RequestBody, body: &Bytes) -> Result<Value, ApiError> {
    match required {
        RequestBody::None | RequestBody::Form => Ok(Value::Null),
        RequestBody::OptionalJson if body.is_empty() => Ok(Value::Null),
        RequestBody::Json if body.is_empty() => Err(api_error::EMPTY_BODY),
        RequestBody::Json | RequestBody::OptionalJson => {
            let parsed = strict_json::parse(body).and_then(|parsed| {
                if parsed.is_object() { Ok(parsed) } else { Err("not a JSON object".to_owned()) }
            });
            parsed.map_err(|reason| {
                call.refused = Some(reason);
                api_error::DATA_FORMAT
            })
        }
    }
}
