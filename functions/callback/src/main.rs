//! WeChat knocks: verify, open, write down, answer.

mod app;
mod handler;

use app::App;
use lambda_http::lambda_runtime::run;
use lambda_http::{Adapter, Error, Request, service_fn};
use shared::{clock::Timestamp, panic::RedactPanics, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let app = App::from_environment()
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error}"))?;
    run(RedactPanics(Adapter::from(service_fn(async |request: Request| {
        Ok::<_, Error>(handler::answer(&app, &request, Timestamp::now()).await)
    }))))
    .await
}
