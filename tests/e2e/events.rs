//! Every event is tried; what fails is tried later, or set aside with a reason.

use crate::world::{World, order};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// A receipt that doesn't say what became of the message.
fn poison(from: &str) -> Value {
    json!({ "from": from, "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 })
}

/// Makes an event due that waits for its next try.
async fn make_due(world: &World, event: &Value) {
    let update = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": event["user"] }, "event": { "S": event["event"] } },
        "UpdateExpression": "SET due_at = :past",
        "ConditionExpression": "attribute_exists(due_at)",
        "ExpressionAttributeValues": { ":past": { "N": "1" } },
    });
    world.aws.ask("DynamoDB_20120810.UpdateItem", &update).await;
}

/// What the schedule does every minute.
async fn sweep(world: &World) {
    world.invoke("events", &json!({})).await.unwrap();
    world.idle().await;
}

/// The lines that are metrics of this name.
fn metrics(world: &World, name: &str) -> Vec<Value> {
    let lines = world.lines();
    let metrics = lines.iter().filter_map(|line| {
        let json = &line[line.find("{\"")?..];
        serde_json::from_str::<Value>(json).ok()
    });
    metrics.filter(|metric| metric.get("_aws").is_some() && metric.get(name).is_some()).collect()
}

#[tokio::test]
async fn a_follow_that_wechat_was_too_busy_to_explain_is_explained_later() {
    let world = World::start().await;
    let ann = world.phone("ann");
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 100, "errcode": -1 })).await;
    ann.follow("shop").await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_null(), "{event}");
    assert_eq!(event["tries"], 1, "the stream tries once: {event}");
    assert!(event["problem"].as_str().unwrap().contains("-1"), "{event}");
    let pause = event["due_at"].as_u64().unwrap() - event["failed_at"].as_u64().unwrap();
    assert_eq!(pause, 60, "{event}");
    assert_eq!(world.aws.row("users", "item", "profile").await["follows"], true, "known already");
    assert!(world.aws.rows("mappings").await.is_empty(), "but not who it is");
    assert_eq!(metrics(&world, "events_failed")[0]["app"], "shop");

    world.wechat.heal().await;
    sweep(&world).await;
    assert!(
        world.aws.row("events", "kind", "subscribe").await["applied_at"].is_null(),
        "it isn't due yet"
    );
    make_due(&world, &event).await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_number() && event["unapplied"].is_null(), "{event}");
    let report = world.send(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    assert_eq!(report["channel"], "template", "{report}");
}

#[tokio::test]
async fn what_can_never_be_applied_is_set_aside_at_once_with_the_reason() {
    let world = World::start().await;
    let answers = world.wechat.push(json!({ "app": "shop", "message": poison("ann") })).await;
    assert_eq!(answers[0]["body"], "success", "it is written down all the same");
    world.idle().await;
    let event = world.aws.row("events", "kind", "templatesendjobfinish").await;
    assert_eq!(event["problem"], "Status is missing", "{event}");
    assert_eq!(event["tries"], 1, "{event}");
    assert!(event["set_aside_at"].is_number() && event["failed_at"].is_number(), "{event}");
    assert!(event["unapplied"].is_null() && event["due_at"].is_null(), "{event}");
    assert!(event["body"].as_str().unwrap().contains("TEMPLATESENDJOBFINISH"), "{event}");
    let [metric] = metrics(&world, "events_set_aside").try_into().unwrap();
    assert_eq!(metric["app"], "shop");
    assert_eq!(metric["function"], "hongyan-local-events");
    assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Hongyan");

    sweep(&world).await;
    assert_eq!(world.aws.row("events", "kind", "templatesendjobfinish").await, event);
}

