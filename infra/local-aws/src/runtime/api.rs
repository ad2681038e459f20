//! The Runtime API: what a function's process speaks to.
//!
//! `/{function}/{environment}/2018-06-01/runtime/…`, so that every process is
//! known by the address it calls. Source: Lambda developer guide, "Using the
//! Lambda runtime API for custom runtimes".

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::{environment::Environment, failure, pool::Pool};
use crate::{
    clock,
    services::lambda::{FunctionResponse, arn},
};

/// Lambda quotas: a synchronous answer may have 6 MB.
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

type Pools = Arc<BTreeMap<String, Arc<Pool>>>;

pub(crate) fn router(pools: BTreeMap<String, Arc<Pool>>) -> Router {
    let base = "/{function}/{environment}/2018-06-01/runtime";
    Router::new()
        .route(&format!("{base}/invocation/next"), get(next))
        .route(&format!("{base}/invocation/{{request}}/response"), post(response))
        .route(&format!("{base}/invocation/{{request}}/error"), post(error))
        .route(&format!("{base}/init/error"), post(init_error))
        .with_state(Arc::new(pools))
}

fn find(pools: &Pools, function: &str, environment: &str) -> Result<Arc<Environment>, Refusal> {
    pools.get(function).and_then(|pool| pool.environment(environment)).ok_or(Refusal::Gone)
}

/// Why a process is refused.
enum Refusal {
    /// Its environment has been given up; the runner kills it.
    Gone,
    /// It answers something that it wasn't asked.
    UnknownRequest,
    TooLarge,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, message) = match self {
            Self::Gone => (
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "this environment has been given up",
            ),
            Self::UnknownRequest => {
                (StatusCode::BAD_REQUEST, "InvalidRequestID", "this isn't the current invocation")
            }
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "the answer is larger than Lambda allows",
            ),
        };
        (status, Json(json!({ "errorType": kind, "errorMessage": message }))).into_response()
    }
}

async fn next(
    State(pools): State<Pools>,
    Path((function, environment)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let environment = find(&pools, &function, &environment)?;
    let traces = pools.get(&function).is_some_and(|pool| pool.traces());
    loop {
        let work = environment.incoming.lock().await.recv().await.ok_or(Refusal::Gone)?;
        let Some((request_id, payload, timeout)) = work.accept() else { continue };
        let deadline = clock::millis(clock::now() + timeout);
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", request_id),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", arn(&function)),
        ];
        let trace = traces.then(|| [("lambda-runtime-trace-id", trace_id())]);
        return Ok((headers, trace, payload).into_response());
    }
}

async fn response(
    State(pools): State<Pools>,
    Path((function, environment, request)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let environment = find(&pools, &function, &environment)?;
    let Ok(payload) = to_bytes(body, MAX_RESPONSE_BYTES).await else {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        );
        environment.answer(&request, failure("Function.ResponseSizeTooLarge", &message));
        return Err(Refusal::TooLarge);
    };
    let streaming = headers
        .get("lambda-runtime-function-response-mode")
        .is_some_and(|mode| mode == "streaming");
    let answer = if streaming {
        failure("Runtime.Unsupported", "streamed responses aren't supported on this machine")
    } else {
        FunctionResponse::Ok(payload)
    };
    accept(environment.answer(&request, answer))
}

async fn error(
    State(pools): State<Pools>,
    Path((function, environment, request)): Path<(String, String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let environment = find(&pools, &function, &environment)?;
    accept(environment.answer(&request, FunctionResponse::FunctionError(body)))
}

async fn init_error(
    State(pools): State<Pools>,
    Path((function, environment)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    find(&pools, &function, &environment)?.report_init_error(body);
    accept(true)
}

fn accept(expected: bool) -> Result<Response, Refusal> {
    if !expected {
        return Err(Refusal::UnknownRequest);
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response())
}

/// A trace header in X-Ray's shape, not sampled.
pub(crate) fn trace_id() -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let seconds = clock::now().as_secs();
    format!("Root=1-{seconds:08x}-{};Sampled=0", &random[..24])
}
