//! What the stream can't do is done later, or set aside with a reason.

use crate::world::{World, order};
use serde_json::{Value, json};

/// An event that was due a minute ago, for all that anybody knows.
async fn age(world: &World, event: &Value) {
    let update = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": event["user"] }, "event": { "S": event["event"] } },
        "UpdateExpression": "SET due_at = due_at - :some",
        "ExpressionAttributeValues": { ":some": { "N": "120" } },
    });
    world.aws.ask("DynamoDB_20120810.UpdateItem", &update).await;
}

/// What the schedule does every minute.
async fn sweep(world: &World) {
    world.invoke("events", &json!({})).await.unwrap();
    world.idle().await;
}

#[tokio::test]
async fn a_follow_that_wechat_was_too_busy_to_explain_is_explained_later() {
    let world = World::start().await;
    let ann = world.phone("ann");
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 100, "errcode": -1 })).await;
    ann.follow("shop").await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_null(), "{event}");
    assert_eq!(world.aws.row("users", "item", "profile").await["follows"], true, "known already");
    assert!(world.aws.rows("mappings").await.is_empty(), "but not who it is");

    world.wechat.heal().await;
    age(&world, &event).await;
    sweep(&world).await;
    assert!(world.aws.row("events", "kind", "subscribe").await["applied_at"].is_number());
    let report = world.send(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    assert_eq!(report["channel"], "template", "{report}");
}

#[tokio::test]
async fn an_event_that_can_not_be_applied_is_set_aside_with_the_reason() {
    let world = World::start().await;
    let odd =
        json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 });
    let answers = world.wechat.push(json!({ "app": "shop", "message": odd })).await;
    assert_eq!(answers[0]["body"], "success", "it is written down all the same");
    world.idle().await;
    let event = world.aws.row("events", "kind", "templatesendjobfinish").await;
    age(&world, &event).await;
    for _ in 0..10 {
        sweep(&world).await;
    }
    let event = world.aws.row("events", "kind", "templatesendjobfinish").await;
    assert_eq!(event["problem"], "Status is missing", "{event}");
    assert!(event["set_aside_at"].is_number() && event["unapplied"].is_null(), "{event}");
    assert!(event["body"].as_str().unwrap().contains("TEMPLATESENDJOBFINISH"), "{event}");
    sweep(&world).await;
    assert_eq!(world.aws.row("events", "kind", "templatesendjobfinish").await["tries"], 10);
}

#[tokio::test]
async fn an_event_that_can_not_be_applied_does_not_hold_up_others() {
    let world = World::start().await;
    let odd =
        json!({ "from": "bob", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 });
    world.wechat.push(json!({ "app": "shop", "message": odd })).await;
    world.phone("ann").follow("shop").await;
    assert!(world.aws.row("events", "kind", "subscribe").await["applied_at"].is_number());
}
