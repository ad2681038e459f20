//! Oddities to switch on and off.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::find_app;
use crate::oddities::catalog::{CATALOG, Oddity};
use crate::oddities::switches::{Chaos, Filter, Switch, Switches};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<SharedContext> {
    Router::new().route("/sandbox/oddities", get(list).post(switch).delete(clear))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchRequest {
    #[serde(default)]
    on: Vec<Oddity>,
    #[serde(default)]
    off: Vec<Oddity>,
    app: Option<String>,
    of: Option<String>,
    times: Option<u32>,
    /// Null ends it.
    #[serde(default, deserialize_with = "given")]
    chaos: Option<Option<Chaos>>,
}

/// A field that is there, even if it is null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Chaos>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What is on, what was drawn how often, and what there is.
async fn list(State(context): State<SharedContext>) -> Json<Value> {
    let mut state = context.read(|state| json!(state.oddities));
    state["known"] = json!(CATALOG);
    Json(state)
}

async fn switch(
    State(context): State<SharedContext>,
    Body(change): Body<SwitchRequest>,
) -> ControlResponse {
    let SwitchRequest { on, off, app, of, times, chaos } = change;
    if on.is_empty() && off.is_empty() && chaos.is_none() {
        return Err(ControlError::bad_request(
            "nothing to change: on and off are lists of oddities, chaos is {\"seed\": …} or null",
        ));
    }
    if on.is_empty() && (app.is_some() || of.is_some() || times.is_some()) {
        return Err(ControlError::bad_request("app, of and times go with on"));
    }
    if times == Some(0) {
        return Err(ControlError::bad_request("times must be 1 or more"));
    }
    context.change(|state| {
        if let Some(alias) = &app {
            find_app(&state.world, alias)?;
        }
        off.iter().for_each(|oddity| state.oddities.turn_off(*oddity));
        for name in on {
            let filter = Filter { app: app.clone(), of: of.clone(), times };
            state.oddities.turn_on(Switch { name, filter });
        }
        if let Some(chaos) = chaos {
            state.oddities.set_chaos(chaos);
        }
        Ok(Json(json!({ "ok": true })))
    })
}

/// Everything off.
async fn clear(State(context): State<SharedContext>) -> Json<Value> {
    context.change(|state| state.oddities = Switches::default());
    Json(json!({ "ok": true }))
}
