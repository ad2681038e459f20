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
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
