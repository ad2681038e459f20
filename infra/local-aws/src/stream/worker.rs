//! A worker of a stream: batches, retries, giving up.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use tokio::{sync::mpsc, time::Instant};

use super::{Stream, StreamRecord};
use crate::{
    batch::{self, Verdict},
    clock,
    observer::Observed,
    services::{
        dynamodb::StreamPosition,
        lambda::{FunctionResponse, arn},
    },
};

/// Lambda takes no more than 6 MB, the braces around the records included.
const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024 - 1024;

/// AWS keeps stream records for a day, so no record is retried for longer.
const RECORD_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits between attempts: shorter than on AWS; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Takes records in their order until the channel closes.
pub(super) async fn keep(stream: Arc<Stream>, mut records: mpsc::UnboundedReceiver<StreamRecord>) {
    let mut waiting = VecDeque::new();
    while let Some(batch) = fill(&stream, &mut records, &mut waiting).await {
        deliver(&stream, batch).await;
    }
}

/// The next batch: full by number or size, or all there is when the window ends.
async fn fill(
    stream: &Stream,
    records: &mut mpsc::UnboundedReceiver<StreamRecord>,
    waiting: &mut VecDeque<StreamRecord>,
) -> Option<Vec<StreamRecord>> {
    if waiting.is_empty() {
        waiting.push_back(records.recv().await?);
    }
    let until = Instant::now() + stream.mapping.window;
    while waiting.len() < stream.mapping.batch_size {
        match records.try_recv() {
            Ok(record) => waiting.push_back(record),
            Err(_) => match tokio::time::timeout_at(until, records.recv()).await {
                Ok(Some(record)) => waiting.push_back(record),
                Ok(None) | Err(_) => break,
            },
        }
    }
    let mut batch = Vec::new();
    let mut size = 0;
    while let Some(record) = waiting.pop_front() {
        size += record.json.to_string().len() + 1;
        if !batch.is_empty() && size > MAX_PAYLOAD_BYTES {
            waiting.push_front(record);
            break;
        }
        batch.push(record);
    }
    Some(batch)
}

/// Part of a batch with its history.
struct Part {
    records: Vec<StreamRecord>,
    /// How often the function has been invoked with these.
    invoked: u32,
    /// How many of those count against the retries: splitting doesn't.
    failed: u32,
}

/// Brings a batch to an end, good or bad.
async fn deliver(stream: &Stream, batch: Vec<StreamRecord>) {
    // The part that is next stands last.
    let mut parts = vec![Part { records: batch, invoked: 0, failed: 0 }];
    let mut wait = FIRST_WAIT;
    while let Some(mut part) = parts.pop() {
        give_up_old(stream, &mut part);
        if part.records.is_empty() {
            continue;
        }
        let (verdict, error) = invoke(stream, &part).await;
        let done = match verdict {
            Verdict::Done => {
                stream.complete(&part.records);
                wait = FIRST_WAIT;
                continue;
            }
            Verdict::Throttled => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_WAIT);
                parts.push(part);
                continue;
            }
            Verdict::AllFailed { .. } => 0,
            // Everything before the first that failed is done. What comes
            // after it is tried again even if the function had no objection.
            Verdict::Failed(names) => part
                .records
                .iter()
                .position(|record| names.contains(sequence_number(record)))
                .unwrap_or(0),
        };
        part.invoked += 1;
        let rest = part.records.split_off(done);
        stream.complete(&std::mem::replace(&mut part.records, rest));

        if stream.mapping.bisect && (done > 0 || part.records.len() > 1) {
            if done == 0 {
                let tail = part.records.split_off(part.records.len() / 2);
                parts.push(Part { records: tail, ..part });
            }
            parts.push(part);
            continue;
        }
        part.failed += 1;
        if stream.mapping.retries.is_some_and(|retries| part.failed > retries) {
            give_up(stream, "RetryAttemptsExhausted", &part.records, part.invoked, error);
            continue;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MAX_WAIT);
        parts.push(part);
    }
}

async fn invoke(stream: &Stream, part: &Part) -> (Verdict, bool) {
    let records: Vec<&Json> = part.records.iter().map(|record| &record.json).collect();
    if let Some(forward) = &stream.forward {
        return (forward.deliver(stream, &records).await, false);
    }
    if let Some(last) = part.records.last() {
        let (function, created) = (stream.mapping.function.as_str(), created(last));
        stream.aws.observers.notify(Observed::StreamRead { function, created });
    }
    let event = json!({ "Records": records }).to_string();
    let outcome = stream.functions.invoke(&stream.mapping.function, event.into()).await;
    let verdict = batch::judge(
        &outcome,
        stream.mapping.reports_failures,
        part.records.iter().map(sequence_number),
    );
    let error = matches!(outcome, Ok(FunctionResponse::FunctionError(_)));
    (verdict, error)
}

/// Takes out the records that are too old to be tried.
fn give_up_old(stream: &Stream, part: &mut Part) {
    let oldest = stream.mapping.maximum_age.unwrap_or(RECORD_RETENTION).min(RECORD_RETENTION);
    let now = clock::now();
    let (old, young): (Vec<_>, Vec<_>) = std::mem::take(&mut part.records)
        .into_iter()
        .partition(|record| now.saturating_sub(created(record)) > oldest);
    part.records = young;
    if !old.is_empty() {
        give_up(stream, "RecordAgeExceeded", &old, part.invoked, part.invoked > 0);
    }
}

/// Sends the batch's description to the failure queue, if there is one.
fn give_up(stream: &Stream, condition: &str, records: &[StreamRecord], invoked: u32, error: bool) {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
    stream.trouble(format!("{} stream record(s) given up: {condition}", records.len()));
    if let Some(queue) = &stream.mapping.on_failure {
        let mut message = match &stream.forward {
            Some(forward) => json!({ "context": forward.context(condition) }),
            None => json!({
                "requestContext": {
                    "requestId": uuid::Uuid::new_v4().to_string(),
                    "functionArn": arn(&stream.mapping.function),
                    "condition": condition,
                    "approximateInvokeCount": invoked,
                },
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    "functionError": error.then_some("Unhandled"),
                },
            }),
        };
        message["version"] = "1.0".into();
        message["timestamp"] = clock::rfc3339_millis(clock::now()).into();
        message["DDBStreamBatchInfo"] = json!({
            "shardId": dynoxide::streams::shard_id(&stream.mapping.table),
            "startSequenceNumber": sequence_number(first),
            "endSequenceNumber": sequence_number(last),
            "approximateArrivalOfFirstRecord": clock::rfc3339(created(first)),
            "approximateArrivalOfLastRecord": clock::rfc3339(created(last)),
            "batchSize": records.len(),
            "streamArn": first.json["eventSourceARN"],
        });
        if let Err(error) = stream.aws.queues.send(queue, message.to_string()) {
            stream.trouble(format!("the failure queue {queue} can't be told: {error}"));
        }
    }
    stream.complete(records);
}

fn sequence_number(record: &StreamRecord) -> &str {
    record.json["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

/// When the record was made. One that doesn't say is as old as its number,
/// which the engine takes from the clock.
fn created(record: &StreamRecord) -> Duration {
    let seconds = record.json["dynamodb"]["ApproximateCreationDateTime"].as_f64();
    let numbered = || {
        let position: StreamPosition = sequence_number(record).parse().ok()?;
        position.to_string().get(1..)?.parse().ok().map(Duration::from_micros)
    };
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or_else(numbered)
        .unwrap_or_default()
}
