//! Access tokens expire, and no send is affected.

use crate::world::{World, order};
use local_aws::InvokeFailure;
use serde_json::{Value, json};

const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const SHOP: &str = "tokens/wx0000000000005a01";

/// A world in which ann follows and can be sent to, with no call on record.
async fn ann_follows() -> (World, Value) {
    let world = World::start().await;
    world.phone("ann").follow("shop").await;
    let to = json!({ "union_id": world.phone("ann").union_id().await });
    world.wechat.forget_calls().await;
    (world, to)
}

/// Whether each call for a token was a forced one.
async fn forced(world: &World) -> Vec<bool> {
    let calls = world.wechat.calls(STABLE_TOKEN).await;
    calls.iter().map(|call| call["body"]["force_refresh"].as_bool().unwrap()).collect()
}

#[tokio::test]
async fn revoked_token_is_replaced_during_the_send() {
    let (world, to) = ann_follows().await;
    let before = world.parameter(SHOP);
    world.wechat.revoke("shop").await;

    let report = world.send(&order("order-1", to)).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    assert_eq!(world.phone("ann").screen().await.len(), 1);
    let after = world.parameter(SHOP);
    assert_eq!(after["generation"], json!(before["generation"].as_u64().unwrap() + 1));
    assert_ne!(after["token"], before["token"]);
    // WeChat hands out another one by itself: no need to force it.
    assert_eq!(forced(&world).await, [false]);
    assert_eq!(world.wechat.calls("/cgi-bin/message/template/send").await.len(), 2);
}

#[tokio::test]
async fn invalid_token_that_wechat_keeps_returning_is_forced_once() {
    let (world, to) = ann_follows().await;
    let dead = json!({ "path": "/cgi-bin/message/template/send", "errcode": 40001 });
    world.wechat.fault(dead.clone()).await;
    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "sent");
    assert_eq!(forced(&world).await, [false, true]);
    assert_eq!(world.parameter(SHOP)["generation"], 2);

    world.wechat.fault(dead).await;
    let report = world.send(&order("order-2", to)).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("forced less than 30 seconds ago"), "{reason}");
    assert_eq!(forced(&world).await, [false, true, false], "a second one is not forced");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

/// Fault 64.
#[tokio::test]
async fn expired_token_is_replaced_during_the_send() {
    let (world, to) = ann_follows().await;
    world.wechat.advance(2 * 3600 + 600).await;
    let report = world.send(&order("order-1", to)).await;
    assert_eq!(report["outcome"], "sent");
    assert_eq!(forced(&world).await, [false]);
    assert_eq!(world.parameter(SHOP)["generation"], 2);
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

#[tokio::test]
async fn scheduled_refresh_fetches_the_successor_before_expiry() {
    let (world, to) = ann_follows().await;
    let first = world.parameter(SHOP);
    world.token_round().await;
    assert_eq!(world.parameter(SHOP), first, "nothing new, nothing written");

    world.wechat.advance(7200 - 300).await;
    world.token_round().await;
    let second = world.parameter(SHOP);
    assert_eq!(second["generation"], 2);
    // The function that keeps the old one for a minute can still use it.
    world.wechat.forget_calls().await;
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert!(forced(&world).await.is_empty());
}

#[tokio::test]
async fn concurrent_senders_replace_an_invalid_token_without_force() {
    let (world, to) = ann_follows().await;
    world.wechat.revoke("shop").await;
    let requests: Vec<_> = (0..12).map(|at| order(&format!("order-{at}"), to.clone())).collect();
    for report in world.send_at_once(&requests).await {
        assert_eq!(report["outcome"], "sent", "{report}");
    }
    assert_eq!(world.phone("ann").screen().await.len(), 12);
    let forced = forced(&world).await;
    assert!(!forced.contains(&true), "{forced:?}");
    assert_eq!(world.parameter(SHOP)["generation"], 2);
}

#[tokio::test]
async fn first_send_can_precede_the_first_token() {
    let (world, to) = ann_follows().await;
    world.aws.delete_parameter(SHOP).await;
    let report = world.send(&order("order-1", to)).await;
    assert_eq!(report["outcome"], "sent");
    assert_eq!(world.parameter(SHOP)["generation"], 1);
}

#[tokio::test]
async fn wrong_app_secret_is_logged_and_affects_no_other_app() {
    let world = World::start().await;
    let wrong = "0123456789abcdef0123456789abcdef";
    world.set_parameter("secrets/shop", wrong);
    world.wechat.advance(7200).await;

    let Err(InvokeFailure::Failed { error, .. }) = world.invoke("token", &json!({})).await else {
        panic!("it can't have a token for shop");
    };
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("shop: "), "{message}");
    assert!(message.contains("40125") && message.contains("/secrets"), "{message}");
    assert!(!message.contains("shop-mini"), "{message}");
    assert_eq!(world.parameter("tokens/wx0000000000005a02")["generation"], 2);
    for text in world.lines().iter().chain([&error.to_string()]) {
        assert!(!text.contains(wrong), "{text}");
    }

    let right = wechat_sandbox::example().apps.into_iter().find(|app| app.alias == "shop").unwrap();
    world.set_parameter("secrets/shop", right.secret.expose());
    world.token_round().await;
    assert_eq!(world.parameter(SHOP)["generation"], 2);
}

#[tokio::test]
async fn send_without_a_token_waits_and_gives_the_reason() {
    let (world, to) = ann_follows().await;
    world.wechat.revoke("shop").await;
    world.wechat.fault(json!({ "path": STABLE_TOKEN, "errcode": -1, "times": 20 })).await;
    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "retrying");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("access token of shop"), "{reason}");
    assert!(world.phone("ann").screen().await.is_empty());

    world.wechat.heal().await;
    world.aws.set_time("order-1", "retry_at", 0).await;
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}
