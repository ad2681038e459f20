use std::collections::BTreeMap;

use super::*;
use crate::{
    filter::Filters,
    scripted::{Scripted, answer, error, failed},
};

fn mapping() -> QueueMapping {
    QueueMapping {
        function: "send".to_owned(),
        queue: "mail".to_owned(),
        batch_size: 10,
        window: Duration::ZERO,
        reports_failures: true,
        maximum_concurrency: None,
        filters: Filters::default(),
    }
}

struct World {
    feed: Arc<SqsMapping>,
    queues: Queues,
    functions: Arc<Scripted>,
    task: tokio::task::JoinHandle<()>,
}

impl World {
    /// Sends the messages first, so that they come as one batch.
    fn new(mapping: QueueMapping, functions: Scripted, messages: &[&str]) -> Self {
        let queues = Queues::open(None).unwrap();
        let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
        let attributes = [("RedrivePolicy", redrive), ("VisibilityTimeout", "1")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        queues.create("dead", &BTreeMap::new()).unwrap();
        queues.create("mail", &attributes.into()).unwrap();
        messages
            .iter()
            .for_each(|message| drop(queues.send("mail", (*message).to_owned()).unwrap()));
        let functions = Arc::new(functions);
        let feed =
            Arc::new(SqsMapping::new(mapping, queues.clone(), functions.clone(), Logs::silent()));
        let task = tokio::spawn(feed.clone().keep());
        Self { feed, queues, functions, task }
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let condition = async {
            while !what(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), condition)
            .await
            .expect("it hasn't come to that in 20 seconds");
    }

    fn bodies(&self) -> Vec<Vec<String>> {
        self.functions.seen().iter().map(bodies).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn bodies(event: &Json) -> Vec<String> {
    let records = event["Records"].as_array().unwrap().iter();
    records.map(|record| record["body"].as_str().unwrap().to_owned()).collect()
}

fn id_of(event: &Json, body: &str) -> String {
    let record =
        event["Records"].as_array().unwrap().iter().find(|record| record["body"] == body).unwrap();
    record["messageId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn handled_messages_are_deleted() {
    let world = World::new(mapping(), Scripted::with([]), &["a", "b"]);
    world.until(|world| world.queues.length("mail") == Some(0)).await;
    assert_eq!(world.bodies().concat(), ["a", "b"]);
    assert!(world.feed.is_idle());
    let record = &world.functions.seen()[0]["Records"][0];
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:mail");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
}

#[tokio::test]
async fn failed_message_returns_and_ends_in_the_dlq() {
    let functions = Scripted::by(|event| {
        if bodies(event).iter().any(|body| body == "bad") {
            failed([id_of(event, "bad").as_str()])
        } else {
            answer(&Json::Null)
        }
    });
    let world = World::new(mapping(), functions, &["good", "bad"]);
    world.until(|world| world.queues.length("mail") == Some(1)).await;
    world.until(|world| world.queues.length("dead") == Some(1)).await;
    assert_eq!(world.bodies().concat(), ["good", "bad", "bad"]);
}

#[tokio::test]
async fn an_error_or_an_unknown_name_brings_everything_back() {
    for outcome in [error(), failed(["unknown"])] {
        let world = World::new(mapping(), Scripted::with([outcome]), &["a", "b"]);
        world.functions.after(1).await;
        world.until(|world| world.feed.is_idle()).await;
        assert_eq!(world.queues.length("mail"), Some(2));
        world.until(|world| world.queues.length("mail") == Some(0)).await;
        let mut bodies = world.bodies().concat();
        bodies.sort();
        assert_eq!(bodies, ["a", "a", "b", "b"]);
    }
}

#[tokio::test]
async fn a_throttled_batch_waits() {
    let throttled = (0..3).map(|_| Err(crate::services::lambda::InvokeError::Throttled));
    let world = World::new(mapping(), Scripted::with(throttled), &["a"]);
    world.until(|world| world.queues.length("mail") == Some(0)).await;
    assert_eq!(world.functions.seen().len(), 4);
}

#[tokio::test]
async fn filtered_message_is_deleted() {
    let filters = Filters::parse(&[r#"{"body": {"kind": ["order"]}}"#]).unwrap();
    let messages = [r#"{"kind":"order"}"#, r#"{"kind":"other"}"#, "text"];
    let world = World::new(QueueMapping { filters, ..mapping() }, Scripted::with([]), &messages);
    world.until(|world| world.queues.length("mail") == Some(0)).await;
    assert_eq!(world.bodies().concat(), [messages[0]]);
}

#[tokio::test]
async fn batches_have_the_size_that_is_asked_for_and_a_window_fills_them() {
    let world = World::new(
        QueueMapping { batch_size: 2, ..mapping() },
        Scripted::with([]),
        &["a", "b", "c"],
    );
    world.until(|world| world.queues.length("mail") == Some(0)).await;
    assert!(world.bodies().iter().all(|bodies| bodies.len() <= 2));

    let window = QueueMapping { batch_size: 12, window: Duration::from_secs(60), ..mapping() };
    let messages: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let world = World::new(window, Scripted::with([]), &messages);
    world.until(|world| world.queues.length("mail") == Some(0)).await;
    assert_eq!(world.bodies().len(), 1);
}

#[tokio::test]
async fn unfinished_messages_become_visible_on_stop() {
    let world = World::new(
        mapping(),
        Scripted::by(|_| Err(crate::services::lambda::InvokeError::Throttled)),
        &["a"],
    );
    world.functions.after(1).await;
    assert!(!world.feed.is_idle());
    world.task.abort();
    world.feed.release();
    assert_eq!(world.queues.visible("mail"), Some(1));
}
