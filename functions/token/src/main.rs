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
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
