//! The engine on a thread and a runtime of its own, and its maintenance.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use dynoxide::Database;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::lock;
use crate::services::account::now;
use crate::services::error::Error;

/// The interval between sweeps for expired items. AWS promises "within a few days".
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Maintenance reads whole tables, and requests wait for its pages. It pauses for this
/// multiple of its own duration, if that is longer than the interval.
const PAUSE_FACTOR: u32 = 19;

/// How often stream records are trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// How long a stream keeps a record (DynamoDB Streams: 24 hours).
const RECORD_RETENTION_SECS: u64 = 24 * 60 * 60;

/// How many records are kept at most over all tables, so that a load test doesn't fill the disk.
const MAX_RECORDS: i64 = 100_000;

/// How long requests under way may delay the stop: a client that sent half a request would for ever.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Opens the engine's database, and a second connection beside it.
pub(super) fn open(file: Option<&Path>) -> Result<(Database, Connection), Error> {
    // Memory is named, so that the second connection finds the same database.
    let place = match file {
        Some(file) => file.to_str().map(str::to_owned).ok_or_else(|| {
            Error::Database(format!("{} is not UTF-8: move the data folder", file.display()))
        })?,
        None => format!("file:{}?mode=memory&cache=shared", uuid::Uuid::new_v4()),
    };
    let database = Database::new(&place)?;
    // The pair leaves the engine at `synchronous = NORMAL`: what was
    // acknowledged survives the process being killed, though not a power cut.
    // The default waits for the disk at every write, ten times as long.
    database.enable_bulk_loading()?;
    database.disable_bulk_loading()?;
    let beside = Connection::open(&place)?;
    beside.busy_timeout(Duration::from_secs(5))?;
    beside.execute_batch(
        "CREATE INDEX IF NOT EXISTS ix_local_shard
             ON _stream_records(table_name, shard_id, CAST(sequence_number AS INTEGER));
         CREATE INDEX IF NOT EXISTS ix_local_table
             ON _stream_records(table_name, CAST(sequence_number AS INTEGER));",
    )?;
    Ok((database, beside))
}

/// The engine's server, running.
pub(super) struct Engine {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Engine {
    /// Starts it on a free port of the loopback interface.
    pub(super) fn start(database: Database, beside: Arc<Mutex<Connection>>) -> Result<Self, Error> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(Error::Serve)?;
        listener.set_nonblocking(true).map_err(Error::Serve)?;
        let address = listener.local_addr().map_err(Error::Serve)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dynamodb")
            .enable_all()
            .build()
            .map_err(Error::Serve)?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                runtime.block_on(run(listener, database, beside, stopped));
                runtime.shutdown_timeout(STOP_GRACE);
                // The receiver is gone if the handle was dropped.
                let _ = end.send(());
            })
            .map_err(Error::Serve)?;
        Ok(Self { address, stop, ended })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it; returns after three seconds at most.
    pub(super) fn stop(self) {
        // A receiver that is gone means that the thread has ended already.
        let _ = self.stop.send(());
        if self.ended.recv_timeout(STOP_GRACE * 3).is_err() {
            tracing::warn!("the database engine is slow to stop and is left behind");
        }
    }
}

async fn run(
    listener: std::net::TcpListener,
    database: Database,
    beside: Arc<Mutex<Connection>>,
    stopped: oneshot::Receiver<()>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the database engine cannot listen");
            return;
        }
    };
    let sweeper = database.clone();
    let sweeping = tokio::spawn(every(SWEEP_INTERVAL, "expiring items", move || {
        sweeper.sweep_ttl().map(drop).map_err(Error::from)
    }));
    let trimming =
        tokio::spawn(every(TRIM_INTERVAL, "trimming streams", move || trim(&lock(&beside))));

    let (grace, graceful) = oneshot::channel();
    let shutdown = async move {
        // An error means that the handle was dropped, which ends the engine as well.
        let _ = stopped.await;
        let _ = grace.send(());
    };
    let deadline = async move {
        let _ = graceful.await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        ended = dynoxide::server::serve_with_shutdown(listener, database, shutdown) => {
            if let Err(error) = ended {
                tracing::error!(%error, "the database engine ended");
            }
        }
        () = deadline => {}
    }
    sweeping.abort();
    trimming.abort();
}

/// Does `work`, which runs SQL, again and again, with a `period` between two times.
async fn every(
    period: Duration,
    doing: &'static str,
    work: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
) {
    let work = Arc::new(work);
    loop {
        let work = work.clone();
        let begun = Instant::now();
        match tokio::task::spawn_blocking(move || work()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{doing} failed; it is tried again"),
            Err(_) => tracing::error!("{doing} panicked; it is tried again"),
        }
        tokio::time::sleep(period.max(begun.elapsed() * PAUSE_FACTOR)).await;
    }
}