#[tokio::test]
async fn what_fails_again_and_again_is_tried_ten_times_at_growing_intervals() {
    let world = World::start().await;
    // WeChat knows nobody of this openid.
    let follows =
        json!({ "from": "oNobody", "MsgType": "event", "Event": "subscribe", "EventKey": "" });
    world.wechat.push(json!({ "app": "shop", "message": follows })).await;
    world.idle().await;
    let mut minutes = Vec::new();
    for tries in 1..10 {
        let event = world.aws.row("events", "kind", "subscribe").await;
        assert_eq!(event["tries"], tries, "{event}");
        let pause = event["due_at"].as_u64().unwrap() - event["failed_at"].as_u64().unwrap();
        minutes.push(pause / 60);
        make_due(&world, &event).await;
        sweep(&world).await;
    }
    assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert_eq!(event["tries"], 10);
    assert!(event["set_aside_at"].is_number() && event["due_at"].is_null(), "{event}");
    assert!(event["problem"].as_str().unwrap().contains("40003"), "{event}");
    assert_eq!(metrics(&world, "events_failed").len(), 10);
    assert_eq!(metrics(&world, "events_set_aside").len(), 1);
}

#[tokio::test]
async fn one_poison_among_a_thousand_holds_up_nobody() {
    let world = World::start().await;
    let pushes = (0..1000).map(|at| {
        let from = format!("oUser{}", at % 250);
        let message = match at {
            500 => poison(&from),
            _ => json!({ "from": from, "MsgType": "text", "Content": format!("message {at}") }),
        };
        json!({ "app": "shop", "message": message })
    });
    let world = &world;
    let pushed = stream::iter(pushes).map(async |push| world.wechat.push(push).await.remove(0));
    let answers: Vec<_> = pushed.buffer_unordered(32).collect().await;
    assert!(answers.iter().all(|answer| answer["body"] == "success"));
    world.idle().await;

    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), 1000);
    let (poison, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row["kind"] == "templatesendjobfinish");
    let [poison] = poison.as_slice() else { panic!("{poison:?}") };
    assert_eq!(poison["problem"], "Status is missing", "{poison}");
    assert!(poison["set_aside_at"].is_number(), "{poison}");
    let waiting = others.iter().filter(|row| !row["applied_at"].is_number()).count();
    assert_eq!(waiting, 0, "of the others");
    let windows = world.aws.rows("users").await;
    assert_eq!(windows.iter().filter(|row| row["item"] == "window#message").count(), 250);
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-events-dead"), Some(0));
}

#[tokio::test]
async fn a_row_that_is_no_event_is_told_of_and_never_asked_for_again() {
    let world = World::start().await;
    let row = json!({
        "TableName": "hongyan-local-events",
        "Item": {
            "user": { "S": "wx0000000000005a01#oAnn" }, "event": { "S": "1795186923#odd" },
            "app_id": { "S": "wx0000000000005a01" }, "unapplied": { "S": "wx0000000000005a01" },
            "due_at": { "N": "1" },
        },
    });
    world.aws.ask("DynamoDB_20120810.PutItem", &row).await;
    world.phone("ann").follow("shop").await;
    assert!(world.aws.row("events", "kind", "subscribe").await["applied_at"].is_number());
    assert_eq!(metrics(&world, "records_unreadable").len(), 1);
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-events-dead"), Some(0));

    sweep(&world).await;
    let odd = world.aws.row("events", "event", "1795186923#odd").await;
    assert_eq!(odd["problem"], "the row is no event", "{odd}");
    assert!(odd["set_aside_at"].is_number() && odd["unapplied"].is_null(), "{odd}");
}

#[tokio::test]
async fn two_events_of_one_identity_are_both_kept_and_counted() {
    let world = World::start().await;
    let message = |content: &str| {
        let message = json!({
            "from": "ann", "MsgType": "text", "Content": content, "MsgId": 24_000_000_000_000_009_i64,
        });
        json!({ "app": "shop", "message": message, "create_time": 1_795_186_923, "times": 3 })
    };
    for content in ["one", "another", "one"] {
        world.wechat.push(message(content)).await;
        world.idle().await;
    }
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:#?}");
    let (first, twin) =
        if rows[0]["twins"].is_null() { (&rows[1], &rows[0]) } else { (&rows[0], &rows[1]) };
    assert_eq!(first["twins"], json!([twin["event"]]), "{first}");
    assert!(first["body"].as_str().unwrap().contains("one"));
    assert!(twin["body"].as_str().unwrap().contains("another"));
    assert_eq!(metrics(&world, "events_twins").len(), 1);
}
