//! Messages that wait before they are pushed, so that they can arrive late, or in
//! another order than that in which they happened.

use crate::control::Problem;
use crate::control::body;
use crate::push::{Delivery, Push};
use crate::running::{Running, Shared};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

impl Running {
    /// Keeps what is to be pushed, if pushes are held.
    pub(crate) fn hold(&self, push: &Push) -> bool {
        let held = self.read(|state| state.world.pushing.held);
        if held {
            self.change(|state| state.held.push(push.clone()));
        }
        held
    }

    /// Pushes all that was held, one after the other.
    async fn release(&self, newest_first: bool) -> Vec<Delivery> {
        let _under_way = self.under_way();
        let mut held = self.change(|state| std::mem::take(&mut state.held));
        if newest_first {
            held.reverse();
        }
        let mut deliveries = Vec::new();
        for push in &held {
            deliveries.extend(self.push_now(push).await);
        }
        deliveries
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    #[serde(default)]
    newest_first: bool,
}

/// Answers `POST /sandbox/release`, when all that was held is pushed.
pub(crate) async fn release(
    State(running): State<Shared>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let Release { newest_first } = body(&bytes)?;
    let told = tokio::spawn(async move { running.release(newest_first).await });
    let deliveries =
        told.await.map_err(|error| Problem::bad(format!("the push broke off: {error}")))?;
    Ok(Json(json!({ "ok": true, "pushes": deliveries })))
}
