//! DynamoDB and its streams: dynoxide, an engine over SQLite, in this process.
//!
//! The engine is called in process ([`call`]): its own server would be one more port, which
//! answers every web page. Four things that it leaves to its embedder are done here: an
//! index over the stream's records (without one every write reads them all),
//! trimming them (AWS keeps 24 hours), expiring items (TTL), and hiding
//! writes that changed nothing (AWS has no record of those).
//!
//! What differs from AWS: nothing is throttled unless [`PartitionModel`] is switched on, transactions never conflict,
//! indexes are never behind, a stream has one shard, and an item whose TTL
//! lies more than five years back expires too.
//!
//! Known differences, found by a comparison with another implementation: an update with
//! `ReturnValues: ALL_OLD` returns the key where there was no item; `TransactGetItems`
//! adds the keys to the projection; a query of a table without a sort key restarts after
//! its one item; and a query accepts an empty string for a key.

mod call;
mod engine;
mod partition_limits;
mod stream;
mod table;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use dynoxide::{Database, DynoxideError};
use rusqlite::Connection;
use serde_json::Value;

use super::body;
use super::error::Error;
use super::refusal::{Refusal, answer};
use engine::Maintenance;
pub use partition_limits::{PartitionLimits, PartitionModel};
pub use stream::StreamPosition;

/// The database: a handle, cheap to clone.
#[derive(Clone)]
pub struct DynamoDb {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    /// Where the database lies, unless in memory.
    folder: Option<PathBuf>,
    /// A connection beside the engine's, for what the engine has no call for.
    beside: Arc<Mutex<Connection>>,
    /// None once the database is closed.
    maintenance: Mutex<Option<Maintenance>>,
    partitions: PartitionModel,
}

impl From<DynoxideError> for Error {
    fn from(error: DynoxideError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl DynamoDb {
    /// Opens the database in a file, made if need be, or one in memory that ends with the handle.
    pub fn open(file: Option<&Path>) -> Result<Self, Error> {
        let (database, beside) = engine::open(file)?;
        let beside = Arc::new(Mutex::new(beside));
        let maintenance = Maintenance::start(database.clone(), beside.clone())?;
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                folder: file.and_then(Path::parent).map(Path::to_path_buf),
                beside,
                maintenance: Mutex::new(Some(maintenance)),
                partitions: PartitionModel::default(),
            }),
        })
    }

    /// Makes a table as `definition` says, unless it is there already.
    ///
    /// `definition` holds the properties of `AWS::DynamoDB::Table`: what `CreateTable`
    /// takes, and `TimeToLiveSpecification`. Of a table that is there, what can change is
    /// changed: its TTL, and its stream is switched on. Runs SQL on this thread.
    /// [`Error::TableDiffers`] if the existing table has other keys or indexes or another
    /// kind of stream.
    pub fn create_table(&self, definition: &Value) -> Result<(), Error> {
        table::create(&self.inner.database, self.inner.folder.as_deref(), definition)
    }

    /// The ARN of a table's stream, as Lambda events carry it; `None` without table or stream.
    pub fn stream_arn(&self, table: &str) -> Option<String> {
        stream::arn(&self.inner.database, table)
    }

    /// Where the stream of the table of this name begins.
    ///
    /// Records of an earlier table of the name lie before it. `None` without
    /// table or stream.
    pub fn stream_position(&self, table: &str) -> Option<StreamPosition> {
        stream::start(&self.inner.database, table)
    }

    /// The records after `after`, oldest first, and the position after them.
    ///
    /// At most `limit` of them (1,000 at most), each as a Lambda event carries
    /// it. Writes that changed nothing are left out where the stream shows both
    /// images, so the position may advance past no records at all. If the
    /// table has been made anew since, the new stream is read from its start.
    /// Runs SQL on this thread: a fraction of a millisecond.
    pub fn stream_records(
        &self,
        table: &str,
        after: &StreamPosition,
        limit: usize,
    ) -> Result<(Vec<Value>, StreamPosition), Error> {
        stream::records(&self.inner.database, table, after, limit)
    }

    /// An item by its key, as DynamoDB's JSON writes both. None if there is none, and if
    /// it can't be read. Runs SQL on this thread: a fraction of a millisecond.
    pub fn item(&self, table: &str, key: &Value) -> Option<Value> {
        let request = serde_json::json!({ "TableName": table, "Key": key });
        let request = serde_json::from_value(request).ok()?;
        let found = self.inner.database.get_item(request).ok()?;
        serde_json::to_value(found).ok()?.get_mut("Item").map(Value::take)
    }

    /// The limits of partition key values, off at first.
    pub fn partitions(&self) -> &PartitionModel {
        &self.inner.partitions
    }

    /// The engine itself, for tests that write without a client.
    #[cfg(test)]
    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Answers a client's request, unless it exceeds the limits of a partition key value.
    pub(crate) async fn answer(
        &self,
        operation: &str,
        request: axum::extract::Request,
    ) -> Response {
        let partitions = &self.inner.partitions;
        match partitions.admit(&self.inner.database, operation, request).await {
            Ok((request, None)) => self.execute(operation, request).await,
            Ok((request, Some(admission))) => {
                admission.adjust(self.execute(operation, request).await).await
            }
            Err(throttled) => throttled,
        }
    }

    /// Executes a client's request, without a limit.
    async fn execute(&self, operation: &str, request: axum::extract::Request) -> Response {
        let asked = match body::whole(request.into_body()).await {
            Ok(asked) => asked,
            Err(refusal) => return refusal.json("1.0"),
        };
        let (inner, operation) = (self.inner.clone(), operation.to_owned());
        // SQL blocks, and a scan of a large table does so for long.
        let answered = tokio::task::spawn_blocking(move || {
            if lock(&inner.maintenance).is_none() {
                return Err(Refusal::internal("the database is closed"));
            }
            Ok(call::answer(&inner, &operation, &asked))
        });
        match answered.await {
            Ok(Ok((status, body))) => answer(status, "1.0", body),
            Ok(Err(closed)) => closed.json("1.0"),
            Err(_) => Refusal::internal("the database engine panicked").json("1.0"),
        }
    }

    /// Takes no more requests, and writes everything into the one file.
    pub(crate) fn close(&self) {
        let maintenance = lock(&self.inner.maintenance).take();
        if let Some(maintenance) = maintenance {
            maintenance.stop();
        }
        // In memory there is nothing to write back, and SQLite says so by doing nothing.
        if let Err(error) = engine::write_back(&lock(&self.inner.beside)) {
            tracing::warn!(%error, "the database's last changes stay in its -wal file");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
