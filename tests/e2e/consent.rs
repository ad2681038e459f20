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

/// The states of bob's consents, in the order of the alphabet.
async fn consents(world: &World) -> Vec<String> {
    let rows = world.aws.rows("users").await;
    let consents = rows.iter().filter(|row| row["item"].as_str().unwrap().starts_with("consent#"));
    let mut states: Vec<_> =
        consents.map(|consent| consent["state"].as_str().unwrap().to_owned()).collect();
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

/// The event of a change in WeChat's settings.
fn change(answer: &str) -> Value {
    let list = [json!({ "TemplateId": TEMPLATE, "SubscribeStatusString": answer })];
    json!({ "from": "bob", "MsgType": "event", "Event": "subscribe_msg_change_event", "List": list })
}

#[tokio::test]
async fn two_consents_pay_for_two_messages() {
    let (world, to) = with_bob().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_shipped", false).await;
    bob.consent("shop-mini", "order_shipped", true).await;
    assert_eq!(consents(&world).await, ["free", "free"]);
    assert_eq!(outcome(&world, "order-1", &to).await, "sent");
    assert_eq!(outcome(&world, "order-2", &to).await, "sent");
    assert_eq!(outcome(&world, "order-3", &to).await, "no_consent");
    assert_eq!(bob.screen().await.len(), 2);
    assert_eq!(consents(&world).await, ["used", "used"]);
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 2, "a third isn't even tried");
}

/// Fault 50.
#[tokio::test]
async fn one_consent_pays_for_one_of_many_concurrent_sends() {
    let (world, to) = with_bob().await;
    world.phone("bob").consent("shop-mini", "order_shipped", true).await;
    let requests = ["a", "b", "c", "d", "e", "f"].map(|id| order(id, to.clone()));
    let reports = world.send_at_once(&requests).await;
    let outcomes: Vec<_> = reports.iter().map(|report| report["outcome"].clone()).collect();
    let count = |what: &str| outcomes.iter().filter(|outcome| **outcome == what).count();
    assert_eq!((count("sent"), count("no_consent")), (1, 5), "{outcomes:?}");
    assert_eq!(world.phone("bob").screen().await.len(), 1);
}

#[tokio::test]
async fn turning_messages_off_withdraws_every_consent() {
    let (world, to) = with_bob().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.block("shop-mini").await;
    assert_eq!(consents(&world).await, ["revoked", "revoked"]);
    assert_eq!(outcome(&world, "order-1", &to).await, "no_consent");
    assert!(world.wechat.calls(SUBSCRIBE_SEND).await.is_empty());
}

#[tokio::test]
async fn turning_one_template_off_keeps_the_other_consents() {
    let (world, to) = with_bob().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_delayed", true).await;
    bob.withdraw("shop-mini", "order_delayed").await;
    assert_eq!(consents(&world).await, ["free", "revoked"]);
    assert_eq!(outcome(&world, "order-1", &to).await, "sent");
}

#[tokio::test]
async fn duplicate_consent_event_counts_once() {
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
        assert_eq!(consents(&world).await, ["free"], "{format}");
    }
}

#[tokio::test]
async fn each_acceptance_in_a_popup_counts() {
    let (world, _) = with_bob().await;
    let message = popup(&["accept", "reject", "accept", "ban"]);
    world.wechat.push(json!({ "app": "shop-mini", "message": message })).await;
    world.idle().await;
    assert_eq!(consents(&world).await, ["free", "free"]);
}

#[tokio::test]
async fn every_spelling_of_accept_grants_a_consent() {
    let (world, to) = with_bob().await;
    let words = ["acceptWithAudio", "acceptWithAlert", "acceptWithForcePush", "Accept"];
    world.wechat.push(json!({ "app": "shop-mini", "message": popup(&words) })).await;
    world.idle().await;
    assert_eq!(consents(&world).await, ["free"; 4]);
    for word in words {
        world.wechat.push(json!({ "app": "shop-mini", "message": change(word) })).await;
    }
    world.idle().await;
    assert_eq!(consents(&world).await, ["free"; 4], "a change to accept withdraws nothing");
    assert!(world.metrics("unknown_answers").is_empty());
    world.phone("bob").consent("shop-mini", "order_shipped", true).await;
    assert_eq!(outcome(&world, "order-1", &to).await, "sent");
}

#[tokio::test]
async fn unknown_answer_leaves_every_consent_as_it_is() {
    let (world, _) = with_bob().await;
    world.wechat.push(json!({ "app": "shop-mini", "message": popup(&["accept", "accept"]) })).await;
    world.idle().await;
    let answers = popup(&["later", "", "later"]);
    world.wechat.push(json!({ "app": "shop-mini", "message": answers })).await;
    world.idle().await;
    assert_eq!(world.metrics("unknown_answers").len(), 1, "once for the event");
    for word in ["cancel", "later", "", "rejectForNow"] {
        world.wechat.push(json!({ "app": "shop-mini", "message": change(word) })).await;
    }
    world.idle().await;
    assert_eq!(consents(&world).await, ["free", "free"]);
    assert_eq!(world.metrics("unknown_answers").len(), 5);
    let lines = world.lines();
    assert!(lines.iter().any(|line| line.contains("unknown answer") && line.contains("later")));
    assert!(world.metrics("events_failed").is_empty());
    for (word, left) in [("ban", 0), ("reject", 0), ("filter", 0)] {
        world.wechat.push(json!({ "app": "shop-mini", "message": popup(&["accept"]) })).await;
        world.idle().await;
        world.wechat.push(json!({ "app": "shop-mini", "message": change(word) })).await;
        world.idle().await;
        let free = consents(&world).await.into_iter().filter(|state| state == "free").count();
        assert_eq!(free, left, "{word}");
    }
}

