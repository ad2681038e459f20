//! What WeChat's error codes and receipts do to a notification: certain, in doubt, refused.

use crate::channel_scenario::{ChannelScenario, REPEATABLE, UNREPEATABLE};
use crate::world::World;
use serde_json::{Value, json};

/// Codes that no table has, and two of WeChat's that say nothing.
const UNKNOWN: [i64; 4] = [45999, -77, -1000, 4];

fn seconds_until(report: &Value, now: u64) -> u64 {
    report["retry_at"].as_u64().unwrap_or_else(|| panic!("no retry_at: {report}")) - now
}

/// Fault 38.
#[tokio::test]
async fn unknown_code_is_in_doubt_and_shows_one_message() {
    for kind in UNREPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        for (at, code) in UNKNOWN.into_iter().enumerate() {
            if at > 0 {
                scene.allow().await;
            }
            scene.fault(json!({ "errcode": code, "after": true })).await;
            let id = format!("order-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "ambiguous", "{kind} {code}: {report}");
            assert_eq!(report["code"], code, "{report}");
            assert!(report["rid"].is_string() && report["advice"].is_string(), "{report}");
            assert_eq!((scene.calls().await, scene.seen().await), (1 + at, 1 + at), "{kind}");
        }
    }
}

/// Fault 38.
#[tokio::test]
async fn unknown_code_is_tried_again_where_a_repeat_is_dropped() {
    for kind in REPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        for (at, code) in UNKNOWN.into_iter().enumerate() {
            if at > 0 {
                scene.allow().await;
            }
            scene.world.wechat.forget_calls().await;
            scene.fault(json!({ "errcode": code, "after": true, "times": 3 })).await;
            let id = format!("order-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "retrying", "{kind} {code}: {report}");
            assert_eq!(report["code"], code, "{report}");
            scene.later(&id).await;
            assert_eq!(scene.status(&id).await, "delivered", "{kind} {code}");
            assert_eq!((scene.calls().await, scene.seen().await), (4, 1 + at), "{kind} {code}");
        }
    }
}

/// Fault 40.
#[tokio::test]
async fn code_that_says_how_long_is_waited_for() {
    for kind in ["template", "subscribe", "customer_service"] {
        let scene = ChannelScenario::new(kind).await;
        for (at, code) in [43117, 40241].into_iter().enumerate() {
            if at > 0 {
                scene.allow().await;
            }
            scene.world.wechat.forget_calls().await;
            scene.fault(json!({ "errcode": code })).await;
            let id = format!("order-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "retrying", "{kind} {code}: {report}");
            assert!(report["advice"].is_string(), "{report}");
            let wait = seconds_until(&report, scene.world.wechat.now().await);
            assert!((59..=120).contains(&wait), "{kind} {code}: {report}");
            scene.later(&id).await;
            assert_ne!(scene.status(&id).await, "retrying", "{kind} {code}");
            assert_eq!((scene.calls().await, scene.seen().await), (2, 1 + at), "{kind} {code}");
        }
    }
}

#[tokio::test]
async fn listed_refusal_is_final_and_has_advice() {
    for (kind, code, word) in [
        ("template", 40165, "released version"),
        ("template", 40013, "关联"),
        ("template", 45166, "text"),
        ("subscribe", 41009, "openid"),
        ("customer_service", 44004, "no text"),
        ("customer_service", 45003, "too long"),
        ("legacy_template", 48003, "mass messages"),
    ] {
        let scene = ChannelScenario::new(kind).await;
        scene.fault(json!({ "errcode": code })).await;
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], "failed", "{kind} {code}: {report}");
        let skipped = &report["skipped"][0];
        assert_eq!(skipped["code"], code, "{report}");
        assert!(skipped["advice"].as_str().unwrap().contains(word), "{code}: {report}");
        assert_eq!((scene.calls().await, scene.seen().await), (1, 0), "{kind} {code}");
    }
}

/// A scene whose message opens a mini program, and a web page where that can't be opened.
async fn with_jump(kind: &'static str, page: bool) -> ChannelScenario {
    let scene = ChannelScenario::new(kind).await;
    let mut template = scene.world.parameter("templates/any_way");
    let channels = template["channels"].as_array_mut().unwrap();
    let channel = channels.iter_mut().find(|channel| channel["channel"] == kind).unwrap();
    channel["mini_program"] = json!({ "app": "shop-mini", "page": "pages/order" });
    if page {
        let name = if kind == "bizsend" { "page" } else { "url" };
        channel[name] = json!("https://shop.example.com/orders");
    }
    scene.world.set_parameter("templates/any_way", &template);
    scene
}

