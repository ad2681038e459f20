//! The log of calls, and uploaded files.

use crate::context::SharedContext;
use crate::control::error::{ControlError, ControlResponse};
use crate::endpoints::media::MediaResponse;
use crate::model::media::{self, MediaFile};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<SharedContext> {
    Router::new()
        .route("/sandbox/calls", get(list).delete(clear))
        .route("/sandbox/calls/{id}", get(show))
        .route("/sandbox/media/{id}", get(media))
}

async fn list(State(context): State<SharedContext>) -> Json<Value> {
    Json(json!({ "calls": context.read(|state| state.calls.all()) }))
}

async fn show(State(context): State<SharedContext>, Path(id): Path<u64>) -> ControlResponse {
    let call = context.read(|state| state.calls.get(id));
    let call = call.ok_or_else(|| ControlError::not_found(format!("the log has no call {id}")))?;
    Ok(Json(json!(call)))
}

async fn clear(State(context): State<SharedContext>) -> Json<Value> {
    context.change(|state| state.calls.clear());
    Json(json!({ "ok": true }))
}

/// An uploaded file of any app.
async fn media(
    State(context): State<SharedContext>,
    Path(id): Path<String>,
) -> Result<MediaResponse, ControlError> {
    let file = context.read(|state| {
        let now = state.world.now();
        let mut found =
            state.world.apps.iter().filter_map(|it| media::find_upload(&it.media, &id, now));
        found.next().map(MediaFile::new)
    });
    file.map(MediaResponse)
        .ok_or_else(|| ControlError::not_found("no uploaded file has this media_id"))
}
