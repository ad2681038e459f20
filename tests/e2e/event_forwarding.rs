//! Recorded events reach others' code, if a bus is named.

use crate::world::World;
use serde_json::{Value, json};

/// A deployment whose parameter `EventBus` is `notices`.
async fn with_a_bus() -> World {
    let world = World::changed(&[(
        "    Default: \"\"\n    AllowedPattern: \"^[A-Za-z0-9._/-]",
        "    Default: notices\n    AllowedPattern: \"^[A-Za-z0-9._/-]",
    )])
    .await;
    world.token_round().await;
    world
}

fn message(id: u64, content: &str) -> Value {
    json!({ "from": "ann", "MsgType": "text", "Content": content, "MsgId": id })
}

#[tokio::test]
async fn every_stored_event_is_forwarded_in_the_documented_form() {
    let world = with_a_bus().await;
    // The message is forwarded as WeChat wrote it.
    world.wechat.chaos_without(&["numbers_as_strings", "strings_as_numbers"]).await;
    let ann = world.phone("ann");
    for (id, app, format) in
        [(24_000_000_000_000_001, "shop", "xml"), (24_000_000_000_000_002, "shop-mini", "json")]
    {
        let order = json!({
            "app": app, "message": message(id, "你好 <b>"), "format": format,
            "create_time": 1_795_186_923, "times": 3,
        });
        world.wechat.push(order).await;
        world.idle().await;
    }
    let told = world.cloud.aws.buses.events("notices");
    assert_eq!(told.len(), 2, "three deliveries are one event: {told:#?}");
    for (event, app, id) in [
        (&told[0], "shop", json!("24000000000000001")),
        (&told[1], "shop-mini", json!(24_000_000_000_000_002_u64)),
    ] {
        assert_eq!(
            (&event["source"], &event["detail-type"]),
            (&json!("hongyan"), &json!("WeChat event"))
        );
        let detail = &event["detail"];
        let mut names: Vec<_> = detail.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "app",
                "app_id",
                "create_time",
                "event",
                "kind",
                "message",
                "open_id",
                "received_at",
                "version"
            ]
        );
        assert_eq!(detail["version"], 1);
        assert_eq!(detail["app"], app);
        assert_eq!(detail["kind"], "text");
        assert_eq!(detail["create_time"], 1_795_186_923);
        assert_eq!(detail["open_id"], ann.open_id(app).await);
        assert_eq!(detail["message"]["Content"], "你好 <b>");
        assert_eq!(detail["message"]["MsgId"], id);
        let row = world.aws.row("events", "event", detail["event"].as_str().unwrap()).await;
        assert_eq!(detail["app_id"], row["app_id"]);
        assert_eq!(detail["received_at"], row["received_at"]);
    }
}

#[tokio::test]
async fn malformed_record_is_counted_once_by_two_readers() {
    let world = with_a_bus().await;
    let row = json!({
        "TableName": "hongyan-local-events",
        "Item": { "user": { "S": "wx0000000000005a01#oAnn" }, "event": { "S": "1795186923#odd" } },
    });
    world.aws.call_service("DynamoDB_20120810.PutItem", &row).await;
    world.idle().await;
    assert!(world.cloud.aws.buses.events("notices").is_empty());
    let lines = world.lines();
    let metrics =
        lines.iter().filter(|line| line.contains("_aws") && line.contains("records_unreadable"));
    assert_eq!(metrics.count(), 1, "{lines:#?}");
}

#[tokio::test]
async fn events_are_not_forwarded_without_a_bus() {
    let world = World::start().await;
    world.wechat.push(json!({ "app": "shop", "message": message(1, "hi") })).await;
    world.idle().await;
    assert!(world.cloud.aws.buses.list().is_empty());
}
