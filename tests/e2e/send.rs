//! What send refuses, what it waits for, and what it never does twice.

use crate::world::{World, order};
use serde_json::{Value, json};

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

async fn with_bob() -> (World, Value) {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    (world, json!({ "account": "bob" }))
}

fn with(mut request: Value, field: &str, value: Value) -> Value {
    request[field] = value;
    request
}

/// Fault 46.
#[tokio::test]
async fn invalid_request_names_the_field_and_sends_nothing() {
    let (world, to) = World::with_ann().await;
    let good = order("order-1", to.clone());
    let mut without_id = good.clone();
    without_id.as_object_mut().unwrap().remove("id");
    let many: Vec<_> = (0..1001).map(|_| to.clone()).collect();
    let refused = [
        ("id", without_id),
        ("id", with(good.clone(), "id", json!("a#b"))),
        ("template", with(good.clone(), "template", json!("order_lost"))),
        ("template", with(good.clone(), "template", json!("../secrets/shop"))),
        ("data.time", with(good.clone(), "data", json!({ "product": "Blue kettle" }))),
        (
            "data.colour",
            with(good.clone(), "data", json!({ "product": "k", "time": "t", "colour": "blue" })),
        ),
        ("data.time", with(good.clone(), "data", json!({ "product": "k", "time": ["t"] }))),
        ("to", with(good.clone(), "to", json!({ "name": "ann" }))),
        ("to", with(good.clone(), "to", json!([]))),
        ("to", with(good.clone(), "to", json!(many))),
        ("recipient 1", with(good.clone(), "to", json!([to, { "open_id": "o" }]))),
        ("channels", with(good.clone(), "channels", json!(["pigeon"]))),
        ("colour", with(good, "colour", json!("red"))),
    ];
    for (field, request) in refused {
        let (kind, message) = world.refused(&request).await;
        assert_eq!(kind, "InvalidRequest", "{field}: {message}");
        assert!(message.contains(field), "{field}: {message}");
    }
    world.idle().await;
    assert!(world.aws.rows("notifications").await.is_empty());
    assert!(world.wechat.calls(TEMPLATE_SEND).await.is_empty());
    assert!(world.phone("ann").screen().await.is_empty());
}

/// Fault 45.
#[tokio::test]
async fn id_is_bound_to_one_content() {
    let (world, to) = World::with_ann().await;
    let first = order("order-1", to);
    assert_eq!(world.send(&first).await["outcome"], "sent");
    let others = [
        with(first.clone(), "to", json!({ "account": "bob" })),
        with(first.clone(), "data", json!({ "product": "Red kettle", "time": "2026-11-20 15:04" })),
        with(first.clone(), "channels", json!(["customer_service"])),
    ];
    for other in others {
        let (kind, message) = world.refused(&other).await;
        assert_eq!(kind, "Conflict", "{message}");
        assert!(message.contains("order-1"), "{message}");
    }
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

#[tokio::test]
async fn request_can_choose_its_channels() {
    let (world, to) = World::with_ann().await;
    world.phone("ann").consent("shop-mini", "order_shipped", true).await;
    let chosen = async |id: &str, channels: Value| {
        let report = world.send(&with(order(id, to.clone()), "channels", channels)).await;
        (report["outcome"].clone(), report["channel"].clone())
    };
    let sent = |channel: &str| (json!("sent"), json!(channel));
    assert_eq!(chosen("a", json!(["subscribe", "template"])).await, sent("subscribe"));
    assert_eq!(chosen("b", json!(["subscribe", "template"])).await, sent("template"));
    assert_eq!(chosen("c", json!(["subscribe"])).await, (json!("no_consent"), Value::Null));
    assert_eq!(chosen("d", json!([])).await, (json!("unreachable"), Value::Null));
}

/// Fault 31.
#[tokio::test]
async fn twenty_concurrent_requests_send_one_message() {
    let (world, to) = World::with_ann().await;
    let request = order("order-1", to);
    let reports = world.send_at_once(&vec![request; 20]).await;
    assert_eq!(world.phone("ann").screen().await.len(), 1, "{reports:?}");
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 1);
}

