//! A batch of messages from the queue.

use crate::app::App;
use crate::deliver::MAX_CONCURRENCY;
use crate::error;
use crate::send_request::send;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::{Json, JsonError};
use shared::lambda::{MAX_REQUEST_BYTES, too_large};
use shared::metric;
use std::collections::BTreeMap;

/// A batch (see [Using Lambda with Amazon SQS](https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)).
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Processes the messages of a batch concurrently and names those that failed. A
/// notification that is stored never fails here: the sweep retries it. A failed
/// message comes back after the queue's visibility timeout, and moves to the
/// dead-letter queue when its receives are used up.
pub(crate) async fn process_batch(
    app: &App,
    batch: Batch,
    now: Timestamp,
    deadline: Timestamp,
) -> Value {
    if let Some(age) = batch.records.iter().filter_map(|message| message.age(now)).max() {
        metric::QUEUE_MESSAGE_AGE_SECONDS.record(age, []);
    }
    let failed = stream::iter(batch.records)
        .map(async |message| {
            let event = Json::parse(&message.body);
            let sent = match &event {
                _ if message.body.len() > MAX_REQUEST_BYTES => Err(too_large("the message")),
                Ok(event) => send(app, event, now, deadline).await,
                Err(JsonError::Malformed) => Err(error::invalid("the message is not JSON")),
                Err(invalid) => Err(error::invalid(invalid.to_string())),
            };
            let sent = sent.inspect_err(|error| {
                let id = event.as_ref().ok().and_then(|event| event.get("id")?.as_str());
                tracing::error!(
                    id,
                    message_id = message.message_id,
                    kind = error.error_type,
                    "{}",
                    error.error_message
                );
            });
            sent.is_err().then_some(message.message_id)
        })
        .buffer_unordered(MAX_CONCURRENCY)
        .filter_map(std::future::ready)
        .map(|id| json!({ "itemIdentifier": id }))
        .collect::<Vec<_>>()
        .await;
    json!({ "batchItemFailures": failed })
}

impl Message {
    /// Seconds since it was sent to the queue.
    fn age(&self, now: Timestamp) -> Option<u64> {
        let sent: u64 = self.attributes.get("SentTimestamp")?.parse().ok()?;
        Some(now.seconds_since(Timestamp(sent / 1000)))
    }
}
