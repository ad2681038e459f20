//! DynamoDB and its streams: dynoxide, an engine over SQLite, in this process.
//!
//! The engine runs SQL where its server runs, so it has a runtime and a thread
//! of its own; clients' requests are passed on to it over the loopback
//! interface. Four things that it leaves to its embedder are done here: an
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

mod engine;
mod partition_limits;
mod proxy;
mod stream;
mod table;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::{Database, DynoxideError};
use rusqlite::Connection;
use serde_json::Value;

use super::error::Error;
use engine::Engine;
pub use partition_limits::{PartitionLimits, PartitionModel};
use proxy::Proxy;
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
    engine: Mutex<Option<Engine>>,
    proxy: Proxy,
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
        let engine = Engine::start(database.clone(), beside.clone())?;
        let proxy = Proxy::new(engine.address());
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                folder: file.and_then(Path::parent).map(Path::to_path_buf),
                beside,
                engine: Mutex::new(Some(engine)),
                proxy,
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
    ) -> axum::response::Response {
        let partitions = &self.inner.partitions;
        match partitions.admit(&self.inner.database, operation, request).await {
            Ok((request, None)) => self.execute(operation, request).await,
            Ok((request, Some(admission))) => {
                admission.adjust(self.execute(operation, request).await).await
            }
            Err(throttled) => throttled,
        }
    }

    /// Passes a client's request on to the engine.
    async fn execute(
        &self,
        operation: &str,
        request: axum::extract::Request,
    ) -> axum::response::Response {
        let answer = self.inner.proxy.pass(operation, request).await;
        if let Some(table) = answer.deleted {
            self.delete_stream_records(table).await;
        }
        answer.response
    }

    /// Removes a deleted table's records, or a new table of the name would seem to have them.
    async fn delete_stream_records(&self, table: String) {
        let beside = self.inner.beside.clone();
        let deleted = tokio::task::spawn_blocking(move || {
            engine::delete_stream_records(&lock(&beside), &table)
        });
        match deleted.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a deleted table's stream records stay"),
            Err(_) => tracing::error!("removing a deleted table's stream records panicked"),
        }
    }

    /// Stops the engine and writes everything into the one file.
    pub(crate) fn close(&self) {
        let engine = self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(engine) = engine {
            engine.stop();
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
