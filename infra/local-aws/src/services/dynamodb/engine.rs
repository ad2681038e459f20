//! Opens the engine's database, and maintains it.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::lock;
use crate::services::account::now;
use crate::services::error::Error;
use dynoxide::Database;
use persisted::private;
use rusqlite::{Connection, ErrorCode};

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

/// How long maintenance under way may delay the stop.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What SQLite adds to a database's name for files beside it.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// Opens the engine's database, and a second connection beside it.
pub(super) fn open(file: Option<&Path>) -> Result<(Database, Connection), Error> {
    // Memory is named, so that the second connection finds the same database.
    let place = match file {
        Some(file) => file.to_str().map(str::to_owned).ok_or_else(|| {
            Error::Database(format!("{} is not UTF-8: move the data folder", file.display()))
        })?,
        None => format!("file:{}?mode=memory&cache=shared", uuid::Uuid::new_v4()),
    };
    if let Some(file) = file {
        make_private(file)?;
    }
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

/// Lets only this user read the database: makes the file, as SQLite gives those beside it the
/// same permissions, and closes what an earlier version left readable.
fn make_private(file: &Path) -> Result<(), Error> {
    for suffix in BESIDE {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let path = Path::new(&name);
        if suffix.is_empty() || path.exists() {
            private::open(path).map_err(Error::file("open", path))?;
        }
    }
    Ok(())
}

/// The thread that expires items and trims streams.
pub(super) struct Maintenance {
    stop: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Maintenance {
    pub(super) fn start(database: Database, beside: Arc<Mutex<Connection>>) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                maintain(&database, &beside, &stopped);
                // The receiver is gone if the handle was dropped.
                let _ = end.send(());
            })
            .map_err(Error::Serve)?;
        Ok(Self { stop, ended })
    }

    /// Stops it; returns after three seconds at most.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.ended.recv_timeout(STOP_GRACE).is_err() {
            tracing::warn!("the database's maintenance is slow to stop and is left behind");
        }
    }
}

/// Maintains until `stopped` has no sender any more.
fn maintain(database: &Database, beside: &Mutex<Connection>, stopped: &mpsc::Receiver<()>) {
    let mut trimmed: Option<Instant> = None;
    loop {
        let begun = Instant::now();
        log("expiring items", database.sweep_ttl().map_err(Error::from));
        if trimmed.is_none_or(|trimmed| trimmed.elapsed() >= TRIM_INTERVAL) {
            trimmed = Some(begun);
            log("trimming streams", trim(&lock(beside)));
        }
        let pause = SWEEP_INTERVAL.max(begun.elapsed() * PAUSE_FACTOR);
        if stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn log<T>(doing: &str, outcome: Result<T, Error>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{doing} failed; it is tried again");
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
    fn maintenance_stops_while_it_pauses() {
        let (database, beside) = open(None).unwrap();
        let maintenance = Maintenance::start(database, Arc::new(Mutex::new(beside))).unwrap();
        let begun = Instant::now();
        maintenance.stop();
        assert!(begun.elapsed() < STOP_GRACE, "{:?}", begun.elapsed());
    }
}
