//! Keeps each app's access token fresh: every minute, or when asked by a
//! function that WeChat told that its token is dead.

mod app;
mod check;
mod failure;
mod handler;
mod refresh;
mod repair;
mod watch;

use app::App;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{clock::Timestamp, panic::RedactPanics, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let app = App::from_environment()
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error}"))?;
    run(RedactPanics(service_fn(async |event: LambdaEvent<handler::Event>| {
        let deadline = Timestamp(event.context.deadline / 1000);
        handler::handle(&app, event.payload, Timestamp::now(), deadline).await
    })))
    .await
}
