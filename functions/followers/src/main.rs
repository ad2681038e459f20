//! Imports the followers of Official Accounts, and detects unfollows without an event.

mod app;
mod batch;
mod dynamodb_retry;
mod error;
mod handler;
mod import;
mod import_job;
mod page;
mod progress;
mod reconcile;
mod wechat_calls;

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
