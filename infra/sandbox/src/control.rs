//! The control API, `/sandbox/…`: what people do, and everything that `api.weixin.qq.com` does
//! not offer.

mod apps;
mod business;
mod calls;
mod clock;
mod console;
pub(crate) mod error;
mod faults;
mod live;
mod lookup;
mod oddities;
mod people;
mod pushes;
mod snapshot;
mod synthetic_followers;
mod user_actions;

use crate::context::SharedContext;
use crate::control::error::ControlError;
use axum::Router;
use axum::routing::{any, get, post};

/// All routes of the control API.
pub(crate) fn routes() -> Router<SharedContext> {
    Router::new()
        .route("/sandbox/live", get(live::watch))
        .route("/sandbox/notify", post(business::notify))
        .route("/sandbox/state", get(snapshot::state))
        .merge(people::routes())
        .merge(apps::routes())
        .merge(calls::routes())
        .merge(pushes::routes())
        .merge(faults::routes())
        .merge(oddities::routes())
        .merge(clock::routes())
        .route("/sandbox", any(not_found))
        .route("/sandbox/{*path}", any(not_found))
}

async fn not_found() -> ControlError {
    ControlError::not_found(
        "no such path; there are: GET state, GET|POST people, POST people/{name}/{action}, \
         GET people/{name}/messages, POST people/{name}/open, POST notify, GET live, \
         GET|DELETE calls, GET calls/{id}, POST push, GET|POST pushing, POST release, \
         GET|POST|DELETE faults, GET|POST clock, POST apps, POST apps/{app}, \
         POST apps/{app}/console, POST apps/{app}/previous_keys, \
         POST apps/{app}/synthetic_followers, \
         POST apps/{app}/synthetic_followers/{number}/{action}, GET apps/{app}/followers, \
         POST apps/{app}/media, GET|POST apps/{app}/quotas, GET|POST apps/{app}/whitelist, \
         POST apps/{app}/revoke_tokens, POST apps/{app}/reject_tokens, GET media/{id}, GET idle",
    )
}

pub(crate) async fn method_not_allowed() -> ControlError {
    ControlError::method_not_allowed("this path requires another method; see the README")
}
