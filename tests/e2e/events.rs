//! Every event is attempted; what fails is retried, or quarantined with a reason.

use crate::world::{World, order};
use futures_util::{StreamExt as _, stream};
use local_aws::InvokeFailure;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::time::Duration;

/// A receipt without the message's delivery status.
fn poison(from: &str) -> Value {
    json!({ "from": from, "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 })
}

/// A follow event of an openid that WeChat doesn't know.
fn unknown_follows() -> Value {
    let message =
        json!({ "from": "oNobody", "MsgType": "event", "Event": "subscribe", "EventKey": "" });
    json!({ "app": "shop", "message": message })
}

/// Makes an event due that waits for its next try.
async fn make_due(world: &World, event: &Value) {
    change(world, event, "SET due_at = :past").await;
}

/// Changes an event's row. `:past` is long ago, `:soon` an hour ahead.
async fn change(world: &World, event: &Value, expression: &str) {
    let soon = (event["received_at"].as_u64().unwrap() + 3600).to_string();
    let mut values = json!({
        ":past": { "N": "1" }, ":soon": { "N": soon }, ":nine": { "N": "9" }, ":ten": { "N": "10" },
        ":app": { "S": event["app_id"] },
    });
    values.as_object_mut().unwrap().retain(|name, _| expression.contains(name));
    let update = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": event["user"] }, "event": { "S": event["event"] } },
        "UpdateExpression": expression,
        "ConditionExpression": "attribute_exists(body)",
        "ExpressionAttributeValues": values,
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
}

/// Tells of a new row as the stream does.
async fn stream_tells(world: &World, event: &Value) {
    let text = |name: &str| json!({ "S": event[name] });
    let image = json!({
        "user": text("user"), "event": text("event"), "app_id": text("app_id"),
        "pending": text("app_id"), "kind": text("kind"), "body": text("body"),
        "received_at": { "N": event["received_at"].to_string() },
    });
    let change = json!({ "NewImage": image, "SequenceNumber": "1" });
    let batch = json!({ "Records": [{ "eventName": "INSERT", "dynamodb": change }] });
    let answer = world.invoke("events", &batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    world.idle().await;
}

/// What the schedule does every minute.
async fn sweep(world: &World) {
    world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
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
async fn follow_gets_its_profile_later_when_wechat_is_busy() {
    let world = World::start().await;
    let ann = world.phone("ann");
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 100, "errcode": -1 })).await;
    ann.follow("shop").await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_null(), "{event}");
    assert_eq!(event["attempts"], 1, "the stream tries once: {event}");
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
    assert!(event["applied_at"].is_number() && event["pending"].is_null(), "{event}");
    let report = world.send(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    assert_eq!(report["channel"], "template", "{report}");
}

#[tokio::test]
async fn permanent_failure_is_quarantined_at_once_with_its_reason() {
    let world = World::start().await;
    let answers = world.wechat.push(json!({ "app": "shop", "message": poison("ann") })).await;
    assert_eq!(answers[0]["body"], "success", "it is stored all the same");
    world.idle().await;
    let event = world.aws.row("events", "kind", "templatesendjobfinish").await;
    assert_eq!(event["problem"], "Status is missing", "{event}");
    assert_eq!(event["attempts"], 1, "{event}");
    assert!(event["quarantined_at"].is_number() && event["failed_at"].is_number(), "{event}");
    assert!(event["pending"].is_null() && event["due_at"].is_null(), "{event}");
    assert!(event["body"].as_str().unwrap().contains("TEMPLATESENDJOBFINISH"), "{event}");
    let [metric] = metrics(&world, "events_quarantined").try_into().unwrap();
    assert_eq!(metric["app"], "shop");
    assert_eq!(metric["function"], "hongyan-local-events");
    assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Hongyan");
    let key = event["event"].as_str().unwrap();
    let lines = world.lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("quarantined an event")).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line.contains(key)), "{told:#?}");

    sweep(&world).await;
    assert_eq!(world.aws.row("events", "kind", "templatesendjobfinish").await, event);
}

/// Fault 25.
#[tokio::test]
async fn failing_event_is_attempted_ten_times_at_growing_intervals() {
    let world = World::start().await;
    world.wechat.push(unknown_follows()).await;
    world.idle().await;
    let mut minutes = Vec::new();
    for tries in 1..10 {
        let event = world.aws.row("events", "kind", "subscribe").await;
        assert_eq!(event["attempts"], tries, "{event}");
        let pause = event["due_at"].as_u64().unwrap() - event["failed_at"].as_u64().unwrap();
        minutes.push(pause / 60);
        make_due(&world, &event).await;
        sweep(&world).await;
    }
    assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert_eq!(event["attempts"], 10);
    assert!(event["quarantined_at"].is_number() && event["due_at"].is_null(), "{event}");
    assert!(event["problem"].as_str().unwrap().contains("40003"), "{event}");
    assert_eq!(metrics(&world, "events_failed").len(), 10);
    assert_eq!(metrics(&world, "events_quarantined").len(), 1);
}

