//! The core flow: follow, log in, receive a notification, and what happens when that
//! can't be.

use crate::world::{World, order};
use serde_json::{Value, json};

const SHOP: &str = "wx0000000000005a01";
const SHOP_MINI: &str = "wx0000000000005a02";

#[tokio::test]
async fn follower_becomes_a_user() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;

    let (open_id, union_id) = (ann.open_id("shop").await, ann.union_id().await);
    let user = world.aws.row("users", "item", "profile").await;
    assert_eq!(user["user"], format!("{SHOP}#{open_id}"));
    assert_eq!(user["union_id"], union_id);
    assert_eq!(user["follows"], true);
    let mapping = world.aws.row("mappings", "subject", &format!("union#{union_id}")).await;
    assert_eq!(mapping["app_id"], SHOP);
    assert_eq!(mapping["open_id"], open_id);
    assert_eq!(mapping["follows"], true);
    let event = world.aws.row("events", "kind", "subscribe").await;
    assert!(event["applied_at"].is_number() && event["pending"].is_null(), "{event}");
}

#[tokio::test]
async fn notification_is_shown_and_its_receipt_recorded() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;

    let report = world.send(&order("order-17-shipped", json!({ "account": "ann" }))).await;
    assert_eq!(report["id"], "order-17-shipped");
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    assert_eq!(report["app"], "shop");

    let screen = ann.screen().await;
    let [message] = screen.as_slice() else { panic!("{screen:#?}") };
    assert_eq!(message["app"], "shop");
    assert_eq!(
        (&message["kind"], &message["title"]),
        (&json!("template"), &json!("order_shipped"))
    );
    assert_eq!(
        message["fields"],
        json!([
            { "key": "thing1", "label": "商品名称", "value": "Blue kettle" },
            { "key": "time2", "label": "发货时间", "value": "2026-11-20 15:04" },
        ])
    );
    let page = json!({ "app_id": SHOP_MINI, "page": "pages/order/index", "state": "formal" });
    assert_eq!(message["jump"], json!({ "mini_program": page }));

    assert_eq!(message["msgid"].to_string(), report["message_id"].as_str().unwrap());
    let row = world.aws.row("notifications", "id", "order-17-shipped").await;
    assert_eq!(row["status"], "delivered");
}

#[tokio::test]
async fn duplicate_id_sends_nothing_more() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    let request = order("order-17-shipped", json!({ "account": "ann" }));
    let first = world.send(&request).await;

    let second = world.send(&request).await;
    assert_eq!(second["outcome"], "delivered", "the receipt came in between");
    let without_outcome = |report: &Value| {
        let mut report = report.clone();
        report["outcome"].take();
        report
    };
    assert_eq!(without_outcome(&second), without_outcome(&first));
    assert_eq!(ann.screen().await.len(), 1);
    assert_eq!(world.wechat.calls("/cgi-bin/message/template/send").await.len(), 1);
}

#[tokio::test]
async fn consent_of_a_non_follower_pays_for_one_message() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;

    let report = world.send(&order("order-18-shipped", json!({ "account": "bob" }))).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("subscribe")));
    let [skipped] = report["skipped"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!(skipped["channel"], "template");

    let screen = bob.screen().await;
    let [message] = screen.as_slice() else { panic!("{screen:#?}") };
    assert_eq!((&message["app"], &message["kind"]), (&json!("shop-mini"), &json!("subscribe")));
    assert_eq!(message["fields"][0]["value"], "Blue kettle");
    assert_eq!(message["jump"]["mini_program"]["page"], "pages/order/index");
    let row = world.aws.row("notifications", "id", "order-18-shipped").await;
    assert_eq!(row["status"], "delivered");
}

/// Fault 47.
#[tokio::test]
async fn non_follower_is_unreachable_without_a_consent() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;

    let report = world.send(&order("order-18-shipped", json!({ "account": "bob" }))).await;
    assert_eq!(report["outcome"], "no_consent");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("wx.requestSubscribeMessage"), "{reason}");
    assert_eq!(report["skipped"].as_array().unwrap().len(), 3);
    assert!(bob.screen().await.is_empty());
    assert!(world.wechat.calls("/cgi-bin/message/subscribe/send").await.is_empty());
}

/// Fault 52.
#[tokio::test]
async fn unknown_person_is_unreachable() {
    let world = World::start().await;
    world.account("carol").await;

    let report = world.send(&order("order-19-shipped", json!({ "account": "carol" }))).await;
    assert_eq!(report["outcome"], "unreachable");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("has never been seen"), "{reason}");
    assert!(world.phone("carol").screen().await.is_empty());
}

#[tokio::test]
async fn recipient_is_found_by_three_identifiers() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;

    let by_openid = |app: &str, open_id: String| json!({ "app": app, "open_id": open_id });
    let recipients = [
        json!({ "account": "ann" }),
        json!({ "union_id": ann.union_id().await }),
        by_openid("shop", ann.open_id("shop").await),
        // By her openid in the mini program, to which the shop can't write.
        by_openid("shop-mini", ann.open_id("shop-mini").await),
    ];
    for (at, to) in recipients.into_iter().enumerate() {
        let report = world.send(&order(&format!("order-{at}"), to)).await;
        assert_eq!(
            (&report["outcome"], &report["channel"]),
            (&json!("sent"), &json!("template")),
            "{at}: {report}"
        );
    }
    assert_eq!(ann.screen_of("template").await.len(), 4);
}

#[tokio::test]
async fn each_of_several_recipients_has_a_notification() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    world.account("carol").await;

    let to = json!([{ "account": "carol" }, { "account": "ann" }, { "account": "bob" }]);
    let reports = world.send_to_several(&order("sale", to)).await;
    let seen: Vec<_> = reports.iter().map(|report| (&report["id"], &report["outcome"])).collect();
    assert_eq!(
        seen,
        [
            (&json!("sale#0"), &json!("unreachable")),
            (&json!("sale#1"), &json!("sent")),
            (&json!("sale#2"), &json!("sent")),
        ]
    );
    assert_eq!(ann.screen().await.len(), 1);
    assert_eq!(bob.screen().await.len(), 1);
    for (id, status) in
        [("sale#0", "unreachable"), ("sale#1", "delivered"), ("sale#2", "delivered")]
    {
        assert_eq!(world.aws.row("notifications", "id", id).await["status"], status);
    }
}

#[tokio::test]
async fn receipt_reports_that_the_user_rejects_messages() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.block("shop").await;

    let request = order("order-17-shipped", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
    assert!(ann.screen().await.is_empty());
    let row = world.aws.row("notifications", "id", "order-17-shipped").await;
    assert_eq!(row["status"], "blocked");
    assert_eq!(world.send(&request).await["outcome"], "blocked");
}
