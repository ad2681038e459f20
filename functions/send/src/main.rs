//! A notification finds its user and its channel.

mod app;
mod channel;
mod circuit_breaker;
mod commands;
mod deliver;
mod duplicates;
mod error;
mod handler;
mod notification;
mod recipient;
mod recipient_routes;
mod request;
#[cfg(test)]
mod schema;
mod send_request;
mod sqs;
mod sweep;

use app::App;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::lambda::run(App::from_environment(), handler::handle).await
}