#[tokio::test]
async fn web_page_is_opened_when_the_mini_program_is_refused() {
    for (kind, code) in
        [("template", 40013), ("template", 40165), ("template", 40166), ("bizsend", 40013)]
    {
        let scene = with_jump(kind, true).await;
        scene.fault(json!({ "errcode": code })).await;
        let report = scene.send("order-1").await;
        assert_eq!(report["outcome"], "sent", "{kind} {code}: {report}");
        assert_eq!(report["code"], code, "{report}");
        assert!(report["reason"].as_str().unwrap().contains("web page"), "{report}");
        assert!(report["advice"].is_string(), "{report}");
        let calls = scene.world.wechat.calls(scene.path).await;
        let jump = |call: &Value| call["body"].to_string().contains("miniprogram");
        let jumps: Vec<_> = calls.iter().map(jump).collect();
        assert_eq!(jumps, [true, false], "{kind} {code}: {calls:?}");
        let shown = scene.world.phone("ann").screen().await;
        assert_eq!(shown.last().unwrap()["jump"]["url"], "https://shop.example.com/orders");
        assert_eq!(scene.seen().await, 1, "{kind} {code}");
        scene.world.idle().await;
        assert_eq!(scene.status("order-1").await, "delivered");
    }
}

#[tokio::test]
async fn template_check_tells_of_a_mini_program_that_wechat_refused() {
    let scene = with_jump("template", true).await;
    let check = async || {
        let check = json!({ "check_templates": { "templates": ["any_way"] } });
        let answer = scene.world.invoke("send", &check).await.unwrap();
        let all = answer["differences"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|it| it["problem"].as_str().unwrap().contains("refused this mini program"))
            .collect::<Vec<_>>()
    };
    assert_eq!(check().await, [Value::Null; 0]);
    scene.fault(json!({ "errcode": 40013 })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "sent");
    let told = check().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["app"], &told[0]["channel"]), (&json!("shop-mini"), &json!("template")));
    assert!(told[0]["advice"].as_str().unwrap().contains("关联"), "{told:?}");
}

#[tokio::test]
async fn message_is_refused_with_its_mini_program_when_there_is_no_web_page() {
    let scene = with_jump("template", false).await;
    scene.fault(json!({ "errcode": 40013 })).await;
    let report = scene.send("order-1").await;
    assert_eq!(report["outcome"], "failed", "{report}");
    assert!(report["skipped"][0]["advice"].as_str().unwrap().contains("关联"), "{report}");
    // Another refusal is none of the mini program.
    let scene = with_jump("template", true).await;
    scene.fault(json!({ "errcode": 40037 })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "failed");
    assert_eq!(scene.calls().await, 1);
    // What was in doubt before is no refusal of the mini program alone, but a repeat of the
    // same message, which WeChat drops.
    let scene = with_jump("template", true).await;
    scene.fault(json!({ "errcode": -1, "after": true })).await;
    scene.fault(json!({ "errcode": 40013 })).await;
    let report = scene.send("order-1").await;
    assert!(["sent", "delivered"].contains(&report["outcome"].as_str().unwrap()), "{report}");
    assert_eq!((scene.calls().await, scene.seen().await), (3, 1));
}

/// What a repeated request is answered after WeChat's receipt of a template message.
async fn after_receipt(status: &str) -> (World, Value) {
    let scene = ChannelScenario::new("template").await;
    // WeChat accepts it, and its own receipt is the one of below.
    let accepted = r#"{"errcode":0,"errmsg":"ok","msgid":4711}"#;
    scene.fault(json!({ "body": accepted })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "sent");
    let message = json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH",
        "MsgID": 4711, "Status": status });
    scene.world.wechat.push(json!({ "app": "shop", "message": message })).await;
    scene.world.idle().await;
    let report = scene.send("order-1").await;
    assert_eq!(scene.calls().await, 1, "nothing more is sent");
    (scene.world, report)
}

#[tokio::test]
async fn failed_receipt_is_final_and_has_advice() {
    for (status, outcome, reason, advice) in [
        ("failed:freq limit", "failed", "failed:freq limit", "fewer messages"),
        ("failed: system failed", "failed", "failed: system failed", "new id"),
        ("failed: a new reason", "failed", "failed: a new reason", "not known"),
        ("failed:user block", "blocked", "the person rejects", "another channel"),
    ] {
        let (world, report) = after_receipt(status).await;
        assert_eq!(report["outcome"], outcome, "{status}: {report}");
        assert!(report["reason"].as_str().unwrap().contains(reason), "{status}: {report}");
        assert!(report["advice"].as_str().unwrap().contains(advice), "{status}: {report}");
        assert_eq!(world.metrics("receipts")[0].dimension("outcome"), outcome);
    }
}

#[tokio::test]
async fn unknown_receipt_is_kept_with_its_text() {
    let (world, report) = after_receipt("on hold").await;
    assert_eq!(report["outcome"], "sent", "{report}");
    assert_eq!(report["reason"], "on hold", "{report}");
    assert!(report["advice"].as_str().unwrap().contains("not known"), "{report}");
    assert_eq!(world.metrics("receipts")[0].dimension("outcome"), "unknown");
    // A second receipt that says more counts.
    let message = json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH",
        "MsgID": 4711, "Status": "success" });
    world.wechat.push(json!({ "app": "shop", "message": message })).await;
    world.idle().await;
    assert_eq!(world.aws.row("notifications", "id", "order-1").await["status"], "delivered");
}