#[tokio::test]
async fn event_is_quarantined_when_its_tenth_attempt_crashed() {
    let world = World::start().await;
    world.wechat.push(unknown_follows()).await;
    world.idle().await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    let calls = world.wechat.calls("/cgi-bin/user/info").await.len();
    change(&world, &event, "SET attempts = :ten, claimed_at = :past, due_at = :soon").await;
    sweep(&world).await;
    let waits = world.aws.row("events", "kind", "subscribe").await;
    assert!(waits["pending"].is_string(), "its last try may still be under way: {waits}");

    make_due(&world, &event).await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["quarantined_at"].is_number() && event["pending"].is_null(), "{event}");
    assert!(event["problem"].as_str().unwrap().contains("never came to an end"), "{event}");
    assert_eq!(event["attempts"], 10, "{event}");
    assert_eq!(world.wechat.calls("/cgi-bin/user/info").await.len(), calls, "no attempt was made");
    assert_eq!(metrics(&world, "events_quarantined").len(), 1);
}

/// Fault 26.
#[tokio::test]
async fn interrupted_event_is_attempted_again() {
    let world = World::start().await;
    world.phone("ann").message("shop-mini", "hello").await;
    let event = world.aws.row("events", "kind", "text").await;
    let cut_off = "SET pending = :app, attempts = :nine, claimed_at = :past, due_at = :past REMOVE applied_at";
    change(&world, &event, cut_off).await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "text").await;
    assert!(event["applied_at"].is_number() && event["claimed_at"].is_null(), "{event}");
    assert_eq!(event["attempts"], 10, "the try was counted before it was begun: {event}");
}

/// Fault 65.
#[tokio::test]
async fn overlapping_sweeps_count_one_attempt() {
    let world = World::start().await;
    world.wechat.push(unknown_follows()).await;
    world.idle().await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    make_due(&world, &event).await;
    let sweeps = (0..4).map(|_| sweep(&world));
    futures_util::future::join_all(sweeps).await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert_eq!(event["attempts"], 2, "{event}");
    assert_eq!(metrics(&world, "events_failed").len(), 2);

    // The stream comes late with its first try: that one counts no more.
    stream_tells(&world, &event).await;
    assert_eq!(world.aws.row("events", "kind", "subscribe").await, event);
    assert_eq!(metrics(&world, "events_failed").len(), 2);
}

#[tokio::test]
async fn event_is_released_from_quarantine_when_a_slow_attempt_applies_it() {
    let world = World::start().await;
    world.phone("ann").message("shop-mini", "hello").await;
    let event = world.aws.row("events", "kind", "text").await;
    change(&world, &event, "SET quarantined_at = :past, attempts = :ten REMOVE applied_at").await;
    stream_tells(&world, &event).await;
    let event = world.aws.row("events", "kind", "text").await;
    assert!(event["applied_at"].is_number() && event["quarantined_at"].is_null(), "{event}");
}

#[tokio::test]
async fn removed_app_leaves_no_event_pending() {
    let world = World::start().await;
    world.phone("ann").message("shop-mini", "hello").await;
    let settings = world.parameter("apps/shop-mini");
    world.aws.delete_parameter("apps/shop-mini").await;
    world.cloud.kill(&world.cloud.function("events")).await.unwrap();
    // The callback function doesn't know yet.
    let image = json!({ "from": "ann", "MsgType": "image", "PicUrl": "p", "MediaId": "M" });
    world.wechat.push(json!({ "app": "shop-mini", "message": image })).await;
    world.idle().await;
    let event = world.aws.row("events", "kind", "image").await;
    assert!(event["problem"].as_str().unwrap().contains("not under /apps"), "{event}");
    make_due(&world, &event).await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "image").await;
    assert_eq!(event["attempts"], 2, "it may come back, and is tried: {event}");
    change(&world, &event, "SET due_at = :past, attempts = :nine").await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "image").await;
    assert!(event["quarantined_at"].is_number() && event["pending"].is_null(), "{event}");

    world.set_parameter("apps/shop-mini", &settings);
    world.cloud.kill(&world.cloud.function("events")).await.unwrap();
    let request =
        json!({ "replay": { "from": 1, "to": "2100-01-01T00:00:00Z", "only": "quarantined" } });
    assert_eq!(world.invoke("events", &request).await.unwrap()["applied"], 1);
    assert!(world.aws.row("events", "kind", "image").await["applied_at"].is_number());
}

