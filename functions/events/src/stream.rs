//! A batch from the stream of the events table (see "Using AWS Lambda with
//! Amazon DynamoDB" in the Lambda developer guide). Each event is tried once;
//! the sweep does the rest, so that nobody's trouble holds up the stream.

use crate::app::App;
use crate::attempt::{Tried, attempt, is_time_left};
use crate::lanes::by_user;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::metric;
use shared::store::StoredEvent;

/// One record of the stream: a row that was written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    #[serde(default)]
    new_image: Option<serde_dynamo::Item>,
}

/// A new event and its place in the stream.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) event: StoredEvent,
    sequence_number: String,
}

/// Which records have to come again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// The new events among the records, and how many are none that can be read:
/// they will never be, and don't come again.
pub(crate) fn arrivals(records: Vec<Value>) -> (Vec<Arrival>, u64) {
    let mut unreadable = 0;
    let mut arrivals = Vec::with_capacity(records.len());
    for record in records {
        match arrival(record) {
            Ok(arrival) => arrivals.extend(arrival),
            Err(problem) => {
                tracing::error!("a record of the stream is no event: {problem}");
                unreadable += 1;
            }
        }
    }
    (arrivals, unreadable)
}

/// None for a record that isn't of a new row. What is wrong is told by its
/// place, never by its content.
fn arrival(record: Value) -> Result<Option<Arrival>, String> {
    let record: Record = serde_json::from_value(record).map_err(|error| kind(&error))?;
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let image = record.dynamodb.new_image.ok_or("it has no NewImage")?;
    let event: StoredEvent =
        serde_dynamo::from_item(image).map_err(|_| "its NewImage lacks an event's attributes")?;
    Ok(Some(Arrival { event, sequence_number: record.dynamodb.sequence_number }))
}

fn kind(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // serde may quote a value, but not in this one.
    if text.starts_with("missing field") {
        text
    } else {
        "it is no record of DynamoDB's".to_owned()
    }
}

/// Applies the new events. What there is no time for until `deadline`, and what
/// fails, is left to the sweep; what not even its row knows of comes again.
pub(crate) async fn take(app: &App, records: Vec<Value>, deadline: Timestamp) -> Failures {
    let (arrivals, unreadable) = arrivals(records);
    // They are counted here only: the pipe, if there is one, reads the same ones.
    if unreadable > 0 {
        metric::RECORDS_UNREADABLE.record(unreadable, ["none"]);
    }
    let lanes = arrivals.into_iter().map(|arrival| (arrival.event.user.clone(), arrival));
    let again = by_user(lanes, async |Arrival { event, sequence_number }| {
        let again = is_time_left(deadline) && attempt(app, &event).await == Tried::Unnoted;
        again.then_some(Failure { item_identifier: sequence_number })
    });
    Failures { batch_item_failures: again.await.into_iter().flatten().collect() }
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
    fn only_new_rows_are_arrivals() {
        let mut changed = record();
        changed["eventName"] = "MODIFY".into();
        let mut removed = record();
        removed["eventName"] = "REMOVE".into();
        removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        let (found, unreadable) = arrivals(vec![changed, record(), removed]);
        assert_eq!(unreadable, 0);
        let [arrival] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(arrival.event.event, "1795186923#1");
        assert_eq!(arrival.sequence_number, "111");
        assert!(arrival.event.is_pending());
    }

    #[test]
    fn what_is_no_event_holds_up_nothing() {
        let mut odd = record();
        odd["dynamodb"]["NewImage"].as_object_mut().unwrap().remove("body");
        let mut imageless = record();
        imageless["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        let mut numberless = record();
        numberless["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        let records = vec![odd, json!({}), Value::Null, imageless, numberless, record()];
        let (found, unreadable) = arrivals(records);
        assert_eq!((found.len(), unreadable), (1, 5));
    }
}
