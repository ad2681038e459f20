//! Who follows is known, in the order in which it happened.

use crate::world::{World, order};
use serde_json::json;

const CARDS: [&str; 2] = ["template", "subscribe"];

#[tokio::test]
async fn unfollowed_person_is_unreachable_until_they_follow_again() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.unfollow("shop").await;
    let subject = format!("union#{}", ann.union_id().await);
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], false);
    assert_eq!(world.aws.row("users", "item", "profile").await["follows"], false);

    let to = json!({ "union_id": ann.union_id().await });
    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
    assert_eq!(report["skipped"].as_array().unwrap().len(), 3);
    assert!(world.wechat.calls("/cgi-bin/message/template/send").await.is_empty());

    ann.follow("shop").await;
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], true);
    let report = world.send(&order("order-2", to)).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
}

#[tokio::test]
async fn unfollowed_person_is_reached_in_the_mini_program_after_consenting() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.unfollow("shop").await;

    let report = world.send(&order("order-1", json!({ "account": "ann" }))).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("subscribe")));
    let kinds: Vec<_> =
        ann.screen().await.into_iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(kinds, ["subscribe"]);
}

#[tokio::test]
async fn late_older_event_changes_nothing() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let since = world.aws.row("users", "item", "profile").await["state_time"].as_u64().unwrap();

    let leaves =
        json!({ "from": "ann", "MsgType": "event", "Event": "unsubscribe", "EventKey": "" });
    let push = json!({ "app": "shop", "message": leaves, "create_time": since - 60 });
    assert_eq!(world.wechat.push(push).await[0]["body"], "success");
    world.idle().await;
    let late = world.aws.row("events", "kind", "unsubscribe").await;
    assert!(late["applied_at"].is_number(), "{late}");
    assert_eq!(world.aws.row("users", "item", "profile").await["follows"], true);
    let subject = format!("union#{}", ann.union_id().await);
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], true);

    let report = world.send(&order("order-1", json!({ "union_id": ann.union_id().await }))).await;
    assert_eq!(report["channel"], "template", "{report}");
}

#[tokio::test]
async fn late_older_follow_does_not_follow_again() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.unfollow("shop").await;
    let left = world.aws.row("users", "item", "profile").await["state_time"].as_u64().unwrap();

    let follows =
        json!({ "from": "ann", "MsgType": "event", "Event": "subscribe", "EventKey": "" });
    let push = json!({ "app": "shop", "message": follows, "create_time": left - 60 });
    world.wechat.push(push).await;
    world.idle().await;
    assert_eq!(world.aws.row("users", "item", "profile").await["follows"], false);
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "unreachable");
}

#[tokio::test]
async fn profile_is_requested_again_when_wechat_fails() {
    for fault in [json!({ "errcode": -1 }), json!({ "reset": true }), json!({ "errcode": 40001 })] {
        let world = World::start().await;
        let ann = world.phone("ann");
        let mut ordered = fault.clone();
        ordered["path"] = "/cgi-bin/user/info".into();
        world.wechat.fault(ordered).await;
        ann.follow("shop").await;
        let user = world.aws.row("users", "item", "profile").await;
        assert_eq!(user["union_id"], ann.union_id().await, "{fault}");
        assert!(world.aws.row("events", "kind", "subscribe").await["applied_at"].is_number());
    }
}

#[tokio::test]
async fn failing_person_delays_no_other() {
    let world = World::start().await;
    // No follower's openid: WeChat knows no person with it.
    let follows =
        json!({ "from": "oNobody", "MsgType": "event", "Event": "subscribe", "EventKey": "" });
    assert_eq!(
        world.wechat.push(json!({ "app": "shop", "message": follows })).await[0]["body"],
        "success"
    );
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let mut request = order("order-1", json!({ "union_id": ann.union_id().await }));
    request["channels"] = json!(CARDS);
    assert_eq!(world.send(&request).await["outcome"], "sent");

    let rows = world.aws.rows("events").await;
    let unknown =
        rows.iter().find(|row| row["user"].as_str().unwrap().ends_with("#oNobody")).unwrap();
    assert!(unknown["pending"].is_string(), "it stays for the sweep: {unknown}");
    assert_eq!(unknown["attempts"], 1, "{unknown}");
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-events-dlq"), Some(0));
}
