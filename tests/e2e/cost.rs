//! What a notification costs: functions and tables are paid by the call.

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
