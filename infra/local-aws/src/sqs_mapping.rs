//! Feeds a queue to a function, as Lambda's event source mapping does.
//!
//! What the function has done is deleted; what it hasn't comes back when its
//! visibility timeout ends, and the queue moves it to its dead-letter queue
//! when that has happened too often. Rules: Lambda developer guide, "Using
//! Lambda with Amazon SQS" and "Handling errors for an SQS event source".

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use serde_json::{Value as Json, json};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    batch::{self, Verdict},
    logs::Logs,
    services::{
        Error,
        lambda::Invoke,
        sqs::{Message, Queues},
    },
    template::QueueMapping,
};

/// A long poll, as long as SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Maximum number of messages that SQS returns at once.
const MAX_RECEIVED: usize = 10;

/// Lambda starts with five pollers ("Scaling behavior").
const DEFAULT_CONCURRENCY: usize = 5;

/// How long a throttled batch is retried before its messages become visible again.
const THROTTLED_TIMEOUT: Duration = Duration::from_secs(30);

/// One mapping.
pub(crate) struct SqsMapping {
    mapping: QueueMapping,
    queues: Queues,
    functions: Arc<dyn Invoke>,
    logs: Logs,
    /// Receipt handles of messages that are received and not finished.
    in_hand: Mutex<BTreeSet<String>>,
}

impl SqsMapping {
    pub(crate) fn new(
        mapping: QueueMapping,
        queues: Queues,
        functions: Arc<dyn Invoke>,
        logs: Logs,
    ) -> Self {
        Self { mapping, queues, functions, logs, in_hand: Mutex::default() }
    }

    /// Receives and delivers until the task is aborted.
    pub(crate) async fn keep(self: Arc<Self>) {
        let room = Arc::new(Semaphore::new(
            self.mapping.maximum_concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        ));
        let mut deliveries = JoinSet::new();
        loop {
            // The semaphore is never closed.
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match self.batch().await {
                Ok(batch) => {
                    let feed = self.clone();
                    deliveries.spawn(async move {
                        feed.deliver(batch).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    self.logs.trouble(
                        &self.mapping.function,
                        format!("its queue can't be read: {error}"),
                    );
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            while deliveries.try_join_next().is_some() {}
        }
    }

    /// Whether nothing is left to do. Messages that failed and
    /// wait for their visibility timeout don't count.
    pub(crate) fn is_idle(&self) -> bool {
        let in_hand = self.in_hand();
        in_hand.is_empty() && self.queues.visible(&self.mapping.queue).unwrap_or(0) == 0
    }

    /// Makes received and unfinished messages visible again.
    pub(crate) fn release(&self) {
        for receipt in std::mem::take(&mut *self.in_hand()) {
            // One whose time has passed is visible already.
            let _ = self.queues.change_visibility(&self.mapping.queue, &receipt, Duration::ZERO);
        }
    }

    fn in_hand(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch: full, or all there is when the window ends.
    async fn batch(&self) -> Result<Vec<Message>, Error> {
        let most = self.mapping.batch_size;
        let mut batch = self.receive(most, LONG_POLL).await?;
        let until = Instant::now() + self.mapping.window;
        while !batch.is_empty() && batch.len() < most {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            batch.extend(self.receive(most - batch.len(), left).await?);
        }
        Ok(batch)
    }

    /// Receives while it holds `in_hand`, so that for [`SqsMapping::is_idle`] every
    /// message is in the queue or in hand.
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, Error> {
        let mut receive =
            pin!(self.queues.receive(&self.mapping.queue, most.min(MAX_RECEIVED), wait));
        poll_fn(|context| {
            let mut in_hand = self.in_hand();
            let received = receive.as_mut().poll(context);
            if let Poll::Ready(Ok(messages)) = &received {
                in_hand.extend(messages.iter().map(|message| message.receipt_handle.clone()));
            }
            received
        })
        .await
    }

    async fn deliver(&self, batch: Vec<Message>) {
        let (wanted, unwanted): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|message| self.mapping.filters.pass_message(&message.event_record()));
        // A message that no filter wants is done with.
        unwanted.iter().for_each(|message| self.finish(message, true));
        if wanted.is_empty() {
            return;
        }
        let verdict = self.invoke(&wanted).await;
        for message in &wanted {
            let done = match &verdict {
                Verdict::Done => true,
                Verdict::Failed(names) => !names.contains(&message.id),
                Verdict::AllFailed { .. } | Verdict::Throttled => false,
            };
            self.finish(message, done);
        }
    }

    async fn invoke(&self, messages: &[Message]) -> Verdict {
        let records: Vec<Json> = messages.iter().map(Message::event_record).collect();
        let event = json!({ "Records": records }).to_string();
        let give_up = Instant::now() + THROTTLED_TIMEOUT;
        let mut wait = Duration::from_millis(50);
        loop {
            let outcome = self.functions.invoke(&self.mapping.function, event.clone().into()).await;
            let names = messages.iter().map(|message| message.id.as_str());
            match batch::judge(&outcome, self.mapping.reports_failures, names) {
                Verdict::Throttled if Instant::now() < give_up => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(1));
                }
                verdict => return verdict,
            }
        }
    }

    fn finish(&self, message: &Message, done: bool) {
        let mut in_hand = self.in_hand();
        if done && let Err(error) = self.queues.delete(&self.mapping.queue, &message.receipt_handle)
        {
            self.logs.trouble(
                &self.mapping.function,
                format!("a message that is done can't be deleted: {error}"),
            );
        }
        in_hand.remove(&message.receipt_handle);
    }
}

#[cfg(test)]
mod tests;
