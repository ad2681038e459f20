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
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
