//! What an invocation asks for.

use crate::app::App;
use crate::commands::Command;
use crate::send_request::send;
use crate::{error, sqs};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::Json;

/// Handles an invocation: a batch of the queue, a command, or a request to send.
///
/// Fails when a command or a direct request is invalid or fails. A batch never fails as a
/// whole: the response names the messages that failed.
pub(crate) async fn handle(
    app: &App,
    event: Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    app.circuit_breaker.refresh(&app.circuits, now).await;
    if event.get("Records").is_some() {
        let batch = event
            .read()
            .map_err(|_| error::invalid("Records: not a batch of messages from SQS"))?;
        return Ok(sqs::process_batch(app, batch, now, deadline).await);
    }
    match Command::read(&event)? {
        Some(command) => command.execute(app, now, deadline).await,
        None => Ok(json!(send(app, &event, now, deadline).await?)),
    }
}
