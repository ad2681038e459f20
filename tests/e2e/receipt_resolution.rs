//! WeChat's receipt has the delivery status of a message; also of one that is
//! ambiguous.

use crate::channel_scenario::{ChannelScenario, NOTIFICATIONS};
use local_aws::services::Fault;
use serde_json::{Value, json};

/// A receipt is given to a notification of unknown fate when nothing else that it
/// could belong to is under way any more; for the kinds of which WeChat drops
/// repeats, also nothing that could be repeated.
const SETTLED: u64 = 130;
const SETTLED_REPEATABLE: u64 = 610;

/// The rows that receipts and sends left behind, by WeChat's id of the message.
async fn messages(scene: &ChannelScenario) -> Vec<Value> {
    let mut rows = scene.world.aws.rows("notifications").await;
    rows.retain(|row| row["id"].as_str().unwrap().starts_with("message#"));
    rows
}

/// All receipts so far arrived this many seconds ago.
async fn age_receipts(scene: &ChannelScenario, seconds_ago: u64) {
    let at = scene.world.wechat.now().await - seconds_ago;
    for message in messages(scene).await {
        scene.world.aws.set_time(message["id"].as_str().unwrap(), "recorded_at", at).await;
    }
    // And what they are of was sent before.
    for row in scene.world.aws.rows("notifications").await {
        let is_sent = row["status"] == "ambiguous" || row["status"] == "sent";
        if is_sent && row["intent_at"].as_u64() > Some(at) {
            let id = row["id"].as_str().unwrap();
            scene.world.aws.set_time(id, "intent_at", at).await;
        }
    }
}

/// WeChat takes a message on and doesn't say so, as often as it is asked.
async fn lose_the_answer(scene: &ChannelScenario) {
    scene.fault(json!({ "reset": true, "after": true, "times": 3 })).await;
}

/// WeChat may have taken it on nine minutes ago, too long for a repeat.
async fn nine_minutes_later(scene: &ChannelScenario, id: &str) {
    let long_ago = scene.world.wechat.now().await - 9 * 60;
    scene.world.aws.set_time(id, "intent_at", long_ago).await;
    scene.later(id).await;
}

/// What a repeated request is answered that WeChat's receipt has told of.
async fn assert_delivered(scene: &ChannelScenario, id: &str) {
    let report = scene.send(id).await;
    assert_eq!(report["outcome"], "delivered", "{report}");
    assert_eq!(report["channel"], scene.kind, "{report}");
    assert!(report["message_id"].is_string(), "{report}");
    for trouble in ["reason", "code", "rid", "retry_at"] {
        assert_eq!(report.get(trouble), None, "{report}");
    }
    assert_eq!(scene.send(id).await, report);
}

#[tokio::test]
async fn receipt_from_before_the_crash_resolves_the_notification() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.send_and_die("order-1").await;
    assert_eq!(messages(&scene).await.len(), 1, "the receipt was faster");
    scene.later("order-1").await;
    assert_eq!(scene.status("order-1").await, "ambiguous");
    // It may be another's, whose sender has not written that down yet.
    age_receipts(&scene, SETTLED - 20).await;
    scene.later("order-1").await;
    assert_eq!(scene.status("order-1").await, "ambiguous");

    age_receipts(&scene, SETTLED).await;
    scene.later("order-1").await;
    assert_delivered(&scene, "order-1").await;
    assert_eq!((scene.calls().await, scene.seen().await), (1, 1));
    scene.assert_used_up().await;
}

/// Fault 34.
#[tokio::test]
async fn receipt_from_after_the_crash_resolves_the_notification() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.world.wechat.post("pushing", &json!({ "receipt_delay_ms": 8000 })).await;
    scene.send_and_die("order-1").await;
    scene.overdue("order-1").await;
    scene.world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    assert_eq!(scene.status("order-1").await, "ambiguous");
    assert!(messages(&scene).await.is_empty(), "the receipt is on its way");
    // The sweep has seen that there is none, and doesn't come back by itself.
    scene.world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    let row = scene.world.aws.row("notifications", "id", "order-1").await;
    assert_eq!(row.get("due_at"), None, "{row}");

    scene.world.idle().await;
    let row = scene.world.aws.row("notifications", "id", "order-1").await;
    assert!(row["due_at"].is_u64(), "the receipt calls for the sweep: {row}");
    age_receipts(&scene, SETTLED).await;
    scene.sweep().await;
    assert_delivered(&scene, "order-1").await;
    assert_eq!((scene.calls().await, scene.seen().await), (1, 1));
}

