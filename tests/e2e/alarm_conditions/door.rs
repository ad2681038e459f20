//! Conditions of what WeChat pushes: at the callback, and of stored events.

use super::{MINUTE, persist};
use crate::callback::push_at;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use shared::clock::Timestamp;

const APP_ID: &str = "wx0000000000005a01";
const BUS: (&str, &str) = (
    "    Default: \"\"\n    AllowedPattern: \"^[A-Za-z0-9._/-]",
    "    Default: notices\n    AllowedPattern: \"^[A-Za-z0-9._/-]",
);

/// A deployment that forwards events.
pub(super) async fn with_a_bus() -> World {
    World::changed(&[BUS]).await
}

/// A message of WeChat's, with its three deliveries.
fn message() -> Value {
    json!({ "app": "shop", "message": { "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 1 }, "times": 3 })
}

/// Changes what the callback knows of the shop, while WeChat knows the old.
async fn configure(world: &World, change: impl FnOnce(&mut Value)) {
    let mut settings = world.parameter("callback/shop");
    change(&mut settings);
    world.set_parameter("callback/shop", &settings);
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
}

/// WeChat's message to an app whose callback refuses it.
async fn lost_push(world: &World) {
    let answers = world.wechat.push(message()).await;
    assert!(answers.iter().all(|answer| answer["status"] != 200), "{answers:?}");
}

pub(super) async fn settings_of_an_app_are_invalid(alarms: &[&str]) -> World {
    let world = World::start().await;
    configure(&world, |settings| *settings = json!({ "mode": "odd" })).await;
    persist(&world, alarms, async || lost_push(&world).await).await;
    world
}

pub(super) async fn push_cannot_be_stored(alarms: &[&str]) -> World {
    let world = World::start().await;
    let puts = Fault::new("dynamodb", "PutItem").by(world.cloud.function("callback"));
    let refused = world.cloud.aws.faults.inject(puts.refuse("InternalServerError")).unwrap();
    persist(&world, alarms, async || lost_push(&world).await).await;
    refused.cancel();
    world
}

pub(super) async fn token_is_changed_in_the_console_only(alarms: &[&str]) -> World {
    let world = World::start().await;
    configure(&world, |settings| settings["token"] = "theoldtokenofthisapp".into()).await;
    persist(&world, alarms, async || lost_push(&world).await).await;
    world
}

pub(super) async fn key_is_changed_in_the_console_only(alarms: &[&str]) -> World {
    let world = World::start().await;
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    configure(&world, |settings| settings["encoding_aes_key"] = key.into()).await;
    persist(&world, alarms, async || lost_push(&world).await).await;
    world
}

pub(super) async fn old_requests_are_sent_again(alarms: &[&str]) -> World {
    let world = World::start().await;
    persist(&world, alarms, async || {
        for _ in 0..3 {
            assert_eq!(push_at(&world, Timestamp::now().0 - 3600).await, 403);
        }
    })
    .await;
    world
}

/// As if the last push of the shop had come then.
async fn forget_pushes_since(world: &World, at: u64) {
    let update = json!({
        "TableName": "hongyan-local-users",
        "Key": { "user": { "S": "last_pushes#" }, "item": { "S": "last_pushes" } },
        "UpdateExpression": "SET #app = :at",
        "ConditionExpression": "attribute_exists(#app)",
        "ExpressionAttributeNames": { "#app": APP_ID },
        "ExpressionAttributeValues": { ":at": { "N": at.to_string() } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
}

pub(super) async fn pushes_end(alarms: &[&str]) -> World {
    let world = World::start().await;
    let sweep = async || {
        world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
    };
    // An app that has never had a push is not missed.
    sweep().await;
    world.wechat.push(message()).await;
    world.idle().await;
    persist(&world, alarms, async || {
        let day_ago = Timestamp::now().0 - 24 * 3600;
        forget_pushes_since(&world, day_ago).await;
        sweep().await;
    })
    .await;
    let hours = world.metrics("hours_since_push");
    assert!(hours.iter().all(|it| it.dimension("app") == "shop"), "{hours:?}");
    world
}

pub(super) async fn event_is_quarantined(alarms: &[&str]) -> World {
    let world = World::start().await;
    let poison =
        json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 });
    persist(&world, alarms, async || {
        world.wechat.push(json!({ "app": "shop", "message": poison })).await;
    })
    .await;
    world
}

async fn put(world: &World, item: Value) {
    let put = json!({ "TableName": "hongyan-local-events", "Item": item });
    world.aws.call_service("DynamoDB_20120810.PutItem", &put).await;
}

pub(super) async fn foreign_row_is_in_the_stream(alarms: &[&str]) -> World {
    let world = World::start().await;
    let row =
        json!({ "user": { "S": "wx0000000000005a01#oAnn" }, "event": { "S": "1795186923#odd" } });
    persist(&world, alarms, async || put(&world, row.clone()).await).await;
    world
}

/// Refuses what the events function writes to the events.
fn refuse_results(world: &World) {
    let events = world.cloud.function("events");
    let writes = Fault::new("dynamodb", "UpdateItem").on("hongyan-local-events").by(events);
    world.cloud.aws.faults.inject(writes.refuse("InternalServerError")).unwrap();
}

pub(super) async fn results_of_events_cannot_be_recorded(alarms: &[&str]) -> World {
    // A sweep may run between two attempts, and its minute has none.
    let attempts = ("MaximumRetryAttempts: 5\n", "MaximumRetryAttempts: 11\n");
    let world = World::changed(&[attempts]).await;
    let events = world.cloud.function("events");
    refuse_results(&world);
    world.cloudwatch.advance(MINUTE);
    assert!(alarms.iter().all(|alarm| !world.cloudwatch.has_begun(alarm)));
    // Each attempt is a minute after the one before.
    world.cloudwatch.advance_with_each_invocation(&events, MINUTE);
    world.wechat.push(message()).await;
    let dead = || world.cloud.aws.queues.length("hongyan-local-events-dlq") == Some(1);
    world.until("the batch is given up", dead).await;
    world.cloudwatch.advance(2 * MINUTE);
    world
}

pub(super) async fn pending_events_are_not_attempted(alarms: &[&str]) -> World {
    let world = World::start().await;
    refuse_results(&world);
    let due_at = Timestamp::now().0 - 3600;
    let event = json!({
        "user": { "S": format!("{APP_ID}#oAnn") }, "event": { "S": "1795186923#msg-1" },
        "app_id": { "S": APP_ID }, "pending": { "S": APP_ID }, "received_at": { "N": "1795186923" },
        "body": { "S": "<xml><MsgType>text</MsgType></xml>" }, "due_at": { "N": due_at.to_string() },
    });
    put(&world, event).await;
    persist(&world, alarms, async || {
        world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
    })
    .await;
    world
}

pub(super) async fn bus_takes_no_events(alarms: &[&str]) -> World {
    // The pipe asks the events function what to forward, and that doesn't start.
    let missing = ("NOTIFICATIONS_TABLE: !Ref NotificationsTable", "NOTIFICATIONS_TABLE: missing");
    let world = World::changed(&[BUS, missing]).await;
    persist(&world, alarms, async || {
        world.wechat.push(message()).await;
    })
    .await;
    world
}

pub(super) async fn followers_cannot_be_read(alarms: &[&str]) -> World {
    let world = World::start().await;
    persist(&world, alarms, async || {
        let list =
            json!({ "total": 1, "count": 1, "data": { "openid": [null] }, "next_openid": "" });
        let odd = json!({ "path": "/cgi-bin/user/get", "body": list.to_string() });
        world.wechat.fault(odd).await;
        world.invoke("followers", &json!({ "import": { "app": "shop" } })).await.unwrap();
    })
    .await;
    world
}
