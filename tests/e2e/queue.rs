//! The same requests, put on a queue.

use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::time::Duration;

const QUEUE: &str = "hongyan-local-notifications";
const DEAD: &str = "hongyan-local-notifications-dlq";

/// What isn't dealt with comes back after some seconds, and once only.
const IMPATIENT: [(&str, &str); 2] = [
    ("VisibilityTimeout: 360", "VisibilityTimeout: 3"),
    ("maxReceiveCount: 5", "maxReceiveCount: 2"),
];

#[tokio::test]
async fn queued_request_is_sent() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    world.queue(&request).await;
    assert_eq!(ann.screen().await.len(), 1);
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
    let row = world.aws.row("notifications", "id", "order-1").await;
    assert_eq!(row["status"], "delivered");

    // SQS delivers at least once, and so may the sender.
    world.queue(&request).await;
    assert_eq!(ann.screen().await.len(), 1);
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
}

/// Fault 28.
#[tokio::test]
async fn only_failed_messages_of_a_batch_return() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let to = json!({ "union_id": ann.union_id().await });
    let record = |id: &str, body: String| json!({ "messageId": id, "body": body });
    let batch = json!({ "Records": [
        record("m1", order("order-1", to.clone()).to_string()),
        record("m2", "not JSON".to_owned()),
        record("m3", json!({ "id": "order-3" }).to_string()),
        record("m4", order("order-4", to.clone()).to_string()),
        record("m5", order("order-1", json!({ "account": "bob" })).to_string()),
    ] });
    let answer = world.invoke("send", &batch).await.unwrap();
    world.idle().await;
    let failed = answer["batchItemFailures"].as_array().unwrap();
    let mut failed: Vec<_> =
        failed.iter().map(|it| it["itemIdentifier"].as_str().unwrap()).collect();
    failed.sort_unstable();
    // m1 and m5 share an id: whichever was first, the other is in conflict.
    assert!(failed == ["m1", "m2", "m3"] || failed == ["m2", "m3", "m5"], "{failed:?}");
}

#[tokio::test]
async fn unreadable_message_goes_to_the_dead_letter_queue() {
    let world = World::changed(&IMPATIENT).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    world.queue("not a request").await;
    world.queue(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    world.until("the message is dead", || world.cloud.aws.queues.length(DEAD) == Some(1)).await;
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
    assert_eq!(ann.screen().await.len(), 1, "the other one went its way");
    assert!(world.lines().iter().any(|line| line.contains("not JSON")), "the log says why");
    assert!(!world.lines().iter().any(|line| line.contains("not a request")), "but not what");
}

#[tokio::test]
async fn retrying_notification_leaves_the_queue_and_is_sent_by_the_sweep() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let busy = json!({ "path": "/cgi-bin/message/template/send", "errcode": 45011 });
    world.wechat.fault(busy).await;
    world.queue(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
    assert!(ann.screen().await.is_empty());

    world.pass("order-1").await;
    world.sweep().await;
    assert_eq!(ann.screen().await.len(), 1);
    assert_eq!(world.aws.row("notifications", "id", "order-1").await["status"], "delivered");
}

#[tokio::test]
async fn failed_stream_batch_goes_to_the_dead_letter_queue() {
    let (world, to) = World::with_ann().await;
    let send = world.cloud.function("send");
    let writes = Fault::new("dynamodb", "*").on("hongyan-local-notifications").by(send.clone());
    let refused = world.cloud.aws.faults.inject(writes.refuse("InternalServerError")).unwrap();
    let request = order("order-17", to);
    world.aws.submit_form_ids(&send, &request).await;
    world.until("the event is dead", || world.cloud.aws.queues.length(DEAD) == Some(1)).await;
    refused.cancel();
    let dead = world.cloud.aws.queues.receive(DEAD, 1, Duration::ZERO).await.unwrap();
    let dead: Value = serde_json::from_str(&dead[0].body).unwrap();
    assert_eq!(dead["requestPayload"], request);
    assert_eq!(dead["responsePayload"]["errorType"], "InternalError", "{dead}");
    // What AWS has kept can be asked for again.
    assert_eq!(world.send(&dead["requestPayload"]).await["outcome"], "sent");
}
