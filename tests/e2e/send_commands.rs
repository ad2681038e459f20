//! What can be asked besides sending: what would be sent, what still can be, and
//! cancelling.

use crate::world::{World, order};
use serde_json::{Value, json};

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

async fn is_stored(world: &World, id: &str) -> bool {
    world.aws.rows("notifications").await.iter().any(|row| row["id"] == id)
}

#[tokio::test]
async fn dry_run_shows_the_message_and_stores_nothing() {
    let (world, to) = World::with_ann().await;
    let request = with(order("order-1", to), "dry_run", json!(true));
    let report = world.send(&request).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("would_send"), &json!("template"))
    );
    assert!(report["message"].to_string().contains("Blue kettle"), "{report}");
    let others: Vec<_> =
        report["fallbacks"].as_array().unwrap().iter().map(|other| &other["channel"]).collect();
    assert_eq!(others, ["subscribe", "customer_service"]);
    assert!(report["fallbacks"][0]["reason"].as_str().unwrap().contains("consented"), "{report}");
    assert_eq!(report["fallbacks"][1].get("reason"), None, "her window is open");
    assert!(!is_stored(&world, "order-1").await);
    assert!(world.phone("ann").screen().await.is_empty());

    world.phone("ann").unfollow("shop").await;
    let report = world.send(&request).await;
    assert_eq!(report["outcome"], "no_consent", "{report}");
    assert_eq!(report["skipped"].as_array().unwrap().len(), 3, "{report}");
}

#[tokio::test]
async fn remaining_counts_by_app_and_by_channel() {
    let (world, to) = World::with_ann().await;
    let template = world.parameter("templates/order_shipped");
    let consent = template["channels"][1]["template_id"].as_str().unwrap();
    for _ in 0..2 {
        world.phone("ann").consent("shop-mini", consent, true).await;
    }
    let ask = async |asked: Value| world.invoke("send", &json!({ "remaining": asked })).await;
    let left = ask(json!({ "to": to })).await.unwrap();
    let apps = json!([
        { "app": "shop", "follows": true, "subscriptions": {}, "customer_service": 3 },
        { "app": "shop-mini", "subscriptions": { consent: 2 }, "customer_service": 0, "form_ids": 0 },
    ]);
    assert_eq!(left, json!({ "apps": apps }));
    let by_channel = ask(json!({ "to": to, "template": "order_shipped" })).await.unwrap();
    let channels = json!([
        { "channel": "template", "app": "shop", "sends": null },
        { "channel": "subscribe", "app": "shop-mini", "sends": 2 },
        { "channel": "customer_service", "app": "shop", "sends": 3 },
    ]);
    assert_eq!(by_channel, json!({ "channels": channels }));

    let unknown = ask(json!({ "to": { "account": "carol" } })).await.unwrap();
    assert_eq!(unknown, json!({ "apps": [] }));
    let (kind, problem) =
        world.refused(&json!({ "remaining": { "to": to, "template": "no_such" } })).await;
    assert_eq!(kind, "InvalidRequest");
    assert!(problem.contains("there is no template no_such"), "{problem}");
}

#[tokio::test]
async fn cancelled_notification_is_never_sent() {
    let (world, to) = World::with_ann().await;
    let tomorrow = world.wechat.now().await + 24 * 3600;
    let request = with(order("order-1", to.clone()), "send_at", json!(tomorrow));
    let report = world.send(&request).await;
    assert_eq!((&report["outcome"], &report["retry_at"]), (&json!("scheduled"), &json!(tomorrow)));

    let cancel = |id: &str| json!({ "cancel": { "id": id } });
    let report = world.invoke("send", &cancel("order-1")).await.unwrap();
    assert_eq!((&report["id"], &report["outcome"]), (&json!("order-1"), &json!("cancelled")));
    assert_eq!(world.send(&request).await["outcome"], "cancelled");
    world.sweep().await;
    assert!(world.phone("ann").screen().await.is_empty());

    world.send(&order("order-2", to)).await;
    assert_eq!(world.refused(&cancel("order-2")).await.0, "TooLate");
    assert_eq!(world.refused(&cancel("order-3")).await.0, "NotFound");
}

#[tokio::test]
async fn scheduled_notification_is_sent_by_the_sweep_when_it_is_due() {
    let (world, to) = World::with_ann().await;
    let tomorrow = world.wechat.now().await + 24 * 3600;
    let request = with(order("order-1", to.clone()), "send_at", json!(tomorrow));
    world.send(&request).await;
    world.sweep().await;
    assert!(world.phone("ann").screen().await.is_empty(), "its time has not come");

    let soon = world.wechat.now().await + 2;
    let request = with(order("order-2", to), "send_at", json!(soon));
    assert_eq!(world.send(&request).await["outcome"], "scheduled");
    while world.wechat.now().await < soon {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.sweep().await;
    assert_eq!(world.phone("ann").screen().await.len(), 1);
    assert_eq!(world.aws.row("notifications", "id", "order-2").await["status"], "delivered");
}
