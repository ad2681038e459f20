//! SQS: standard queues, in one JSON file or in memory.
//!
//! Delivery is at least once, as on AWS: a sent message is in the file before
//! the client's response, while a receipt, a deletion or a changed visibility is
//! written shortly after, so a process killed in between leaves a message that is
//! received again. Not supported: FIFO queues, policies, tags, encryption, moving messages
//! back out of a dead-letter queue.

mod address;
mod api;
mod attributes;
mod batch;
mod digest;
mod message;
mod queue;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use persisted::{ChangeId, Persisted};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::account::now;
use super::error::Error;
use super::refusal::Refusal;
pub use address::{arn, name_of, url};
pub(crate) use api::refuse;
pub use message::Message;
use queue::Queue;

/// Maximum number of messages of one call (`ReceiveMessage`: 10).
const MAX_BATCH_MESSAGES: usize = 10;

/// The queues: a handle, cheap to clone.
#[derive(Clone)]
pub struct Queues {
    state: Arc<Persisted<State>>,
    /// Notified whenever a message may have become visible.
    arrived: Arc<Notify>,
}

#[derive(Default, Serialize, Deserialize)]
struct State {
    queues: BTreeMap<String, Queue>,
}

impl Queues {
    /// Reads the queues in `file`, if it is there, and keeps them there; in memory without.
    pub fn open(file: Option<PathBuf>) -> Result<Self, Error> {
        Ok(Self {
            state: Arc::new(Persisted::open(file, State::default())?),
            arrived: Arc::default(),
        })
    }

    /// Makes a queue, or gives the one that is there these attributes and no others.
    ///
    /// Attributes are those of `CreateQueue`, as text. A `RedrivePolicy` may name
    /// a dead-letter queue that is made later; until then nothing moves.
    pub fn create(&self, name: &str, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
        attributes::check_name(name)?;
        attributes::check(attributes)?;
        let ((), _) = self.state.change(|state| {
            let now = now();
            let queue = state.queues.entry(name.to_owned()).or_insert_with(|| Queue::new(now));
            queue.configure(attributes.clone(), now);
        });
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Sends a message with no attributes; tells its id.
    pub fn send(&self, queue: &str, body: String) -> Result<String, Error> {
        let draft = message::Draft { body, ..message::Draft::default() };
        let (id, _) = self.put(queue, draft)?;
        Ok(id)
    }

    /// Receives up to `max` messages (10 at most), waiting up to `wait` for the
    /// first; they are hidden for as long as the queue says.
    ///
    /// Cancelling the future loses nothing.
    pub async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Message>, Error> {
        Ok(self.wait_for(queue, max, Some(wait), None).await?)
    }

    /// Deletes a received message. One that is gone already is no error.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), Error> {
        let receipt = message::Receipt::parse(receipt_handle)?;
        self.in_queue(queue, |queue, _| queue.delete(&receipt))?;
        Ok(())
    }

    /// Hides a received message for `timeout` from now, in whole seconds; zero shows it
    /// again. Refuses if the message is hidden no longer.
    pub fn change_visibility(
        &self,
        queue: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), Error> {
        Ok(self.hide(queue, receipt_handle, timeout.as_secs())?)
    }

    /// Shows all messages that are hidden or delayed, as if their time were over.
    pub fn show(&self, queue: &str) -> Result<(), Error> {
        self.in_queue(queue, Queue::show)?;
        self.arrived.notify_waiters();
        Ok(())
    }

    /// How many messages wait in a queue, visible, hidden or delayed; `None` if there is no such queue.
    pub fn length(&self, queue: &str) -> Option<usize> {
        self.state.read(|state| Some(state.queues.get(queue)?.counts(now()).total()))
    }

    /// How many messages a receiver would get now; `None` if there is no such queue.
    pub fn visible(&self, queue: &str) -> Option<usize> {
        self.state.read(|state| Some(state.queues.get(queue)?.counts(now()).visible))
    }

