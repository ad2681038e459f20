//! What a notification, a message and a sweep cost: functions and tables are paid by the
//! call.

use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::json;
use std::time::Duration;

const OPERATIONS: [&str; 6] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"];

#[tokio::test]
async fn notification_makes_three_or_four_calls_of_dynamodb_and_one_of_wechat() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    ann.message("shop", "Where is my kettle?").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    let to = json!({ "union_id": ann.union_id().await });
    // Apps, templates and tokens are read once.
    world.send(&order("warm", to.clone())).await;
    let send = world.cloud.function("send");
    for (channel, most) in [("template", 3), ("subscribe", 4), ("customer_service", 4)] {
        let counts = OPERATIONS.map(|operation| {
            // A fault that delays by nearly nothing, and counts the calls.
            let fault = Fault::new("dynamodb", operation).by(send.clone());
            world.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1))).unwrap()
        });
        world.wechat.forget_calls().await;
        let mut request = order(channel, to.clone());
        request["channels"] = json!([channel]);
        // What follows, such as WeChat's receipt, is others' work.
        let answer = world.invoke("send", &request).await.unwrap();
        assert_eq!(answer["notifications"][0]["outcome"], "sent", "{answer}");
        let calls: u64 = counts.iter().map(local_aws::services::FaultHandle::fired).sum();
        assert_eq!(calls, most, "{channel}");
        let all = world.wechat.get("calls").await;
        assert_eq!(all["calls"].as_array().unwrap().len(), 1, "{channel}: {all:#}");
        counts.iter().for_each(local_aws::services::FaultHandle::cancel);
        world.idle().await;
    }
}

#[tokio::test]
async fn text_message_costs_eight_write_units() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    // Settings are read once.
    ann.message("shop", "Good morning").await;
    world.idle().await;
    let usage = &world.cloud.aws.usage;
    usage.reset();
    ann.message("shop", "Where is my kettle?").await;
    world.idle().await;
    let [callback, events] =
        ["callback", "events"].map(|name| usage.used_by(&world.cloud.function(name)).writes);
    // The event's row and its place in the index; then both again, and the reply window.
    assert_eq!((callback, events), (2.0, 6.0));
}

#[tokio::test]
async fn sweep_that_finds_little_reads_the_index_of_pending_events_once() {
    let world = World::start().await;
    let events = world.cloud.function("events");
    let [scans, queries] = ["Scan", "Query"].map(|operation| {
        let fault = Fault::new("dynamodb", operation).by(events.clone());
        let fault = fault.on("hongyan-local-events").delay(Duration::from_millis(1));
        world.cloud.aws.faults.inject(fault).unwrap()
    });
    // A schedule may sweep as well.
    for _ in 0..3 {
        world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
    }
    assert_eq!(queries.fired(), 0);
    assert!((3..=4).contains(&scans.fired()), "{}", scans.fired());
}
