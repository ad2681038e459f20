//! A notification finds its user and its channel.

mod app;
mod channel;
mod circuit_breaker;
mod commands;
mod deliver;
mod error;
mod handler;
mod notification;
mod recipient_routes;
mod request;
mod response;
#[cfg(test)]
mod schema;
mod send_request;
mod sqs;
mod sweep;

use app::App;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use shared::{clock::Timestamp, panic::RedactPanics, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let app = App::from_environment()
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error}"))?;
    run(RedactPanics(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = Timestamp(event.context.deadline / 1000);
        handler::handle(&app, event.payload, Timestamp::now(), deadline).await
    })))
    .await
}
