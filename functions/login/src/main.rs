//! A mini program's user becomes a session, and the keys that prove it.
//!
//! Over HTTP: `POST /login/{app}`, what can be done with a session
//! (`POST /session/refresh`, `POST /session/revoke`, `GET /session`,
//! `POST /form-ids`, `POST /phone`), and the two pages from which any API Gateway
//! learns to verify Hongyan's sessions. By invoking it (which takes an IAM
//! permission): accounts are made and bound, persons looked up and forgotten, and
//! the keys of sessions change.

mod account;
mod app;
mod body;
mod busy;
mod form_ids;
mod handler;
mod keys;
mod login;
#[cfg(test)]
mod openapi;
mod orders;
mod persons;
mod phone;
mod reply;
mod retry;
mod routes;
mod session;

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
        handler::answer(&app, request, Timestamp::now()).await
    }))))
    .await
}
