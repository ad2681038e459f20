//! Feeds a table's stream to a function, as Lambda's event source mapping does,
//! or through a pipe to a bus.
//!
//! Records are read in order and distributed to as many workers as the mapping's
//! parallelization factor, by the item's whole key. So an item's records stay
//! in order, which is all that Lambda promises (not the order of all items of a
//! partition key), and a failing record delays its own worker only. The reader's
//! position is saved once everything before is done, so after a restart records may be
//! delivered again but none is lost.
//!
//! Rules: Lambda developer guide, "Process DynamoDB records with Lambda",
//! "Configuring partial batch response with DynamoDB and Lambda" and "Retain
//! discarded records for a DynamoDB event source in Lambda".

mod checkpoint;
mod pipe;
mod progress;
mod worker;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value as Json;
use tokio::sync::{Notify, mpsc};

use crate::{
    logs::Logs,
    services::{Aws, Error, dynamodb::StreamPosition, lambda::Invoke},
    template::{Pipe, Start, StreamMapping},
};
use checkpoint::Checkpoint;
use pipe::Forward;
use progress::Progress;

/// The interval between polls. AWS polls four times a second; a developer at a terminal
/// waits for less.
const POLL: Duration = Duration::from_millis(20);

/// A record on its way, with the number of the read that brought it.
struct StreamRecord {
    read: u64,
    json: Json,
}

/// What reads a stream.
pub(crate) enum Reader {
    Function(StreamMapping),
    Pipe(Pipe),
}

/// One mapping, or one pipe.
pub(crate) struct Stream {
    mapping: StreamMapping,
    /// What a pipe does with the function's answers.
    forward: Option<Forward>,
    aws: Aws,
    functions: Arc<dyn Invoke>,
    logs: Logs,
    checkpoint: Checkpoint,
    progress: Mutex<Progress>,
    completed: Notify,
}

impl Stream {
    /// Finds where to begin: where it stood, or where the mapping says.
    pub(crate) fn open(
        reader: Reader,
        aws: Aws,
        functions: Arc<dyn Invoke>,
        logs: Logs,
        data: Option<&Path>,
    ) -> Result<Self, Error> {
        let (mapping, forward) = match reader {
            Reader::Function(mapping) => (mapping, None),
            Reader::Pipe(Pipe { name, stream, target }) => {
                (stream, Some(Forward { pipe: name, target }))
            }
        };
        let checkpoint = match &forward {
            None => Checkpoint::open(data, &mapping.function, &mapping.table),
            // A function may have the same name.
            Some(Forward { pipe, .. }) => {
                Checkpoint::open(data, &format!("pipe.{pipe}"), &mapping.table)
            }
        };
        let position = match checkpoint.read() {
            Some(position) => position,
            None => beginning(&aws, &mapping)?,
        };
        let progress = Mutex::new(Progress::at(position));
        let completed = Notify::new();
        Ok(Self { mapping, forward, aws, functions, logs, checkpoint, progress, completed })
    }

    /// Logs a problem, in the name of the function or the pipe.
    fn trouble(&self, what: String) {
        let forward = self.forward.as_ref();
        self.logs.trouble(forward.map_or(&self.mapping.function, |forward| &forward.pipe), what);
    }

    /// Reads and distributes records until the task is aborted.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut tasks = tokio::task::JoinSet::new();
        let mut workers = Vec::new();
        for _ in 0..self.mapping.parallelization {
            let (send, receive) = mpsc::unbounded_channel();
            tasks.spawn(worker::keep(self.clone(), receive));
            workers.push(send);
        }
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            poll.tick().await;
            self.until_there_is_room().await;
            match self.read() {
                Ok(records) => {
                    for record in records {
                        let worker = worker_for(&record.json, workers.len());
                        // Workers end with this task only.
                        let _ = workers[worker].send(record);
                    }
                }
                Err(error) => {
                    self.trouble(format!("its stream can't be read: {error}"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Whether nothing is left to do: neither under way nor unread.
    pub(crate) fn is_idle(&self) -> bool {
        let progress = self.progress();
        let unread =
            self.aws.dynamodb.stream_records(&self.mapping.table, progress.read_up_to(), 1);
        // A stream that can't be read has nothing for anyone.
        progress.outstanding() == 0
            && unread.is_ok_and(|(_, position)| position == *progress.read_up_to())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until_there_is_room(&self) {
        let most = 2 * self.mapping.batch_size * self.mapping.parallelization;
        loop {
            let completed = self.completed.notified();
            if self.progress().outstanding() < most {
                return;
            }
            completed.await;
        }
    }

    /// The next records that pass the filters. They are counted as under way under the
    /// same lock, so that [`Stream::is_idle`] never misses one.
    fn read(&self) -> Result<Vec<StreamRecord>, Error> {
        let mut progress = self.progress();
        let limit = self.mapping.batch_size * self.mapping.parallelization;
        let (records, position) =
            self.aws.dynamodb.stream_records(&self.mapping.table, progress.read_up_to(), limit)?;
        if position == *progress.read_up_to() {
            return Ok(Vec::new());
        }
        let wanted: Vec<Json> =
            records.into_iter().filter(|record| self.mapping.filters.pass(record)).collect();
        let (read, done) = progress.read(wanted.len(), position);
        drop(progress);
        self.save_checkpoint(done);
        Ok(wanted.into_iter().map(|json| StreamRecord { read, json }).collect())
    }

    /// Marks these records as done.
    fn complete(&self, records: &[StreamRecord]) {
        if records.is_empty() {
            return;
        }
        let done = self.progress().complete(records.iter().map(|record| record.read));
        self.save_checkpoint(done);
        self.completed.notify_one();
    }

    fn save_checkpoint(&self, done: Option<StreamPosition>) {
        if let Some(position) = done
            && let Err(error) = self.checkpoint.write(&position)
        {
            tracing::warn!(%error, function = self.mapping.function, "the position of a stream can't be saved; after a restart its records are delivered again");
        }
    }
}

/// Where a mapping without a past begins.
fn beginning(aws: &Aws, mapping: &StreamMapping) -> Result<StreamPosition, Error> {
    let table = &mapping.table;
    let start = aws.dynamodb.stream_position(table);
    let mut position = start.ok_or_else(|| {
        Error::Database(format!("{} reads the stream of {table}, which has none", mapping.function))
    })?;
    if mapping.start == Start::Latest {
        loop {
            let (_, next) = aws.dynamodb.stream_records(table, &position, 1000)?;
            if next == position {
                break;
            }
            position = next;
        }
    }
    Ok(position)
}

/// The worker of a record: the same for all records of an item.
fn worker_for(record: &Json, workers: usize) -> usize {
    // By name, since the order of attributes in JSON means nothing.
    let keys: BTreeMap<&String, String> = record["dynamodb"]["Keys"]
        .as_object()
        .map(|keys| keys.iter().map(|(name, value)| (name, value.to_string())).collect())
        .unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    keys.hash(&mut hasher);
    let workers = u64::try_from(workers).unwrap_or(1).max(1);
    usize::try_from(hasher.finish() % workers).unwrap_or(0)
}

#[cfg(test)]
mod tests;
