//! What was written down takes effect.

mod answer;
mod app;
mod apply;
mod attempt;
mod follow;
mod forward;
mod handler;
mod lanes;
mod replay;
mod stream;
mod sweep;

use app::App;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
