//! The three batches: up to ten entries, each of which succeeds or fails by itself.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Send;
use super::message::{Draft, Receipt};
use super::{MAX_BATCH_MESSAGES, Queues, name_of, no_queue};
use crate::services::refusal::{Refusal, read};

/// The most that the messages of one batch have together, in bytes (`SendMessageBatch`: 1 MiB).
const MAX_BATCH_BYTES: usize = 1_048_576;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: serde::de::DeserializeOwned")]
struct Batch<T> {
    queue_url: String,
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: serde::de::DeserializeOwned")]
struct Entry<T> {
    id: String,
    #[serde(flatten)]
    what: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    receipt_handle: String,
    visibility_timeout: Option<u64>,
}

impl<T> Batch<T> {
    /// Checks what all batches have in common.
    fn check(&self) -> Result<(), Refusal> {
        if self.entries.is_empty() {
            return Err(Refusal::new(
                "EmptyBatchRequest",
                "There should be at least one entry in the request.",
            ));
        }
        if self.entries.len() > MAX_BATCH_MESSAGES {
            return Err(Refusal::new(
                "TooManyEntriesInBatchRequest",
                format!(
                    "Maximum number of entries per request are {MAX_BATCH_MESSAGES}. You have sent {}.",
                    self.entries.len()
                ),
            ));
        }
        let mut ids = BTreeSet::new();
        for entry in &self.entries {
            let symbol = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if !(1..=80).contains(&entry.id.len()) || !entry.id.chars().all(symbol) {
                return Err(Refusal::new(
                    "InvalidBatchEntryId",
                    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
                ));
            }
            if !ids.insert(&entry.id) {
                return Err(Refusal::new(
                    "BatchEntryIdsNotDistinct",
                    "Two or more batch entries in the request have the same Id.",
                ));
            }
        }
        Ok(())
    }
}

/// The results of the entries.
#[derive(Default)]
struct BatchResult {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl BatchResult {
    fn add(&mut self, id: &str, result: Result<Value, Refusal>) {
        match result {
            Ok(mut value) => {
                value["Id"] = json!(id);
                self.successful.push(value);
            }
            Err(refusal) => self.failed.push(json!({
                "Id": id,
                "SenderFault": !refusal.status.is_server_error(),
                "Code": refusal.code,
                "Message": refusal.message,
            })),
        }
    }

    fn answer(self) -> Value {
        json!({"Successful": self.successful, "Failed": self.failed})
    }
}

impl Queues {
    /// `SendMessageBatch`.
    pub(super) async fn send_batch(&self, body: &[u8]) -> Result<Value, Refusal> {
        let batch: Batch<Send> = read(body)?;
        batch.check()?;
        let queue = name_of(&batch.queue_url);
        self.must_exist(queue)?;
        let drafts: Vec<_> =
            batch.entries.into_iter().map(|entry| (entry.id, entry.what.draft())).collect();
        let size: usize =
            drafts.iter().filter_map(|(_, draft)| draft.as_ref().ok()).map(Draft::size).sum();
        if size > MAX_BATCH_BYTES {
            return Err(Refusal::new(
                "BatchRequestTooLong",
                format!(
                    "Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {size} bytes."
                ),
            ));
        }
        let mut outcome = BatchResult::default();
        let mut changes = Vec::new();
        for (id, draft) in drafts {
            let sent = draft.and_then(|draft| self.put_with_sums(queue, draft));
            outcome.add(
                &id,
                sent.map(|(sent, change)| {
                    changes.push(change);
                    sent
                }),
            );
        }
        for change in changes {
            self.state.wait_until_written(change).await?;
        }
        Ok(outcome.answer())
    }

    /// `DeleteMessageBatch`.
    pub(super) fn delete_batch(&self, body: &[u8]) -> Result<Value, Refusal> {
        self.each_received(body, |queue, received| {
            let receipt = Receipt::parse(&received.receipt_handle)?;
            self.in_queue(queue, |queue, _| queue.delete(&receipt))
        })
    }

    /// `ChangeMessageVisibilityBatch`.
    pub(super) fn hide_batch(&self, body: &[u8]) -> Result<Value, Refusal> {
        self.each_received(body, |queue, received| {
            let seconds = received.visibility_timeout.unwrap_or_default();
            self.hide(queue, &received.receipt_handle, seconds)
        })
    }

    fn each_received(
        &self,
        body: &[u8],
        act: impl Fn(&str, &Received) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        let batch: Batch<Received> = read(body)?;
        batch.check()?;
        let queue = name_of(&batch.queue_url);
        self.must_exist(queue)?;
        let mut outcome = BatchResult::default();
        for entry in &batch.entries {
            outcome.add(&entry.id, act(queue, &entry.what).map(|()| json!({})));
        }
        Ok(outcome.answer())
    }

    fn must_exist(&self, queue: &str) -> Result<(), Refusal> {
        let there = self.state.read(|state| state.queues.contains_key(queue));
        if there { Ok(()) } else { Err(no_queue(queue)) }
    }
}
