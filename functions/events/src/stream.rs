//! A batch from the stream of the events table (see "Using AWS Lambda with Amazon
//! DynamoDB" in the Lambda developer guide). Each event is attempted once and failures are
//! left to the sweep, so that no event blocks the stream.

use crate::app::App;
use crate::attempt::{AttemptResult, attempt, is_time_left};
use crate::per_user::for_each_user_in_order;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::metric;
use shared::store::StoredEvent;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRecord {
    event_name: String,
    dynamodb: RowChange,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RowChange {
    sequence_number: String,
    #[serde(default)]
    new_image: Option<serde_dynamo::Item>,
}

/// A new event, with its record's number in the stream.
#[derive(Debug)]
pub(crate) struct InsertedEvent {
    pub(crate) event: StoredEvent,
    sequence_number: String,
}

/// The records that Lambda has to deliver again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// Attempts the new events until `deadline`. The sweep attempts the rest and what fails.
/// Only an event whose failure could not be recorded is delivered again.
pub(crate) async fn apply_batch(
    app: &App,
    records: Vec<Value>,
    deadline: Timestamp,
) -> BatchResponse {
    let (inserted, unreadable) = inserted_events(records);
    // Counted here only: the pipe, if there is one, reads the same records.
    if unreadable > 0 {
        metric::RECORDS_UNREADABLE.record(unreadable, ["none"]);
    }
    let events: Vec<_> = inserted.iter().map(|inserted| &inserted.event).collect();
    app.last_pushes.record(&events).await;
    let by_user = inserted.into_iter().map(|inserted| (inserted.event.user.clone(), inserted));
    let failures =
        for_each_user_in_order(by_user, async |InsertedEvent { event, sequence_number }| {
            let failed =
                is_time_left(deadline) && attempt(app, &event).await == AttemptResult::NotRecorded;
            failed.then_some(BatchItemFailure { item_identifier: sequence_number })
        });
    BatchResponse { batch_item_failures: failures.await.into_iter().flatten().collect() }
}

/// The new events among the records, and the number of unreadable records. These are not
/// delivered again, as they stay unreadable.
pub(crate) fn inserted_events(records: Vec<Value>) -> (Vec<InsertedEvent>, u64) {
    let mut unreadable = 0;
    let mut inserted = Vec::with_capacity(records.len());
    for record in records {
        match inserted_event(record) {
            Ok(event) => inserted.extend(event),
            Err(problem) => {
                tracing::error!("skipped a record of the stream that is no event: {problem}");
                unreadable += 1;
            }
        }
    }
    (inserted, unreadable)
}

/// None if the record is not of a new row. The error quotes nothing of the content.
fn inserted_event(record: Value) -> Result<Option<InsertedEvent>, String> {
    let record: StreamRecord = serde_json::from_value(record).map_err(|error| problem(&error))?;
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let image = record.dynamodb.new_image.ok_or("it has no NewImage")?;
    let event: StoredEvent =
        serde_dynamo::from_item(image).map_err(|_| "its NewImage lacks an event's attributes")?;
    Ok(Some(InsertedEvent { event, sequence_number: record.dynamodb.sequence_number }))
}

fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // Other texts of serde may quote a value.
    if text.starts_with("missing field") {
        text
    } else {
        "it is not a DynamoDB stream record".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
            "dynamodb": {
                "Keys": { "user": { "S": "wx1#oAnn" }, "event": { "S": "1795186923#1" } },
                "NewImage": {
                    "user": { "S": "wx1#oAnn" }, "event": { "S": "1795186923#1" },
                    "app_id": { "S": "wx1" }, "body": { "S": "<xml/>" }, "kind": { "S": "text" },
                    "received_at": { "N": "1795186924" }, "pending": { "S": "wx1" },
                },
                "SequenceNumber": "111", "SizeBytes": 26, "StreamViewType": "NEW_IMAGE",
            },
        })
    }

    #[test]
    fn only_inserted_rows_are_events() {
        let mut changed = record();
        changed["eventName"] = "MODIFY".into();
        let mut removed = record();
        removed["eventName"] = "REMOVE".into();
        removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        let (found, unreadable) = inserted_events(vec![changed, record(), removed]);
        assert_eq!(unreadable, 0);
        let [inserted] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(inserted.event.event, "1795186923#1");
        assert_eq!(inserted.sequence_number, "111");
        assert!(inserted.event.is_pending());
    }

    #[test]
    fn unreadable_record_does_not_block_the_batch() {
        let mut odd = record();
        odd["dynamodb"]["NewImage"].as_object_mut().unwrap().remove("body");
        let mut imageless = record();
        imageless["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        let mut numberless = record();
        numberless["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        let records = vec![odd, json!({}), Value::Null, imageless, numberless, record()];
        let (found, unreadable) = inserted_events(records);
        assert_eq!((found.len(), unreadable), (1, 5));
    }
}
