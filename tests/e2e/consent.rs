//! One consent, one message.

use crate::world::{World, order};
use serde_json::{Value, json};

const TEMPLATE: &str = "SandboxTemplateOfMini-order-shipped-0000001";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

async fn with_bob() -> (World, Value) {
    let world = World::start().await;
    world.phone("bob").log_in("shop-mini").await;
    (world, json!({ "account": "bob" }))
}

async fn outcome(world: &World, id: &str, to: &Value) -> Value {
    world.send(&order(id, to.clone())).await["outcome"].clone()
}

/// The states of bob's permits, in the order of the alphabet.
async fn permits(world: &World) -> Vec<String> {
    let rows = world.aws.rows("users").await;
    let permits = rows.iter().filter(|row| row["item"].as_str().unwrap().starts_with("permit#"));
    let mut states: Vec<_> =
        permits.map(|permit| permit["state"].as_str().unwrap().to_owned()).collect();
    states.sort_unstable();
    states
}

/// The popup's event, with answers as WeChat writes them.
fn popup(answers: &[&str]) -> Value {
    let list: Vec<_> = answers
        .iter()
        .map(|answer| json!({ "TemplateId": TEMPLATE, "SubscribeStatusString": answer, "PopupScene": "0" }))
        .collect();
    json!({ "from": "bob", "MsgType": "event", "Event": "subscribe_msg_popup_event", "List": list })
}

#[tokio::test]
async fn two_consents_are_two_messages() {
    let (world, to) = with_bob().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_shipped", false).await;
    bob.consent("shop-mini", "order_shipped", true).await;
    assert_eq!(permits(&world).await, ["free", "free"]);
    assert_eq!(outcome(&world, "order-1", &to).await, "sent");
    assert_eq!(outcome(&world, "order-2", &to).await, "sent");
    assert_eq!(outcome(&world, "order-3", &to).await, "no_permit");
    assert_eq!(bob.screen().await.len(), 2);
    assert_eq!(permits(&world).await, ["used", "used"]);
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 2, "a third isn't even tried");
}

#[tokio::test]
async fn one_consent_is_enough_for_one_of_many_who_send_at_once() {
    let (world, to) = with_bob().await;
    world.phone("bob").consent("shop-mini", "order_shipped", true).await;
    let requests = ["a", "b", "c", "d", "e", "f"].map(|id| order(id, to.clone()));
    let reports = world.send_at_once(&requests).await;
    let outcomes: Vec<_> = reports.iter().map(|report| report["outcome"].clone()).collect();
    let count = |what: &str| outcomes.iter().filter(|outcome| **outcome == what).count();
    assert_eq!((count("sent"), count("no_permit")), (1, 5), "{outcomes:?}");
    assert_eq!(world.phone("bob").screen().await.len(), 1);
}

#[tokio::test]
async fn who_turns_messages_off_has_withdrawn_every_consent() {
    let (world, to) = with_bob().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.block("shop-mini").await;
    assert_eq!(permits(&world).await, ["revoked", "revoked"]);
    assert_eq!(outcome(&world, "order-1", &to).await, "no_permit");
    assert!(world.wechat.calls(SUBSCRIBE_SEND).await.is_empty());
}

#[tokio::test]
async fn a_consent_that_is_told_twice_counts_once() {
    for format in ["xml", "json"] {
        let (world, _) = with_bob().await;
        let at = world.wechat.now().await;
        let push = json!({
            "app": "shop-mini", "message": popup(&["accept"]), "times": 3, "create_time": at, "format": format,
        });
        for answer in world.wechat.push(push).await {
            assert_eq!(answer["body"], "success");
        }
        world.idle().await;
        assert_eq!(permits(&world).await, ["free"], "{format}");
    }
}

#[tokio::test]
async fn each_yes_of_a_popup_counts() {
    let (world, _) = with_bob().await;
    let message = popup(&["accept", "reject", "accept", "ban"]);
    world.wechat.push(json!({ "app": "shop-mini", "message": message })).await;
    world.idle().await;
    assert_eq!(permits(&world).await, ["free", "free"]);
}

#[tokio::test]
async fn where_wechat_knows_of_no_consent_our_count_is_void() {
    let (world, to) = with_bob().await;
    // WeChat tells of two consents that it doesn't remember.
    world.wechat.push(json!({ "app": "shop-mini", "message": popup(&["accept", "accept"]) })).await;
    world.idle().await;
    assert_eq!(permits(&world).await, ["free", "free"]);

    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "no_permit", "{report}");
    let refused =
        report["passed_over"].as_array().unwrap().iter().find(|it| it["channel"] == "subscribe");
    assert_eq!(refused.unwrap()["code"], 43101);
    assert_eq!(permits(&world).await, ["burned", "revoked"]);
    assert_eq!(outcome(&world, "order-2", &to).await, "no_permit");
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 1, "WeChat is asked once");
}
