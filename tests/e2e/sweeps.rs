//! What a sweep can't handle holds up nothing that it can.

use crate::world::{World, order};
use serde_json::{Value, json};
use shared::clock::Timestamp;

const TABLE: &str = "hongyan-local-notifications";
const SHARDS: usize = 8;
/// More than a page of each shard.
const ROWS: usize = 125;

/// Puts items into a table, 25 in a call.
async fn put_all(world: &World, table: &str, items: &[Value]) {
    for some in items.chunks(25) {
        let puts: Vec<_> =
            some.iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
        let request = json!({ "RequestItems": { table: puts } });
        let answer = world.aws.call_service("DynamoDB_20120810.BatchWriteItem", &request).await;
        assert!(
            answer["UnprocessedItems"].as_object().is_none_or(serde_json::Map::is_empty),
            "{answer}"
        );
    }
}

/// A row that is due since `due_at`, and has a status that no version knows.
fn riddle(shard: usize, number: usize, due_at: u64) -> Value {
    json!({
        "id": { "S": format!("riddle-{shard}-{number}") },
        "due_shard": { "S": shard.to_string() },
        "due_at": { "N": due_at.to_string() },
        "request_hash": { "S": "x" },
        "status": { "S": "pondering" },
    })
}

/// Plants more than a page of them in each shard.
pub(crate) async fn plant_riddles(world: &World) -> Vec<Value> {
    let due_at = Timestamp::now().0 - 7200;
    let riddles: Vec<_> = (0..SHARDS)
        .flat_map(|shard| (0..ROWS).map(move |number| riddle(shard, number, due_at)))
        .collect();
    put_all(world, TABLE, &riddles).await;
    riddles
}

/// Fault 111.
#[tokio::test]
async fn unreadable_rows_hold_up_no_notification() {
    let (world, to) = World::with_ann().await;
    let riddles = plant_riddles(&world).await;
    let mut request = order("order-1", to);
    request["channels"] = json!(["template"]);
    let at = Timestamp::now().0 + 5;
    request["send_at"] = at.into();
    assert_eq!(world.send(&request).await["outcome"], "scheduled");
    world.until("it is due", || Timestamp::now().0 >= at).await;
    let swept = world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    assert_eq!(swept["unreadable"], riddles.len(), "{swept}");
    world.idle().await;
    // The schedule's own sweep may have been faster.
    let row = world.aws.row("notifications", "id", "order-1").await;
    assert_eq!(row["status"], "delivered", "{row}");
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 1);

    // The operator hears of them, without a line for each.
    let counted = world.metrics("due_rows_unreadable");
    assert!(counted.iter().any(|it| it.value == riddles.len() as u64), "{counted:?}");
    let oldest = world.metrics("oldest_due_seconds");
    assert!(oldest.iter().any(|it| it.value >= 7200), "{oldest:?}");
    let lines = world.lines();
    let named: Vec<_> = lines.iter().filter(|line| line.contains("riddle-")).collect();
    let sweeps = world.metrics("due_rows_unreadable").len();
    assert!((1..=sweeps).contains(&named.len()), "{named:#?}");
    assert!(named[0].contains("number=1000"), "{named:#?}");
    // They are as they were: the version that wrote them may come back.
    let row = world.aws.row("notifications", "id", "riddle-3-7").await;
    assert_eq!((&row["status"], &row["due_shard"]), (&json!("pondering"), &json!("3")));
}

/// A pending event that is due at some time.
fn pending(app_id: &str, number: usize, due_at: u64) -> Value {
    json!({
        "user": { "S": format!("{app_id}#oUser{number}") },
        "event": { "S": format!("1795186923#msg-{number}") },
        "app_id": { "S": app_id },
        "body": { "S": "<xml><MsgType>text</MsgType></xml>" },
        "received_at": { "N": "1795186923" },
        "pending": { "S": app_id },
        "due_at": { "N": due_at.to_string() },
    })
}

/// Fault 111.
#[tokio::test]
async fn events_of_unknown_apps_are_found_behind_thousands_of_others() {
    let world = World::start().await;
    let shop = world.parameter("apps/shop")["app_id"].as_str().unwrap().to_owned();
    let (now, table) = (Timestamp::now().0, "hongyan-local-events");
    let later: Vec<_> = (0..2500).map(|number| pending(&shop, number, now + 86_400)).collect();
    let orphans: Vec<_> = (0..20).map(|at| pending("wx00000000000gone1", at, now - 3600)).collect();
    // Not before the function: the stream would attempt them at once.
    put_all(&world, table, &later).await;
    put_all(&world, table, &orphans).await;
    world.idle().await;
    let attempts = async || -> Vec<u64> {
        let rows = world.aws.rows("events").await;
        let orphans = rows.iter().filter(|row| row["app_id"] == "wx00000000000gone1");
        orphans.map(|row| row["attempts"].as_u64().unwrap_or_default()).collect()
    };
    let before = attempts().await;
    for row in world.aws.rows("events").await {
        if row["app_id"] == "wx00000000000gone1" {
            let update = json!({
                "TableName": table,
                "Key": { "user": { "S": row["user"] }, "event": { "S": row["event"] } },
                "UpdateExpression": "SET due_at = :past",
                "ConditionExpression": "attribute_exists(pending)",
                "ExpressionAttributeValues": { ":past": { "N": (now - 3600).to_string() } },
            });
            world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
        }
    }
    world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
    let after = attempts().await;
    assert_eq!(after.len(), 20);
    assert!(after.iter().zip(&before).all(|(after, before)| after > before), "{after:?}");
    let oldest = world.metrics("oldest_due_seconds");
    assert!(
        oldest.iter().any(|it| it.dimension("function").ends_with("-events") && it.value >= 3600)
    );
}