/// Fault 48.
#[tokio::test]
async fn consent_count_is_voided_when_wechat_knows_no_consent() {
    let (world, to) = with_bob().await;
    // WeChat tells of two consents that it doesn't remember.
    world.wechat.push(json!({ "app": "shop-mini", "message": popup(&["accept", "accept"]) })).await;
    world.idle().await;
    assert_eq!(consents(&world).await, ["free", "free"]);

    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "no_consent", "{report}");
    let refused =
        report["skipped"].as_array().unwrap().iter().find(|it| it["channel"] == "subscribe");
    assert_eq!(refused.unwrap()["code"], 43101);
    assert_eq!(consents(&world).await, ["invalid", "revoked"]);
    assert_eq!(outcome(&world, "order-2", &to).await, "no_consent");
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 1, "WeChat is asked once");
}

#[tokio::test]
async fn reserved_consent_of_a_crashed_attempt_is_used_by_the_next() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    // What is left when a function dies between reserving and sending.
    let consent = world.aws.row("users", "state", "free").await;
    let reserve = json!({
        "TableName": "hongyan-local-users",
        "Key": { "user": { "S": consent["user"] }, "item": { "S": consent["item"] } },
        "UpdateExpression": "SET #s = :reserved, notification = :order",
        "ExpressionAttributeNames": { "#s": "state" },
        "ExpressionAttributeValues": { ":reserved": { "S": "reserved" }, ":order": { "S": "order-1" } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &reserve).await;

    let to = json!({ "account": "bob" });
    let other = world.send(&order("order-2", to.clone())).await;
    assert_eq!(other["outcome"], "no_consent", "it is not another's: {other}");
    let report = world.send(&order("order-1", to)).await;
    assert_eq!(report["outcome"], "sent", "{report}");
    assert_eq!(
        world.aws.row("users", "item", consent["item"].as_str().unwrap()).await["state"],
        "used"
    );
}

#[tokio::test]
async fn late_withdrawal_leaves_newer_consents() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    let consent = world.aws.row("users", "state", "free").await;
    let granted_at = consent["granted_at"].as_u64().unwrap();
    let template = consent["item"].as_str().unwrap().split('#').nth(1).unwrap();
    let withdrawal = json!({
        "from": "bob", "MsgType": "event", "Event": "subscribe_msg_change_event",
        "List": { "TemplateId": template, "SubscribeStatusString": "reject" },
    });
    let push = json!({ "app": "shop-mini", "message": withdrawal, "create_time": granted_at - 60 });
    world.wechat.push(push).await;
    world.idle().await;
    let report = world.send(&order("order-1", json!({ "account": "bob" }))).await;
    assert_eq!(report["outcome"], "sent", "{report}");
}

/// What the user turned off in WeChat's settings.
fn withdrawal() -> Value {
    json!({
        "from": "bob", "MsgType": "event", "Event": "subscribe_msg_change_event",
        "List": { "TemplateId": TEMPLATE, "SubscribeStatusString": "reject" },
    })
}

async fn push_at(world: &World, message: Value, at: u64) {
    let push = json!({ "app": "shop-mini", "message": message, "create_time": at });
    assert_eq!(world.wechat.push(push).await[0]["body"], "success");
    world.idle().await;
}

#[tokio::test]
async fn consent_grants_nothing_when_a_later_withdrawal_arrived_first() {
    let (world, to) = with_bob().await;
    let at = world.wechat.now().await;
    push_at(&world, withdrawal(), at).await;
    push_at(&world, popup(&["accept", "accept"]), at - 60).await;
    assert!(consents(&world).await.is_empty());
    assert_eq!(outcome(&world, "order-1", &to).await, "no_consent");

    push_at(&world, withdrawal(), at - 30).await;
    push_at(&world, popup(&["accept"]), at - 10).await;
    assert!(consents(&world).await.is_empty(), "an older withdrawal doesn't hide the later one");

    push_at(&world, popup(&["accept"]), at + 1).await;
    assert_eq!(consents(&world).await, ["free"], "a later consent counts");
}

#[tokio::test]
async fn withdrawal_wins_over_a_consent_of_the_same_second() {
    for withdrawn_first in [true, false] {
        let (world, _) = with_bob().await;
        let at = world.wechat.now().await;
        let mut messages = [popup(&["accept"]), withdrawal()];
        if withdrawn_first {
            messages.reverse();
        }
        for message in messages {
            push_at(&world, message, at).await;
        }
        let free = consents(&world).await.into_iter().filter(|state| state == "free").count();
        assert_eq!(free, 0, "the withdrawal came first: {withdrawn_first}");
    }
}