#[tokio::test]
async fn receipt_resolves_a_message_that_is_too_old_to_repeat() {
    for kind in ["template", "bizsend"] {
        let scene = ChannelScenario::new(kind).await;
        lose_the_answer(&scene).await;
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], "retrying", "{kind}: {report}");
        assert_eq!(scene.calls().await, 3, "{kind}");
        nine_minutes_later(&scene, "order-1").await;
        assert_eq!(scene.send("order-1").await["outcome"], "ambiguous", "{kind}");
        age_receipts(&scene, SETTLED_REPEATABLE - 20).await;
        scene.later("order-1").await;
        assert_eq!(scene.status("order-1").await, "ambiguous", "{kind}");
        age_receipts(&scene, SETTLED_REPEATABLE).await;
        scene.later("order-1").await;
        assert_delivered(&scene, "order-1").await;
        assert_eq!((scene.calls().await, scene.seen().await), (3, 1), "{kind}");
    }
}

#[tokio::test]
async fn one_receipt_for_two_ambiguous_notifications_resolves_neither() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.allow().await;
    lose_the_answer(&scene).await;
    assert_eq!(scene.send("order-1").await["outcome"], "ambiguous");
    scene.world.wechat.heal().await;
    scene.fault(json!({ "reset": true })).await;
    assert_eq!(scene.send("order-2").await["outcome"], "ambiguous");
    age_receipts(&scene, SETTLED).await;
    for id in ["order-1", "order-2", "order-1"] {
        scene.later(id).await;
    }
    for id in ["order-1", "order-2"] {
        assert_eq!(scene.status(id).await, "ambiguous", "{id}");
    }
    assert_eq!((scene.calls().await, scene.seen().await), (2, 1));
}

/// WeChat takes a message on, and answers without its id.
async fn lose_the_id(scene: &ChannelScenario) {
    let answer = r#"{"errcode":0,"errmsg":"ok"}"#;
    scene.fault(json!({ "body": answer, "after": true })).await;
}

#[tokio::test]
async fn receipt_resolves_a_message_that_was_sent_without_an_id() {
    for kind in ["template", "bizsend", "subscribe"] {
        let scene = ChannelScenario::new(kind).await;
        lose_the_id(&scene).await;
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], "sent", "{kind}: {report}");
        assert_eq!(report.get("message_id"), None, "{kind}: {report}");
        age_receipts(&scene, SETTLED_REPEATABLE).await;
        scene.later("order-1").await;
        assert_delivered(&scene, "order-1").await;
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
        assert!(scene.world.metrics("ambiguous_resolved").is_empty(), "it was never ambiguous");
    }
}

/// Fault 56.
#[tokio::test]
async fn receipt_of_a_message_without_an_id_resolves_no_other() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.allow().await;
    lose_the_id(&scene).await;
    assert_eq!(scene.send("order-1").await["outcome"], "sent");
    // This one never reaches WeChat.
    scene.fault(json!({ "reset": true })).await;
    assert_eq!(scene.send("order-2").await["outcome"], "ambiguous");
    age_receipts(&scene, SETTLED).await;
    for id in ["order-2", "order-1", "order-2"] {
        scene.later(id).await;
    }
    assert_eq!(scene.status("order-2").await, "ambiguous");
    assert_eq!(scene.status("order-1").await, "sent");
    assert_eq!((scene.calls().await, scene.seen().await), (2, 1));
}

#[tokio::test]
async fn known_client_msg_id_counts_as_a_message_without_an_id() {
    let scene = ChannelScenario::new("template").await;
    scene.fault(json!({ "reset": true, "after": true })).await;
    scene.fault(json!({ "errcode": 45065 })).await;
    let report = scene.send("order-1").await;
    assert_eq!(report["outcome"], "sent", "{report}");
    // This one never reaches WeChat.
    scene.fault(json!({ "reset": true, "times": 3 })).await;
    assert_eq!(scene.send("order-2").await["outcome"], "retrying");
    nine_minutes_later(&scene, "order-2").await;
    assert_eq!(scene.status("order-2").await, "ambiguous");
    age_receipts(&scene, SETTLED_REPEATABLE).await;
    for id in ["order-2", "order-1", "order-2"] {
        scene.later(id).await;
    }
    assert_eq!(scene.status("order-2").await, "ambiguous");
    assert_eq!(scene.seen().await, 1);
}

/// Fault 56.
#[tokio::test]
async fn message_whose_receipt_is_overdue_blocks_no_later_one() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.allow().await;
    // The ghost never reaches WeChat.
    scene.fault(json!({ "reset": true })).await;
    assert_eq!(scene.send("ghost").await["outcome"], "ambiguous");
    let long_ago = scene.world.wechat.now().await - 2 * 3600;
    scene.world.aws.set_time("ghost", "intent_at", long_ago).await;
    lose_the_answer(&scene).await;
    assert_eq!(scene.send("order-1").await["outcome"], "ambiguous");
    age_receipts(&scene, SETTLED).await;
    for id in ["ghost", "order-1"] {
        scene.later(id).await;
    }
    assert_eq!(scene.status("ghost").await, "ambiguous");
    assert_delivered(&scene, "order-1").await;
    assert_eq!((scene.calls().await, scene.seen().await), (2, 1));
}