    /// When the oldest message of a queue was sent, visible or not; `None` if it has none.
    pub fn oldest(&self, queue: &str) -> Option<Duration> {
        let sent = self.state.read(|state| state.queues.get(queue)?.oldest_sent(now()));
        sent.map(Duration::from_millis)
    }

    /// Writes what is unwritten; later changes stay in memory.
    pub(crate) fn close(&self) {
        self.state.close();
    }

    /// Sends; returns the message's id and the change to wait for.
    fn put(&self, name: &str, draft: message::Draft) -> Result<(String, ChangeId), Refusal> {
        let (sent, change) = self.state.change(|state| {
            let queue = state.queues.get_mut(name).ok_or_else(|| no_queue(name))?;
            queue.send(draft, now())
        });
        self.arrived.notify_waiters();
        Ok((sent?, change))
    }

    /// Receives what is visible now, and moves messages that were received too often to
    /// the dead-letter queue.
    fn receive_visible(
        &self,
        name: &str,
        max: usize,
        hide: Option<u64>,
    ) -> Result<Vec<Message>, Refusal> {
        let (taken, moved) = self.state.change_if(|state| {
            let now = now();
            let Some(queue) = state.queues.get(name) else {
                return (Err(no_queue(name)), false);
            };
            let policy = queue.redrive().filter(|it| state.queues.contains_key(&it.queue));
            let Some(queue) = state.queues.get_mut(name) else {
                return (Err(no_queue(name)), false);
            };
            let most = policy.as_ref().map(|policy| policy.receives);
            let (taken, dead) = queue.receive(name, max, hide, most, now);
            let moved = !dead.is_empty();
            let changed = moved || !taken.is_empty();
            if let Some(aside) = policy.and_then(|it| state.queues.get_mut(&it.queue)) {
                for message in dead {
                    aside.bury(message, name, now);
                }
            }
            (Ok((taken, moved)), changed)
        })?;
        if moved {
            self.arrived.notify_waiters();
        }
        Ok(taken)
    }

    /// Receives, with a long poll: of the queue's own length if `wait` is not given.
    async fn wait_for(
        &self,
        name: &str,
        max: usize,
        wait: Option<Duration>,
        hide: Option<u64>,
    ) -> Result<Vec<Message>, Refusal> {
        let max = max.clamp(1, MAX_BATCH_MESSAGES);
        let own = || {
            self.state.read(|state| {
                state.queues.get(name).map_or(Duration::ZERO, |queue| {
                    Duration::from_secs(queue.number(attributes::RECEIVE_WAIT))
                })
            })
        };
        let deadline = Instant::now() + wait.unwrap_or_else(own);
        loop {
            // Listening starts before looking, or a message between the two would be missed.
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            let taken = self.receive_visible(name, max, hide)?;
            if !taken.is_empty() || Instant::now() >= deadline {
                return Ok(taken);
            }
            let next = self.state.read(|state| {
                let now = now();
                let next = state.queues.get(name)?.next_visible(now)?;
                Some(Duration::from_millis(next.saturating_sub(now) + 1))
            });
            let until = next.map_or(deadline, |next| deadline.min(Instant::now() + next));
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    fn hide(&self, name: &str, handle: &str, seconds: u64) -> Result<(), Refusal> {
        let receipt = message::Receipt::parse(handle)?;
        self.in_queue(name, |queue, now| queue.hide(&receipt, seconds, now))??;
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Changes a queue.
    fn in_queue<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Queue, u64) -> R,
    ) -> Result<R, Refusal> {
        let (result, _) = self.state.change(|state| {
            let queue = state.queues.get_mut(name).ok_or_else(|| no_queue(name))?;
            Ok(change(queue, now()))
        });
        result
    }
}

fn no_queue(name: &str) -> Refusal {
    Refusal::new(
        "QueueDoesNotExist",
        format!("The specified queue does not exist: there is no {name} here."),
    )
}
