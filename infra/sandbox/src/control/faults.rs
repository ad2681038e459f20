//! Faults to inject.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlResponse};
use crate::model::faults::Fault;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<SharedContext> {
    Router::new().route("/sandbox/faults", get(list).post(inject).delete(clear))
}

async fn list(State(context): State<SharedContext>) -> Json<Value> {
    Json(json!({ "faults": context.read(|state| state.faults.clone()) }))
}

async fn inject(State(context): State<SharedContext>, Body(fault): Body<Fault>) -> ControlResponse {
    fault.check()?;
    context.change(|state| state.faults.push(fault));
    Ok(Json(json!({ "ok": true })))
}

async fn clear(State(context): State<SharedContext>) -> Json<Value> {
    context.change(|state| state.faults.clear());
    Json(json!({ "ok": true }))
}
