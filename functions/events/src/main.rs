//! Applies stored events: follow state, profiles, consents, delivery receipts and
//! automatic replies.

mod app;
mod apply;
mod attempt;
mod auto_reply;
mod error;
mod follow;
mod forward;
mod handler;
mod last_pushes;
mod per_user;
mod replay;
mod stream;
mod sweep;

use app::App;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