/// Fault 38.
#[tokio::test]
async fn notification_is_sent_once_later_when_wechat_is_busy() {
    let (world, to) = World::with_ann().await;
    let request = order("order-1", to);
    // Three tries in one attempt, and a quota is not tried twice.
    for (errcode, calls) in [(-1, 3), (45011, 4)] {
        let busy = json!({ "path": TEMPLATE_SEND, "errcode": errcode, "times": 3 });
        world.wechat.fault(busy).await;
        let report = world.send(&request).await;
        assert_eq!(report["outcome"], "retrying", "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(&errcode.to_string()), "{reason}");
        assert_eq!(report["code"], errcode);
        let wait = report["retry_at"].as_u64().unwrap() - world.wechat.now().await;
        assert!((1..=120).contains(&wait), "{wait} s");
        assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), calls);

        // Asking too early changes nothing.
        let early = world.send(&request).await;
        assert_eq!(
            (&early["outcome"], &early["retry_at"]),
            (&report["outcome"], &report["retry_at"])
        );
        world.sweep().await;
        assert!(world.phone("ann").screen().await.is_empty());
        world.wechat.heal().await;
        world.pass("order-1").await;
    }
    assert_eq!(world.send(&request).await["outcome"], "sent");
    assert_eq!(world.send(&request).await["outcome"], "delivered");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

#[tokio::test]
async fn notification_waits_for_midnight_in_china_when_the_quota_is_exhausted() {
    let (world, to) = World::with_ann().await;
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 45009 })).await;
    let report = world.send(&order("order-1", to)).await;
    assert_eq!(report["outcome"], "retrying");
    assert_eq!((report["retry_at"].as_u64().unwrap() + 8 * 3600) % 86_400, 0, "{report}");
}

#[tokio::test]
async fn next_channel_is_used_when_a_value_breaks_wechats_rules() {
    let (world, to) = World::with_ann().await;
    let refuse = json!({ "path": TEMPLATE_SEND, "errcode": 47003, "errmsg": "argument invalid! data.thing1.value invalid" });
    world.wechat.fault(refuse.clone()).await;
    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("sent"), &json!("customer_service"))
    );
    let refused = &report["skipped"][0];
    assert_eq!((&refused["channel"], &refused["code"]), (&json!("template"), &json!(47003)));
    assert!(refused["reason"].as_str().unwrap().contains("thing1"), "{refused}");
    assert!(refused["advice"].as_str().unwrap().contains("breaks the rules"), "{refused}");
    assert!(refused["rid"].as_str().is_some_and(|rid| rid.len() > 10), "{refused}");
    let screen = world.phone("ann").screen().await;
    assert_eq!(screen.len(), 1);
    assert!(screen[0]["text"].as_str().unwrap().contains("Blue kettle"), "{screen:?}");

    world.wechat.fault(refuse).await;
    let only = with(order("order-2", to), "channels", json!(["template"]));
    let report = world.send(&only).await;
    assert_eq!(report["outcome"], "failed");
    assert_eq!(report["skipped"][0]["code"], 47003);
    assert_eq!(world.send(&only).await, report, "it stays as it is");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

/// Fault 36.
#[tokio::test]
async fn template_message_is_repeated_and_shown_once_when_the_response_is_lost() {
    let lost = [
        json!({ "path": TEMPLATE_SEND, "reset": true, "after": true }),
        json!({ "path": TEMPLATE_SEND, "status": 502, "after": true }),
        json!({ "path": TEMPLATE_SEND, "reset": true }),
    ];
    for fault in lost {
        // Once, which the same attempt repeats; and as often as it tries.
        for times in [1, 3] {
            let (world, to) = World::with_ann().await;
            let mut fault = fault.clone();
            fault["times"] = json!(times);
            world.wechat.fault(fault.clone()).await;
            let request = order("order-1", to);
            let mut report = world.send(&request).await;
            if times == 3 {
                assert_eq!(report["outcome"], "retrying", "{fault}: {report}");
                let reason = report["reason"].as_str().unwrap();
                assert!(reason.contains("unknown"), "{reason}");
                world.pass("order-1").await;
                report = world.send(&request).await;
            }
            assert!(
                report["outcome"] == "sent" || report["outcome"] == "delivered",
                "{fault}: {report}"
            );
            assert_eq!(world.phone("ann").screen().await.len(), 1, "{fault}");
            let row = world.aws.row("notifications", "id", "order-1").await;
            assert_eq!(row["status"], "delivered", "{fault}");
        }
    }
}

/// Fault 44.
#[tokio::test]
async fn template_message_is_not_repeated_after_the_deduplication_window() {
    let (world, to) = World::with_ann().await;
    let lost = json!({ "path": TEMPLATE_SEND, "reset": true, "after": true, "times": 3 });
    world.wechat.fault(lost).await;
    let request = order("order-1", to);
    world.send(&request).await;
    // Nine minutes later; WeChat drops repeats for ten.
    let long_ago = world.wechat.now().await - 9 * 60;
    world.aws.set_time("order-1", "intent_at", long_ago).await;
    world.pass("order-1").await;
    let report = world.send(&request).await;
    assert_eq!(report["outcome"], "ambiguous");
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 3);
}

