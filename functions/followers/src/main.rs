//! Brings in everyone who already follows.

mod app;
mod ask;
mod batch;
mod failure;
mod handler;
mod import;
mod look;
mod page;
mod progress;
mod work;

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