/// Removes the records that AWS would no longer have, and those beyond what is kept here.
fn trim(beside: &Connection) -> Result<(), Error> {
    let oldest = i64::try_from((now() / 1000).saturating_sub(RECORD_RETENTION_SECS)).unwrap_or(0);
    retry_when_locked(|| {
        beside.execute("DELETE FROM _stream_records WHERE created_at < ?1", [oldest])?;
        beside.execute(
            "DELETE FROM _stream_records WHERE id <= (SELECT MAX(id) FROM _stream_records) - ?1",
            [MAX_RECORDS],
        )
    })
}

/// Removes the records of a table that is gone.
pub(super) fn delete_stream_records(beside: &Connection, table: &str) -> Result<(), Error> {
    retry_when_locked(|| {
        // Not if it has been made anew meanwhile.
        beside.execute(
            "DELETE FROM _stream_records WHERE table_name = ?1
                 AND NOT EXISTS (SELECT 1 FROM _tables WHERE table_name = ?1)",
            [table],
        )
    })
}

/// Moves the write-ahead log into the file.
pub(super) fn write_back(beside: &Connection) -> Result<(), Error> {
    beside.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Retries while a table is locked: in memory, readers and writers of it exclude each other.
fn retry_when_locked(work: impl Fn() -> rusqlite::Result<usize>) -> Result<(), Error> {
    let mut left = 50;
    loop {
        match work() {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if left > 0
                    && matches!(
                        error.code,
                        ErrorCode::DatabaseLocked | ErrorCode::DatabaseBusy
                    ) =>
            {
                left -= 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return Ok(done.map(drop)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn insert(beside: &Connection, table: &str, created_at: u64) {
        beside
            .execute(
                "INSERT INTO _stream_records
                     (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
                 VALUES (?1, 'INSERT', '{}', ?2, 'shard', ?2)",
                rusqlite::params![table, created_at],
            )
            .unwrap();
    }

    fn tables(beside: &Connection) -> Vec<String> {
        let mut query =
            beside.prepare("SELECT table_name FROM _stream_records ORDER BY id").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn the_queries_of_the_stream_use_our_indexes() {
        let (_database, beside) = open(None).unwrap();
        let plan = |sql: &str| {
            let mut query = beside.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let lines = query.query_map([], |row| row.get::<_, String>(3)).unwrap();
            lines.map(Result::unwrap).collect::<String>()
        };
        let next = plan(
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 'a'",
        );
        assert!(next.contains("ix_local_table"), "{next}");
        let read = plan(
            "SELECT event_name FROM _stream_records WHERE table_name = 'a' AND shard_id = 'b' AND CAST(sequence_number AS INTEGER) > 3 ORDER BY CAST(sequence_number AS INTEGER) ASC",
        );
        assert!(read.contains("ix_local_shard"), "{read}");
        assert!(!read.contains("TEMP B-TREE"), "{read}");
    }

    #[test]
    fn records_older_than_a_day_are_trimmed() {
        let (_database, beside) = open(None).unwrap();
        let now = now() / 1000;
        insert(&beside, "old", now - RECORD_RETENTION_SECS - 60);
        insert(&beside, "new", now - RECORD_RETENTION_SECS + 60);
        trim(&beside).unwrap();
        assert_eq!(tables(&beside), ["new"]);
    }

    #[test]
    fn only_a_deleted_table_is_forgotten() {
        let (database, beside) = open(None).unwrap();
        let definition = json!({
            "TableName": "here",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        });
        database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        insert(&beside, "here", 1);
        insert(&beside, "gone", 2);
        delete_stream_records(&beside, "here").unwrap();
        delete_stream_records(&beside, "gone").unwrap();
        assert_eq!(tables(&beside), ["here"]);
    }

    #[test]
    fn the_engine_stops_though_a_client_has_sent_half_a_request() {
        use std::io::Write as _;

        let (database, beside) = open(None).unwrap();
        let engine = Engine::start(database, Arc::new(Mutex::new(beside))).unwrap();
        let mut half = std::net::TcpStream::connect(engine.address()).unwrap();
        half.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
            .unwrap();
        let ended = std::time::Instant::now();
        engine.stop();
        assert!(ended.elapsed() < STOP_GRACE * 3, "{:?}", ended.elapsed());
    }
}
