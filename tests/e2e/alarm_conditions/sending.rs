//! Conditions of what is sent.

use super::persist;
use crate::sweeps::plant_riddles;
use crate::world::{World, order};
use serde_json::{Value, json};

const QUEUE: &str = "hongyan-local-notifications";

/// Sends this number of notifications to ann through one channel, each of which WeChat refuses with
/// this code.
async fn refused_sends(world: &World, to: &Value, channel: &str, number: u64, errcode: i64) {
    let path = match channel {
        "subscribe" => "/cgi-bin/message/subscribe/send",
        _ => "/cgi-bin/message/template/send",
    };
    for at in 0..number {
        if channel == "subscribe" {
            world.phone("ann").consent("shop-mini", "order_shipped", true).await;
        }
        world.wechat.fault(json!({ "path": path, "errcode": errcode })).await;
        let mut request = order(&format!("order-{at}"), to.clone());
        request["channels"] = json!([channel]);
        world.send(&request).await;
    }
}

pub(super) async fn request_is_unreadable(alarms: &[&str]) -> World {
    let world = World::start().await;
    let queues = &world.cloud.aws.queues;
    persist(&world, alarms, async || {
        world.queue("not a request").await;
        // It comes back five times, with no need to wait for it.
        let dead = || queues.length("hongyan-local-notifications-dlq") == Some(1);
        world.until("the message is dead", || queues.show(QUEUE).is_ok() && dead()).await;
    })
    .await;
    world
}

pub(super) async fn due_rows_are_unreadable(alarms: &[&str]) -> World {
    let world = World::start().await;
    plant_riddles(&world).await;
    persist(&world, alarms, async || world.sweep().await).await;
    world
}

pub(super) async fn responses_of_wechat_are_lost(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    persist(&world, alarms, async || refused_sends(&world, &to, "subscribe", 3, -1).await).await;
    world
}

pub(super) async fn consents_are_unknown_to_wechat(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    persist(&world, alarms, async || refused_sends(&world, &to, "subscribe", 10, 43101).await)
        .await;
    world
}

pub(super) async fn wechat_refuses_with_unknown_codes(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    persist(&world, alarms, async || refused_sends(&world, &to, "template", 3, 99_999).await).await;
    world
}
