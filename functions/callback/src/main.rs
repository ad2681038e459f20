//! Receives WeChat's pushes: verifies the signature, decrypts, stores the event and
//! acknowledges it, well within WeChat's five-second timeout.

mod app;
mod handler;

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
        Ok::<_, Error>(handler::handle_request(&app, &request, Timestamp::now()).await)
    }))))
    .await
}
