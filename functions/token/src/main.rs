//! Keeps each app's access token valid: every minute for all apps, and at once for an
//! app whose token WeChat rejected.

mod app;
mod check;
mod error;
mod handler;
mod refresh;
mod rejected_token;
mod token_metrics;

use app::App;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
