//! A batch of messages from the queue.

use crate::app::App;
use crate::failure;
use crate::handler::{AT_ONCE, request};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::metric;
use std::collections::BTreeMap;

/// A batch (see "Using Lambda with Amazon SQS" in the Lambda developer guide).
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

/// Deals with every message of a batch, several at once. What is stored is dealt
/// with from there, whatever becomes of it. What can't even be stored comes back
/// by itself after the queue's visibility timeout, and ends in the dead-letter
/// queue if that doesn't help.
pub(crate) async fn queue(app: &App, batch: Batch, now: Timestamp, deadline: Timestamp) -> Value {
    if let Some(age) = batch.records.iter().filter_map(|message| message.age(now)).max() {
        metric::QUEUE_MESSAGE_AGE_SECONDS.record(age, []);
    }
    let failed = stream::iter(batch.records)
        .map(async |message| {
            let done = match serde_json::from_str(&message.body) {
                Ok(event) => request(app, &event, now, deadline).await,
                Err(_) => Err(failure::invalid("the message is not JSON")),
            };
            let failed = done.inspect_err(|error| {
                tracing::error!(
                    message_id = message.message_id,
                    kind = error.error_type,
                    "{}",
                    error.error_message
                );
            });
            failed.is_err().then_some(message.message_id)
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .map(|id| json!({ "itemIdentifier": id }))
        .collect::<Vec<_>>()
        .await;
    json!({ "batchItemFailures": failed })
}

impl Message {
    /// How long it has lain on the queue, in seconds.
    fn age(&self, now: Timestamp) -> Option<u64> {
        let sent: u64 = self.attributes.get("SentTimestamp")?.parse().ok()?;
        Some(now.seconds_since(Timestamp(sent / 1000)))
    }
}
