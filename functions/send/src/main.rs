//! A notification finds its user and its channel.

mod app;
mod attempt;
mod call;
mod cancel;
mod channel;
mod check;
mod conclusion;
mod content;
mod deliver;
mod dry_run;
mod failure;
mod handler;
mod list;
mod look;
mod queue;
mod record;
mod remaining;
mod report;
mod request;
mod rests;
mod routes;
#[cfg(test)]
mod schema;
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
