//! Who calls, and for what.

use crate::app::App;
use crate::{forward, replay, stream, sweep};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// Answers an invocation. What it is told by its shape:
///
/// - an array comes from an EventBridge Pipe, which wants to know what the
///   records say ([`forward`]);
/// - an object with `Records` is a batch of the stream ([`stream`]);
/// - one with `replay` is an operator's request ([`replay`]);
/// - anything else is the schedule ([`sweep`]).
///
/// # Errors
///
/// When a request makes no sense, or AWS doesn't do its part. A batch never
/// fails as a whole: its failed records are named in the answer.
pub(crate) async fn handle(
    app: &App,
    event: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    match event {
        Value::Array(records) => Ok(json!(forward::enrich(app, records, now).await)),
        Value::Object(mut event) => {
            if let Some(Value::Array(records)) = event.remove("Records") {
                return Ok(json!(stream::take(app, records, deadline).await));
            }
            if let Some(request) = event.remove("replay") {
                let replayed = replay::replay(app, request, now, deadline).await;
                return replayed.map(|replayed| json!(replayed)).map_err(Into::into);
            }
            schedule(app, now, deadline).await
        }
        _ => schedule(app, now, deadline).await,
    }
}

async fn schedule(app: &App, now: Timestamp, deadline: Timestamp) -> Result<Value, Diagnostic> {
    let swept = sweep::sweep(app, now, deadline).await;
    swept.map(|()| Value::Null).map_err(|error| Diagnostic {
        error_type: "InternalError".to_owned(),
        error_message: error.to_string(),
    })
}
