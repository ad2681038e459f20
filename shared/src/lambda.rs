//! The start of every function, and what it serves its invocations with.

use crate::clock::Timestamp;
use crate::panic::RedactPanics;
use crate::telemetry;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Starts logging and initialises the function's state, which is reused across the
/// invocations of the execution environment.
pub async fn start<App>(init: impl Future<Output = Result<App, Error>>) -> Result<App, Error> {
    telemetry::start();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the function starts");
    init.await.inspect_err(|error| tracing::error!("the function cannot start: {error}"))
}

/// Starts a function and handles events with it until Lambda ends the execution
/// environment. The handler gets the state, the event, the time, and when Lambda ends
/// the invocation.
pub async fn run<App, Event, Response>(
    init: impl Future<Output = Result<App, Error>>,
    handle: impl AsyncFn(&App, Event, Timestamp, Timestamp) -> Result<Response, Diagnostic>,
) -> Result<(), Error>
where
    Event: DeserializeOwned,
    Response: Serialize,
{
    let app = start(init).await?;
    let handle = async |event: LambdaEvent<Event>| {
        let deadline = Timestamp(event.context.deadline / 1000);
        handle(&app, event.payload, Timestamp::now(), deadline).await
    };
    lambda_runtime::run(RedactPanics(service_fn(handle))).await
}
