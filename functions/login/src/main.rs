//! Logs users of mini programs in, and issues their sessions.
//!
//! Over HTTP: `POST /login/{app}`, the routes of a session (`POST /session/refresh`,
//! `POST /session/revoke`, `GET /session`, `POST /form-ids`, `POST /phone`), and the two
//! documents by which any API Gateway verifies the sessions. Operators give commands by
//! invoking the function, which takes an IAM permission: they create and bind accounts,
//! look up and erase people, and rotate and revoke the session keys.

mod account;
mod account_conflicts;
mod app;
mod body;
mod commands;
mod erasure_key;
mod error;
mod form_ids;
mod handler;
mod keys;
mod login;
#[cfg(test)]
mod openapi;
mod password_check;
mod phone;
mod repeated_login;
mod response;
mod retries;
mod retry_key;
mod routes;
mod session;
mod wechat_code;

use app::App;
use lambda_http::lambda_runtime::run;
use lambda_http::{Adapter, Error, Request, service_fn};
use shared::clock::Timestamp;
use shared::lambda;
use shared::panic::RedactPanics;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = lambda::start(App::from_environment()).await?;
    run(RedactPanics(Adapter::from(service_fn(async |request: Request| {
        handler::handle(&app, request, Timestamp::now()).await
    }))))
    .await
}
