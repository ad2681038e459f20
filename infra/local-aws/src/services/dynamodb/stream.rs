//! A table's stream, read in this process.

use std::fmt;
use std::str::FromStr;

use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::services::account::{ACCOUNT, REGION};
use crate::services::error::Error;

/// What the engine adds to a stored number to make a sequence number of 21 digits.
const OFFSET: u128 = 100_000_000_000_000_000_000;

/// The most records one call returns (DynamoDB Streams, `GetRecords`: 1,000).
const MAX_RECORDS: usize = 1000;

/// Everything up to and including one record: where a reader stands.
///
/// Written as that record's sequence number. Numbers grow with time, also from
/// a table to the next one of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamPosition {
    stored: i64,
}

impl fmt::Display for StreamPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OFFSET + u128::try_from(self.stored).unwrap_or(0))
    }
}

/// A text that is no sequence number of a stream.
#[derive(Debug, thiserror::Error)]
#[error("not a sequence number of a stream")]
pub struct NotAPosition;

impl FromStr for StreamPosition {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let number: u128 = text.parse().map_err(|_| NotAPosition)?;
        let stored = number.checked_sub(OFFSET).and_then(|stored| i64::try_from(stored).ok());
        stored.map(|stored| Self { stored }).ok_or(NotAPosition)
    }
}

impl TryFrom<String> for StreamPosition {
    type Error = NotAPosition;

    fn try_from(text: String) -> Result<Self, NotAPosition> {
        text.parse()
    }
}

impl From<StreamPosition> for String {
    fn from(position: StreamPosition) -> Self {
        position.to_string()
    }
}

/// The stream's label, which is the time at which it was switched on: `<seconds>.<nanoseconds>`.
fn label(database: &Database, table: &str) -> Option<String> {
    let table = database.get_table_metadata(table).ok().flatten()?;
    table.stream_label.filter(|_| table.stream_enabled)
}

/// The stream's ARN.
pub(super) fn arn(database: &Database, table: &str) -> Option<String> {
    label(database, table).map(|label| arn_of(table, &label))
}

fn arn_of(table: &str, label: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{label}")
}

/// Just before the first record that the stream can have.
pub(super) fn start(database: &Database, table: &str) -> Option<StreamPosition> {
    label(database, table).map(|label| start_of(&label))
}

/// The engine's numbers are microseconds since 1970 or more. Records of an
/// earlier table of the same name are older than the label.
fn start_of(label: &str) -> StreamPosition {
    let (seconds, nanos) = label.split_once('.').unwrap_or((label, "0"));
    let seconds: i64 = seconds.parse().unwrap_or(0);
    let nanos: i64 = nanos.parse().unwrap_or(0);
    // Two less: positions exclude their record, and the engine rounds the two
    // numbers differently.
    let stored = seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000) - 2;
    StreamPosition { stored: stored.max(0) }
}

/// The next records, as Lambda events carry them.
pub(super) fn records(
    database: &Database,
    table: &str,
    after: &StreamPosition,
    limit: usize,
) -> Result<(Vec<Value>, StreamPosition), Error> {
    let label = label(database, table)
        .ok_or_else(|| Error::Database(format!("the table {table} has no stream")))?;
    let mut position = after.clone().max(start_of(&label));
    let shard = dynoxide::streams::shard_id(table);
    let read = database.get_records(GetRecordsRequest {
        shard_iterator: encode_shard_iterator(table, &shard, position.stored),
        limit: Some(limit.clamp(1, MAX_RECORDS)),
    })?;
    if let Some(last) = read.records.last() {
        position = last
            .dynamodb
            .sequence_number
            .parse()
            .map_err(|error| Error::Database(format!("the stream of {table}: {error}")))?;
    }
    let arn = arn_of(table, &label);
    let mut records = Vec::with_capacity(read.records.len());
    for record in read.records {
        let mut record = serde_json::to_value(record)
            .map_err(|error| Error::Database(format!("the stream of {table}: {error}")))?;
        if changed_nothing(&record) {
            continue;
        }
        record["awsRegion"] = REGION.into();
        record["eventSourceARN"] = json!(arn);
        records.push(record);
    }
    Ok((records, position))
}

/// Whether a record tells of a write that changed nothing; AWS makes none for those.
pub(super) fn changed_nothing(record: &Value) -> bool {
    let images = &record["dynamodb"];
    record["eventName"] == "MODIFY"
        && images["OldImage"].is_object()
        && images["OldImage"] == images["NewImage"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_written_as_a_sequence_number() {
        let position: StreamPosition = "100001761000000000001".parse().unwrap();
        assert_eq!(position.stored, 1_761_000_000_000_001);
        let json = serde_json::to_string(&position).unwrap();
        assert_eq!(json, "\"100001761000000000001\"");
        assert_eq!(serde_json::from_str::<StreamPosition>(&json).unwrap(), position);
        for text in ["", "7", "-1", "999999999999999999999999999999999999999"] {
            assert!(text.parse::<StreamPosition>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stream_starts_at_its_label() {
        assert_eq!(start_of("1761000000.123456789").stored, 1_761_000_000_123_454);
        assert_eq!(start_of("").stored, 0);
    }
}
