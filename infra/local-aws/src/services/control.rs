//! The control API: paths under `/_local` that AWS doesn't have.
//!
//! JSON in and out, whatever the `Content-Type`. Errors are 400 or 404 with
//! `{"error": "…"}`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::Aws;
use super::dynamodb::{PartitionLimits, PartitionModel};
use super::fault::{Fault, FaultHandle, Faults};
use super::invoke::{Invoke, ProcessCommand};
use crate::eventbridge::buses::Buses;

#[derive(Clone)]
struct Control {
    faults: Faults,
    partitions: PartitionModel,
    buses: Buses,
    functions: Arc<dyn Invoke>,
}

/// The routes.
pub(crate) fn router(aws: &Aws, functions: Arc<dyn Invoke>) -> Router {
    let Aws { faults, dynamodb, buses, .. } = aws.clone();
    let partitions = dynamodb.partitions().clone();
    Router::new()
        .route("/_local/faults", get(list).post(inject).delete(cancel_all))
        .route("/_local/faults/{id}", get(one).delete(cancel))
        .route("/_local/faults/{id}/release", post(release))
        .route("/_local/functions/{name}/{command}", post(command))
        .route(
            "/_local/partition-limits",
            get(partition_limits).post(limit_partitions).delete(unlimit_partitions),
        )
        .route("/_local/buses", get(list_buses))
        // A partner's bus has slashes in its name.
        .route("/_local/buses/{*name}", get(events).delete(clear))
        .with_state(Control { faults, partitions, buses, functions })
}

async fn inject(State(control): State<Control>, body: Bytes) -> Response {
    let fault: Fault = match serde_json::from_slice(&body) {
        Ok(fault) => fault,
        Err(why) => return error(StatusCode::BAD_REQUEST, &format!("this is no fault: {why}")),
    };
    match control.faults.inject(fault) {
        Ok(handle) => Json(handle.json()).into_response(),
        Err(why) => error(StatusCode::BAD_REQUEST, &why.to_string()),
    }
}

async fn list(State(control): State<Control>) -> Response {
    let faults = control.faults.list();
    let holding: usize = faults.iter().map(FaultHandle::holding).sum();
    let faults: Vec<_> = faults.iter().map(FaultHandle::json).collect();
    Json(json!({ "holding": holding, "faults": faults })).into_response()
}

async fn one(State(control): State<Control>, Path(id): Path<u64>) -> Response {
    with(&control, id, FaultHandle::json)
}

async fn cancel_all(State(control): State<Control>) -> Response {
    Json(json!({ "cancelled": control.faults.cancel() })).into_response()
}

async fn cancel(State(control): State<Control>, Path(id): Path<u64>) -> Response {
    with(&control, id, |fault| {
        fault.cancel();
        json!({ "cancelled": 1 })
    })
}

async fn release(State(control): State<Control>, Path(id): Path<u64>) -> Response {
    with(&control, id, |fault| json!({ "released": fault.release() }))
}

fn with(
    control: &Control,
    id: u64,
    act: impl FnOnce(&FaultHandle) -> serde_json::Value,
) -> Response {
    match control.faults.get(id) {
        Some(fault) => Json(act(&fault)).into_response(),
        None => error(
            StatusCode::NOT_FOUND,
            &format!(
                "there is no fault {id}, or it is over: GET /_local/faults lists those that aren't"
            ),
        ),
    }
}

async fn command(
    State(control): State<Control>,
    Path((name, command)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let (command, done) = match command.as_str() {
        "kill" => (ProcessCommand::Kill, "killed"),
        "freeze" => (ProcessCommand::Freeze, "frozen"),
        "thaw" => (ProcessCommand::Thaw, "thawed"),
        "cold-starts" => match serde_json::from_slice(&body) {
            Ok(ColdStarts { invocations }) => (ProcessCommand::ColdStarts(invocations), "cold"),
            Err(why) => {
                let problem = format!("say how many, as in {{\"invocations\": 50}}: {why}");
                return error(StatusCode::BAD_REQUEST, &problem);
            }
        },
        _ => return error(StatusCode::NOT_FOUND, "kill, freeze, thaw and cold-starts are here"),
    };
    match control.functions.command(&name, command).await {
        Some(processes) => Json(json!({ done: processes })).into_response(),
        None => error(StatusCode::NOT_FOUND, &format!("there is no function {name}")),
    }
}

/// How many invocations start cold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColdStarts {
    invocations: usize,
}

async fn partition_limits(State(control): State<Control>) -> Response {
    let model = control.partitions;
    Json(json!({ "limits": model.limits(), "throttled": model.throttled() })).into_response()
}

async fn limit_partitions(state: State<Control>, body: Bytes) -> Response {
    let limits: PartitionLimits = match serde_json::from_slice(&body) {
        Ok(limits) => limits,
        Err(why) => {
            let problem = format!(
                "say what a key takes a second, as in {{\"write_units\": 1000, \"read_units\": 3000}}: {why}"
            );
            return error(StatusCode::BAD_REQUEST, &problem);
        }
    };
    state.partitions.limit(limits);
    partition_limits(state).await
}

async fn unlimit_partitions(state: State<Control>) -> Response {
    state.partitions.unlimit();
    partition_limits(state).await
}

async fn list_buses(State(control): State<Control>) -> Response {
    Json(json!({ "buses": control.buses.list() })).into_response()
}

async fn events(State(control): State<Control>, Path(name): Path<String>) -> Response {
    Json(json!({ "events": control.buses.events(&name) })).into_response()
}

async fn clear(State(control): State<Control>, Path(name): Path<String>) -> Response {
    Json(json!({ "cleared": control.buses.clear(&name) })).into_response()
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