#[tokio::test]
async fn two_equal_receipts_resolve_two_notifications() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.allow().await;
    lose_the_answer(&scene).await;
    for id in ["order-1", "order-2"] {
        assert_eq!(scene.send(id).await["outcome"], "ambiguous");
    }
    age_receipts(&scene, SETTLED).await;
    for id in ["order-2", "order-1"] {
        scene.later(id).await;
    }
    for id in ["order-1", "order-2"] {
        assert_delivered(&scene, id).await;
    }
    let id = async |id: &str| scene.send(id).await["message_id"].clone();
    assert_ne!(id("order-1").await, id("order-2").await);
}

#[tokio::test]
async fn two_different_receipts_resolve_neither_of_two() {
    let scene = ChannelScenario::new("template").await;
    lose_the_answer(&scene).await;
    assert_eq!(scene.send("order-1").await["outcome"], "retrying");
    scene.world.phone("ann").block("shop").await;
    lose_the_answer(&scene).await;
    assert_eq!(scene.send("order-2").await["outcome"], "retrying");
    for id in ["order-1", "order-2"] {
        nine_minutes_later(&scene, id).await;
    }
    age_receipts(&scene, SETTLED_REPEATABLE).await;
    for id in ["order-1", "order-2"] {
        scene.later(id).await;
    }
    for id in ["order-1", "order-2"] {
        assert_eq!(scene.status(id).await, "ambiguous", "{id}");
    }
}

#[tokio::test]
async fn receipt_of_another_recipient_is_not_matched() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.fault(json!({ "reset": true })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "ambiguous");
    let bob = scene.world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    let mut request = scene.request("order-2");
    request["to"] = json!({ "account": "bob" });
    scene.fault(json!({ "reset": true, "after": true })).await;
    assert_eq!(scene.world.send(&request).await["outcome"], "ambiguous");
    age_receipts(&scene, SETTLED).await;
    for id in ["order-1", "order-2"] {
        scene.later(id).await;
    }
    assert_eq!(scene.status("order-1").await, "ambiguous");
    assert_eq!(scene.status("order-2").await, "delivered");
}

/// Fault 56.
#[tokio::test]
async fn receipt_can_arrive_before_the_response() {
    for kind in ["template", "bizsend", "subscribe"] {
        let scene = ChannelScenario::new(kind).await;
        scene.fault(json!({ "delay_ms": 2500, "after": true })).await;
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], "delivered", "{report}");
        assert_delivered(&scene, "order-1").await;
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn rejected_message_is_blocked_in_any_order_of_receipt_and_response() {
    for slow in [false, true] {
        let scene = ChannelScenario::new("template").await;
        scene.world.phone("ann").block("shop").await;
        if slow {
            scene.fault(json!({ "delay_ms": 2500, "after": true })).await;
        }
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], if slow { "blocked" } else { "sent" }, "{report}");
        let again = scene.send("order-1").await;
        assert_eq!(again["outcome"], "blocked", "{again}");
        assert!(again["reason"].as_str().is_some_and(|why| why.contains("rejects")), "{again}");
        if slow {
            assert_eq!(again, report, "a repeated request is answered the same");
        }
        assert_eq!((scene.calls().await, scene.seen().await), (1, 0));
    }
}

#[tokio::test]
async fn late_response_still_identifies_its_message() {
    let scene = ChannelScenario::new("subscribe").await;
    let world = &scene.world;
    scene.warm_up().await;
    let events = Fault::new("dynamodb", "*").on(NOTIFICATIONS).by(world.cloud.function("events"));
    let receipt = scene.given(events.hold());
    let (answer, ()) = scene
        .send_and("order-1", async || {
            let commit = scene.given(scene.storing().hold().once());
            commit.holds(1).await;
            scene.overdue("order-1").await;
            world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
            assert_eq!(scene.status("order-1").await, "ambiguous");
            commit.release();
        })
        .await;
    assert_eq!(answer.unwrap()["notifications"][0]["outcome"], "ambiguous");
    let bound = messages(&scene).await;
    assert_eq!(bound[0]["notification"], "order-1", "{bound:?}");

    receipt.cancel();
    world.idle().await;
    assert_eq!(scene.status("order-1").await, "delivered");
    let mut meetings = world.aws.rows("notifications").await;
    meetings.retain(|row| row["id"].as_str().unwrap().starts_with("receipt_key#"));
    assert!(meetings.iter().all(|row| row["awaiting"].is_null()), "{meetings:?}");
    assert_delivered(&scene, "order-1").await;
}
