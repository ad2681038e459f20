//! Shows notifications in the sandbox's feed as they come and change, from the requests
//! on their queue and the rows in their table.

use std::sync::{Mutex, PoisonError};

use local_aws::{
    Observed, TrafficObserver, clock,
    services::{dynamodb::DynamoDb, sqs},
    template::Template,
};
use serde_json::{Map, Value as Json, json};
use wechat_sandbox::{ActivityFeed, ActivityKind};

use crate::stack;

/// An observer of the queue and the table of the function that sends.
pub(crate) fn observer(
    template: &Template,
    dynamodb: DynamoDb,
    feed: ActivityFeed,
) -> TrafficObserver {
    let send = template.functions.iter().find(|function| function.binary == stack::SEND);
    let table = send.and_then(|send| send.variables.get("NOTIFICATIONS_TABLE")).cloned();
    let queue = template
        .queue_mappings
        .iter()
        .find(|mapping| send.is_some_and(|send| send.name == mapping.function))
        .map(|mapping| mapping.queue.clone());
    let notifications = Notifications { feed, table, queue, reading: Mutex::default() };
    let observer = TrafficObserver::new(move |observed| {
        let Observed::Call { service, request, status: 200..300, .. } = observed else { return };
        if !notifications.concerns(request) {
            return;
        }
        let Ok(request) = serde_json::from_slice::<Json>(request) else { return };
        match service {
            "sqs" => notifications.queued(&request),
            _ => notifications.written(&dynamodb, &request),
        }
    });
    observer.only_calls(|service, operation| {
        matches!(
            (service, operation),
            ("dynamodb", "PutItem" | "UpdateItem" | "TransactWriteItems")
                | ("sqs", "SendMessage" | "SendMessageBatch")
        )
    })
}

/// Where notifications are, and the feed that shows them.
struct Notifications {
    feed: ActivityFeed,
    /// The table that they are stored in.
    table: Option<String>,
    /// The queue that requests come in by.
    queue: Option<String>,
    /// Held from the reading of a row until the feed has it: the feed's order is that of
    /// the writes.
    reading: Mutex<()>,
}

impl Notifications {
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
            self.record(id, "queued", |_| {});
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
        self.record(id, status, |facts| {
            for name in ["channel", "app", "reason"] {
                facts.insert(name.to_owned(), report[name].clone());
            }
        });
    }

    /// Adds a step, unless it is the one that was told last.
    fn record(&self, id: &str, status: &str, more: impl FnOnce(&mut Map<String, Json>)) {
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
    use std::sync::Arc;

    #[test]
    fn queued_request_is_one_step_in_the_feed() {
        let feed = ActivityFeed::default();
        let notifications = Notifications {
            feed,
            table: None,
            queue: Some("notifications".to_owned()),
            reading: Mutex::default(),
        };
        let send = |queue: &str| json!({ "QueueUrl": format!("http://here/0/{queue}"), "MessageBody": "{\"id\":\"a\"}" });
        let told = Arc::new(Mutex::new(0));
        let count = || {
            let told = told.clone();
            notifications.feed.record(ActivityKind::Notification, "a", move |facts| {
                *told.lock().unwrap() =
                    facts.get("steps").and_then(Json::as_array).map_or(0, Vec::len);
            });
        };
        notifications.queued(&send("another"));
        count();
        assert_eq!(*told.lock().unwrap(), 0);
        notifications.queued(&send("notifications"));
        notifications.queued(&send("notifications"));
        count();
        assert_eq!(*told.lock().unwrap(), 1);
    }
}