/// More than one read of the index takes.
#[tokio::test]
async fn sweep_finds_the_due_event_among_a_thousand_pending_ones() {
    let world = World::start().await;
    let rows: Vec<_> = (0..1100)
        .map(|at| {
            json!({ "PutRequest": { "Item": {
                "user": { "S": format!("wxgone#oUser{at}") }, "event": { "S": "1795186923#1" },
                "app_id": { "S": "wxgone" }, "body": { "S": "<xml/>" }, "kind": { "S": "text" },
                "received_at": { "N": "1795186924" }, "due_at": { "N": "99999999999" },
                "pending": { "S": format!("wxgone#{}", at % 64) },
            } } })
        })
        .collect();
    for rows in rows.chunks(25) {
        let request = json!({ "RequestItems": { "hongyan-local-events": rows } });
        world.aws.call_service("DynamoDB_20120810.BatchWriteItem", &request).await;
    }
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 100, "errcode": -1 })).await;
    world.phone("ann").follow("shop").await;
    world.wechat.heal().await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_null(), "{event}");
    make_due(&world, &event).await;
    let queries = Fault::new("dynamodb", "Query").by(world.cloud.function("events"));
    let queries = queries.on("hongyan-local-events").delay(Duration::from_millis(1));
    let queries = world.cloud.aws.faults.inject(queries).unwrap();
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_number() && event["pending"].is_null(), "{event}");
    assert!(queries.fired() >= 2 * 65, "each key of each app: {}", queries.fired());
}

#[tokio::test]
async fn misspelt_command_does_nothing() {
    let world = World::start().await;
    for odd in [
        json!({}),
        json!({ "replya": { "from": 1, "to": 2 } }),
        json!({ "Records": "x" }),
        json!({ "sweep": {}, "replay": {} }),
    ] {
        match world.invoke("events", &odd).await {
            Err(InvokeFailure::Failed { error, .. }) => {
                assert_eq!(error["errorType"], "InvalidRequest", "{error}");
                assert!(error["errorMessage"].as_str().unwrap().contains("nothing was done"));
            }
            other => panic!("{odd} was taken: {other:?}"),
        }
    }
}

/// Fault 25.
#[tokio::test]
async fn poison_event_delays_no_other() {
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
    assert!(poison["quarantined_at"].is_number(), "{poison}");
    let waiting = others.iter().filter(|row| !row["applied_at"].is_number()).count();
    assert_eq!(waiting, 0, "of the others");
    let windows = world.aws.rows("users").await;
    assert_eq!(windows.iter().filter(|row| row["item"] == "window#message").count(), 250);
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-events-dlq"), Some(0));
}

#[tokio::test]
async fn malformed_row_is_reported_and_never_retried() {
    let world = World::start().await;
    let row = json!({
        "TableName": "hongyan-local-events",
        "Item": {
            "user": { "S": "wx0000000000005a01#oAnn" }, "event": { "S": "1795186923#odd" },
            "app_id": { "S": "wx0000000000005a01" }, "pending": { "S": "wx0000000000005a01" },
            "due_at": { "N": "1" },
        },
    });
    world.aws.call_service("DynamoDB_20120810.PutItem", &row).await;
    world.phone("ann").follow("shop").await;
    assert!(world.aws.row("events", "kind", "subscribe").await["applied_at"].is_number());
    assert_eq!(metrics(&world, "records_unreadable").len(), 1);
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-events-dlq"), Some(0));

    sweep(&world).await;
    let odd = world.aws.row("events", "event", "1795186923#odd").await;
    assert_eq!(odd["problem"], "the row is no event", "{odd}");
    assert!(odd["quarantined_at"].is_number() && odd["pending"].is_null(), "{odd}");
}

/// Fault 10.
#[tokio::test]
async fn key_collision_keeps_both_events_and_is_counted() {
    let world = World::start().await;
    world.wechat.end_chaos().await;
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
    let (first, collision) = if rows[0]["key_collisions"].is_null() {
        (&rows[1], &rows[0])
    } else {
        (&rows[0], &rows[1])
    };
    assert_eq!(first["key_collisions"], json!([collision["event"]]), "{first}");
    assert!(first["body"].as_str().unwrap().contains("one"));
    assert!(collision["body"].as_str().unwrap().contains("another"));
    assert_eq!(metrics(&world, "events_key_collisions").len(), 1);
}

/// A stream drops a record after a day; here it drops it as soon as it gives up.
/// Fault 27.
#[tokio::test]
async fn sweep_finds_events_that_the_stream_missed() {
    let world = World::start().await;
    let events = world.cloud.function("events");
    let down = Fault::new("dynamodb", "*").by(events).refuse("InternalServerError");
    let down = world.cloud.aws.faults.inject(down).unwrap();
    let message = json!({ "app": "shop-mini", "message": { "from": "ann", "MsgType": "text", "Content": "hello", "MsgId": 7 } });
    assert_eq!(world.wechat.push(message).await[0]["status"], 200);
    let dead = || world.cloud.aws.queues.length("hongyan-local-events-dlq");
    world.until("the stream gives it up", || dead() == Some(1)).await;
    down.cancel();
    let event = world.aws.row("events", "kind", "text").await;
    assert!(event["applied_at"].is_null() && event["attempts"].is_null(), "{event}");
    make_due(&world, &event).await;
    sweep(&world).await;
    let event = world.aws.row("events", "kind", "text").await;
    assert!(event["applied_at"].is_number(), "{event}");
}
