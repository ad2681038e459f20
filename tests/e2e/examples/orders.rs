//! `examples/orders`: an order ships, and its customer is told.

use crate::world::World;
use serde_json::{Value, json};

fn shipped(order: &str, customer: &str) -> Value {
    json!({ "order": order, "customer": customer, "product": "Blue kettle",
            "shipped_at": "2026-11-20 15:04" })
}

/// Puts this on the queue, as a shop does.
async fn ship(world: &World, message: &Value) {
    world.cloud.aws.queues.send("orders-local-shipped", message.to_string()).unwrap();
    world.idle().await;
}

async fn with_ann() -> World {
    let world = World::beside(&["orders"]).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    world
}

fn logged(world: &World, text: &str) -> usize {
    world.lines().iter().filter(|line| line.starts_with("orders") && line.contains(text)).count()
}

#[tokio::test]
async fn customer_is_notified_once_for_duplicate_messages() {
    let world = with_ann().await;
    for _ in 0..3 {
        ship(&world, &shipped("17", "ann")).await;
    }
    let cards = world.phone("ann").screen_of("template").await;
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert!(cards[0].to_string().contains("Blue kettle"), "{cards:?}");
    assert_eq!(logged(&world, "notified"), 3);
    ship(&world, &shipped("18", "ann")).await;
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 2);
}

#[tokio::test]
async fn retrying_notification_is_left_to_hongyan() {
    let world = with_ann().await;
    // WeChat's answer of a quota: not now, but later.
    world.wechat.fault(json!({ "path": "/cgi-bin/message/template/send", "errcode": 45011 })).await;
    ship(&world, &shipped("17", "ann")).await;
    assert_eq!(logged(&world, "retrying"), 1);
    assert_eq!(world.cloud.aws.queues.length("orders-local-shipped"), Some(0));
    world.wechat.heal().await;
    world.pass("order-17-shipped").await;
    world.sweep().await;
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 1);
}

#[tokio::test]
async fn unreachable_customer_is_logged_with_the_order() {
    let world = with_ann().await;
    world.account("carol").await;
    ship(&world, &shipped("19", "carol")).await;
    assert_eq!(logged(&world, "can't be notified on WeChat"), 1);
    assert_eq!(world.cloud.aws.queues.length("orders-local-shipped"), Some(0));
}

#[tokio::test]
async fn unreadable_message_stays_on_the_queue_and_delays_no_other() {
    let world = with_ann().await;
    for message in [json!({ "order": "20" }), shipped("no such id", "ann"), shipped("21", "ann")] {
        ship(&world, &message).await;
    }
    assert_eq!(logged(&world, "missing field `customer`"), 1);
    assert_eq!(logged(&world, "InvalidRequest: id: "), 1);
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 1);
    assert_eq!(world.cloud.aws.queues.length("orders-local-shipped"), Some(2));
}
