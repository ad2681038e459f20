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
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
