//! The rate of pushes that one app's partition keys take.

use crate::world::World;
use futures_util::{StreamExt as _, stream};
use local_aws::services::dynamodb::PartitionLimits;
use serde_json::{Value, json};
use std::time::Duration;

/// Limits and rate are this much lower than in AWS, so that a small machine reaches them.
const SCALE: u16 = 50;
/// What one app is to take, in pushes a second.
const RATE: u16 = 10_000 / SCALE;

/// Pushes messages from as many users at [`RATE`], or as fast as this machine does. Each
/// is acknowledged at its first delivery, and DynamoDB throttles nothing meanwhile.
async fn push_unthrottled(world: &World, pushes: u16, message: impl Fn(String) -> Value) {
    // Settings are read before.
    world.wechat.push(json!({ "app": "shop", "message": message("oFirst".to_owned()) })).await;
    world.idle().await;
    let PartitionLimits { write_units, read_units } = PartitionLimits::default();
    let scaled = |units: f64| units / f64::from(SCALE);
    let partitions = world.cloud.aws.dynamodb.partitions();
    partitions.limit(PartitionLimits {
        write_units: scaled(write_units),
        read_units: scaled(read_units),
    });

    let pace = tokio::time::interval(Duration::from_secs(1) / u32::from(RATE));
    let paced = stream::unfold(pace, |mut pace| async {
        pace.tick().await;
        Some(((), pace))
    });
    let pushed = paced.take(pushes.into()).enumerate().map(async |(at, ())| {
        let message = message(format!("oUser{at}"));
        world.wechat.push(json!({ "app": "shop", "message": message })).await
    });
    let answers: Vec<_> = pushed.buffer_unordered(32).collect().await;
    world.idle().await;
    assert!(partitions.throttled().is_empty(), "{:?}", partitions.throttled());
    for answer in answers {
        assert_eq!(answer.len(), 1, "WeChat delivered again: {answer:?}");
        assert_eq!(answer[0]["body"], "success");
    }
    partitions.unlimit();
    assert_eq!(world.aws.rows("events").await.len(), usize::from(pushes) + 1);
}

/// Fault 106.
#[tokio::test]
async fn app_takes_ten_thousand_pushes_a_second_within_the_limits_of_partition_keys() {
    let world = World::start().await;
    let text = |from| json!({ "from": from, "MsgType": "text", "Content": "Where is it?" });
    push_unthrottled(&world, 2 * RATE, text).await;
    let rows = world.aws.rows("events").await;
    assert!(rows.iter().all(|row| row["applied_at"].is_number() && row["pending"].is_null()));
}

/// Fault 106.
#[tokio::test]
async fn storm_of_failing_events_exceeds_no_partition_key() {
    let world = World::start().await;
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 9999, "errcode": -1 })).await;
    let follow =
        |from| json!({ "from": from, "MsgType": "event", "Event": "subscribe", "EventKey": "" });
    push_unthrottled(&world, RATE, follow).await;
    let rows = world.aws.rows("events").await;
    assert!(rows.iter().all(|row| row["attempts"] == 1 && row["pending"].is_string()));
}
