//! The sandbox's clock.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::model::world::World;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// A hundred years; larger values could overflow sums of times.
const MAX_ADVANCE_SECONDS: i64 = 100 * 365 * 86_400;

pub(super) fn routes() -> Router<SharedContext> {
    Router::new().route("/sandbox/clock", get(show).post(advance))
}

fn time(world: &World) -> Json<Value> {
    Json(json!({ "now": world.now(), "advanced_seconds": world.advanced_seconds }))
}

async fn show(State(context): State<SharedContext>) -> Json<Value> {
    context.read(|state| time(&state.world))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

async fn advance(
    State(context): State<SharedContext>,
    Body(Advance { advance_seconds }): Body<Advance>,
) -> ControlResponse {
    if !(0..=MAX_ADVANCE_SECONDS).contains(&advance_seconds) {
        return Err(ControlError::bad_request(
            "advance_seconds must be 0 or more and less than a hundred years",
        ));
    }
    Ok(context.change(|state| {
        let advanced = &mut state.world.advanced_seconds;
        *advanced = advanced.saturating_add(advance_seconds);
        time(&state.world)
    }))
}
