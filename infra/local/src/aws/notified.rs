//! Tells of notifications as they come and change, for whoever watches: reads along what
//! is put on their queue and written to their table.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};
use wechat_sandbox::{ActivityFeed, ActivityKind};

use super::body;
use super::dynamodb::DynamoDb;
use super::fault::Call;
use super::sqs;
use crate::clock;

/// Where notifications are, and whom to tell of them.
pub(crate) struct Watched {
    pub(crate) feed: ActivityFeed,
    /// The table that they are kept in.
    pub(crate) table: Option<String>,
    /// The queue that they come in by.
    pub(crate) queue: Option<String>,
    /// Held from the reading of a row until it is told of: the order of what is told is
    /// that of what was written.
    pub(crate) reading: Mutex<()>,
}

/// Looks at nothing until it is told what to look at. A handle, cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Notified(Arc<OnceLock<Watched>>);

impl Notified {
    /// Watches from now on. What was told first stays.
    pub(crate) fn begin(&self, watched: Watched) {
        let _ = self.0.set(watched);
    }
}

/// Reads along a call on its way to the services.
pub(super) async fn read(
    State((notified, dynamodb)): State<(Notified, DynamoDb)>,
    request: Request,
    next: Next,
) -> Response {
    let call = Call::of(&request).filter(|call| {
        matches!(
            (call.service, call.operation.as_str()),
            ("dynamodb", "PutItem" | "UpdateItem" | "TransactWriteItems")
                | ("sqs", "SendMessage" | "SendMessageBatch")
        )
    });
    let (Some(call), Some(watched)) = (call, notified.0.get()) else {
        return next.run(request).await;
    };
    let (head, asked) = request.into_parts();
    let bytes = match body::whole(asked).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal.json("1.0"),
    };
    let asked = watched.concerns(&bytes).then(|| serde_json::from_slice::<Json>(&bytes));
    let answer = next.run(Request::from_parts(head, Body::from(bytes))).await;
    let Some(Ok(asked)) = asked.filter(|_| answer.status().is_success()) else { return answer };
    if call.service == "sqs" {
        watched.queued(&asked);
    } else {
        watched.written(&dynamodb, &asked);
    }
    answer
}

impl Watched {
    /// Whether a request may be about notifications: whether it has one of the names in it.
    fn concerns(&self, body: &[u8]) -> bool {
        let names = self.table.iter().chain(&self.queue);
        let body = String::from_utf8_lossy(body);
        names.into_iter().any(|name| body.contains(name.as_str()))
    }

    fn queued(&self, asked: &Json) {
        let queue = asked["QueueUrl"].as_str().map(sqs::name_of);
        if self.queue.is_none() || queue != self.queue.as_deref() {
            return;
        }
        let entries =
            asked["Entries"].as_array().map_or(std::slice::from_ref(asked), Vec::as_slice);
        for entry in entries {
            let body = entry["MessageBody"].as_str().unwrap_or_default();
            let request: Json = serde_json::from_str(body).unwrap_or_default();
            // What is no request is refused later, and never becomes a notification.
            let Some(id) = request["id"].as_str() else { continue };
            self.tell(id, "queued", |_| {});
        }
    }

    fn written(&self, dynamodb: &DynamoDb, asked: &Json) {
        let Some(table) = self.table.as_deref() else { return };
        let several = asked["TransactItems"].as_array().map_or(&[][..], Vec::as_slice);
        let each = several.iter().filter_map(|one| one.get("Put").or_else(|| one.get("Update")));
        for write in std::iter::once(asked).chain(each).filter(|it| it["TableName"] == table) {
            let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
            let key = json!({ "id": key["id"] });
            let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
            match dynamodb.item(table, &key) {
                // Other rows of the table have neither.
                Some(row) if row["request_hash"].is_object() => self.changed(&row),
                _ => {}
            }
        }
    }

    fn changed(&self, row: &Json) {
        let text = |name: &str| row[name]["S"].as_str();
        let (Some(id), Some(status)) = (text("id"), text("status")) else { return };
        let report: Json =
            text("report").and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        self.tell(id, status, |facts| {
            for name in ["channel", "app", "reason"] {
                facts.insert(name.to_owned(), report[name].clone());
            }
        });
    }

    /// Adds a step, unless it is the one that was told last.
    fn tell(&self, id: &str, status: &str, more: impl FnOnce(&mut Map<String, Json>)) {
        self.feed.record(ActivityKind::Notification, id, |facts| {
            more(facts);
            let steps = facts.entry("steps").or_insert_with(|| json!([]));
            let Some(steps) = steps.as_array_mut() else { return };
            if steps.last().is_none_or(|last| last["status"] != status) {
                steps.push(json!({ "status": status, "at_ms": clock::millis(clock::now()) }));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_on_the_queue_is_queued_once() {
        let feed = ActivityFeed::default();
        let watched = Watched {
            feed,
            table: None,
            queue: Some("notifications".to_owned()),
            reading: Mutex::default(),
        };
        let send = |queue: &str| json!({ "QueueUrl": format!("http://here/0/{queue}"), "MessageBody": "{\"id\":\"a\"}" });
        let told = Arc::new(Mutex::new(0));
        let count = || {
            let told = told.clone();
            watched.feed.record(ActivityKind::Notification, "a", move |facts| {
                *told.lock().unwrap() =
                    facts.get("steps").and_then(Json::as_array).map_or(0, Vec::len);
            });
        };
        watched.queued(&send("another"));
        count();
        assert_eq!(*told.lock().unwrap(), 0);
        watched.queued(&send("notifications"));
        watched.queued(&send("notifications"));
        count();
        assert_eq!(*told.lock().unwrap(), 1);
    }
}
