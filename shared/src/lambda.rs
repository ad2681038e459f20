//! The start of every function, and what it serves its invocations with.

use crate::clock::Timestamp;
use crate::config;
use crate::json::Json;
use crate::panic::RedactPanics;
use crate::telemetry;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Maximum size of a request in JSON: a notification to a thousand recipients has less than
/// 200 KB.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// Starts logging and initialises the function's state, which is reused across the
/// invocations of the execution environment.
pub async fn start<App>(init: impl Future<Output = Result<App, Error>>) -> Result<App, Error> {
    telemetry::start();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the function starts");
    let init = async {
        config::check_timeout_factor()?;
        init.await
    };
    init.await.inspect_err(|error| tracing::error!("the function cannot start: {error}"))
}

/// An event as Lambda hands it over. Reading it never fails, as the runtime would answer with
/// an error of its own, which names its deserializer and nothing of the event.
struct Payload(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::deserialize(deserializer).ok()))
    }
}

impl Payload {
    fn read(&self) -> Result<Json, Diagnostic> {
        let raw = self.0.as_ref().ok_or_else(|| invalid_request("the event is not JSON"))?;
        let event = Json::parse(raw.get()).map_err(|error| invalid_request(error.to_string()))?;
        // AWS makes the batches, and limits them itself.
        let is_batch = matches!(event, Json::Array(_)) || event.get("Records").is_some();
        if !is_batch && raw.get().len() > MAX_REQUEST_BYTES {
            return Err(too_large("the event"));
        }
        Ok(event)
    }
}

/// The error of a request that is larger than [`MAX_REQUEST_BYTES`].
pub fn too_large(what: &str) -> Diagnostic {
    invalid_request(format!("{what} has more than {MAX_REQUEST_BYTES} bytes"))
}

/// The error of an invocation that asks for what the function doesn't take.
pub fn invalid_request(problem: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: "InvalidRequest".to_owned(), error_message: problem.into() }
}

/// Starts a function and handles events with it until Lambda ends the execution
/// environment. The handler gets the state, the event, the time, and when Lambda ends
/// the invocation.
pub async fn run<App, Response>(
    init: impl Future<Output = Result<App, Error>>,
    handle: impl AsyncFn(&App, Json, Timestamp, Timestamp) -> Result<Response, Diagnostic>,
) -> Result<(), Error>
where
    Response: Serialize,
{
    let app = start(init).await?;
    let handle = async |event: LambdaEvent<Payload>| {
        let deadline = Timestamp(event.context.deadline / 1000);
        handle(&app, event.payload.read()?, Timestamp::now(), deadline).await
    };
    lambda_runtime::run(RedactPanics(service_fn(handle))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the runtime reads it.
    fn read(event: &str) -> Result<Json, String> {
        let mut deserializer = serde_json::Deserializer::from_str(event);
        let payload: Payload = serde_path_to_error::deserialize(&mut deserializer).unwrap();
        payload.read().map_err(|error| format!("{}: {}", error.error_type, error.error_message))
    }

    /// Fault 90.
    #[test]
    fn event_is_read_exactly_or_is_an_invalid_request() {
        let half = read(r#"{"id":"a","text":"\ud83d"}"#).unwrap();
        assert_eq!(half.get("text").and_then(Json::as_str), Some("\u{fffd}"));
        let exact = read(r#"{"n":20261201123456789012}"#).unwrap();
        assert_eq!(exact.get("n"), Some(&Json::Number("20261201123456789012".to_owned())));
        for (event, problem) in [
            ("", "InvalidRequest: the event is not JSON"),
            ("{", "InvalidRequest: the event is not JSON"),
            (r#"{"a":1,}"#, "InvalidRequest: the event is not JSON"),
            (r#"{"a":1,"a":2}"#, r#"InvalidRequest: the name "a" stands twice"#),
        ] {
            assert_eq!(read(event), Err(problem.to_owned()), "{event}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
        let padded = |name: &str| format!(r#"{{"{name}":["{}"]}}"#, "x".repeat(MAX_REQUEST_BYTES));
        assert_eq!(
            read(&padded("data")),
            Err("InvalidRequest: the event has more than 262144 bytes".to_owned())
        );
        assert!(read(&padded("Records")).is_ok());
    }
}