/// Fault 36.
#[tokio::test]
async fn subscription_message_is_never_repeated_when_the_response_is_lost() {
    let lost = [
        json!({ "path": SUBSCRIBE_SEND, "reset": true, "after": true }),
        json!({ "path": SUBSCRIBE_SEND, "errcode": -1, "after": true }),
        json!({ "path": SUBSCRIBE_SEND, "status": 502 }),
    ];
    for fault in lost {
        let (world, to) = with_bob().await;
        world.wechat.fault(fault.clone()).await;
        let request = order("order-1", to.clone());
        let report = world.send(&request).await;
        assert_eq!(report["outcome"], "ambiguous", "{fault}: {report}");
        assert!(report["reason"].is_string(), "{report}");
        assert_eq!(world.send(&request).await["outcome"], "ambiguous");
        assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 1);
        assert!(world.phone("bob").screen().await.len() <= 1);

        // WeChat may have used the consent up: it isn't counted on again.
        let other = world.send(&order("order-2", to)).await;
        assert_eq!(other["outcome"], "no_consent", "{fault}: {other}");
    }
}

/// Fault 49.
#[tokio::test]
async fn consent_is_released_when_certainly_nothing_was_sent() {
    let (world, to) = with_bob().await;
    // Another message to bob was under way, each of three times.
    let met = json!({ "path": SUBSCRIBE_SEND, "errcode": 43108, "times": 3 });
    world.wechat.fault(met).await;
    assert_eq!(world.send(&order("order-1", to.clone())).await["outcome"], "retrying");
    assert_eq!(world.send(&order("order-2", to.clone())).await["outcome"], "sent");
    world.pass("order-1").await;
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "no_consent");
    assert_eq!(world.phone("bob").screen().await.len(), 1);
}

/// Fault 35.
#[tokio::test]
async fn call_of_wechat_times_out_after_four_seconds() {
    let (world, to) = with_bob().await;
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "delay_ms": 30_000 })).await;
    let started = std::time::Instant::now();
    let report = world.send(&order("order-1", to)).await;
    // Four seconds, and what a busy machine needs for all the rest.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert_eq!(report["outcome"], "ambiguous");
}

#[tokio::test]
async fn person_who_is_named_twice_gets_one_message() {
    let (world, ann) = World::with_ann().await;
    world.phone("bob").follow("shop").await;
    let bob = json!({ "app": "shop", "open_id": world.phone("bob").open_id("shop").await });
    let ann_in_shop = json!({ "app": "shop", "open_id": world.phone("ann").open_id("shop").await });
    let union_id = json!({ "union_id": world.phone("ann").union_id().await });
    let unknown = json!({ "account": "unknown" });
    let to = json!([unknown, ann, bob, ann_in_shop, unknown, ann, union_id]);
    let request = order("sale", to);
    let duplicates =
        |reports: &[Value]| reports.iter().map(|it| it["duplicate_of"].clone()).collect::<Vec<_>>();
    let expected = [
        Value::Null,
        Value::Null,
        Value::Null,
        json!("sale#1"),
        json!("sale#0"),
        json!("sale#1"),
        json!("sale#1"),
    ];
    let mut dry_run = request.clone();
    dry_run["dry_run"] = json!(true);
    let reports = world.send_to_several(&dry_run).await;
    assert_eq!(duplicates(&reports), expected, "{reports:?}");
    let reports = world.send_to_several(&request).await;
    assert_eq!(duplicates(&reports), expected, "{reports:?}");
    for (at, report) in reports.iter().enumerate() {
        let first = report["duplicate_of"].as_str().and_then(|id| id.split_once('#'));
        let first = first.map_or(at, |(_, index)| index.parse().unwrap());
        assert_eq!(report["id"], format!("sale#{at}"));
        assert_eq!(report["outcome"], reports[first]["outcome"]);
    }
    assert_eq!(world.phone("ann").screen().await.len(), 1);
    assert_eq!(world.phone("bob").screen().await.len(), 1);
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 2);

    // A repeat says the same, whatever the tables know by then.
    world.phone("bob").unfollow("shop").await;
    let again = world.send_to_several(&request).await;
    assert_eq!(duplicates(&again), expected, "{again:?}");
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 2);
}
