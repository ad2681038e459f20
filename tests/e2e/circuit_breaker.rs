//! An app has used up the day's quota of one of WeChat's APIs: that one `open_circuit`.

use crate::channel_scenario::ChannelScenario;
use crate::world::order;
use serde_json::{Value, json};

/// As it is named in the row that all functions share.
const REST: &str = "wx0000000000005a01 /cgi-bin/message/template/send";

/// A scene in which template messages rest, and nothing else; the first one made
/// the only call.
async fn with_open_circuit() -> ChannelScenario {
    let scene = ChannelScenario::new("template").await;
    scene.fault(json!({ "errcode": 45009, "times": 1000 })).await;
    let report = scene.send("first").await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert_eq!(scene.calls().await, 1);
    scene
}

/// A fresh environment, five hours after the last one tried.
async fn five_hours_later(scene: &ChannelScenario) {
    let then = scene.world.wechat.now().await - 5 * 3600;
    scene.world.aws.set_time("circuit#", &format!("probed {REST}"), then).await;
    scene.kill().await;
}

async fn open_circuit(scene: &ChannelScenario) -> Value {
    scene.world.aws.row("notifications", "id", "circuit#").await
}

/// Fault 39.
#[tokio::test]
async fn circuit_stays_open_until_midnight_in_china_when_the_quota_is_exhausted() {
    let scene = with_open_circuit().await;
    let requests: Vec<_> = (0..50).map(|at| scene.request(&format!("order-{at}"))).collect();
    for report in scene.world.send_at_once(&requests).await {
        assert_eq!(report["outcome"], "retrying", "{report}");
        assert_eq!((report["retry_at"].as_u64().unwrap() + 8 * 3600) % 86_400, 0, "{report}");
        assert!(report["reason"].as_str().unwrap().contains("quota"), "{report}");
    }
    let calls = scene.calls().await;
    assert!(calls <= 5, "{calls} calls");
    let alarms = scene.world.lines();
    let alarms = alarms.iter().filter(|line| line.contains("ERROR") && line.contains("quota"));
    assert!(alarms.count() <= calls, "one alarm for each that WeChat told, and no more");

    // The same app through another API, and another app.
    scene.allow_one_more("customer_service").await;
    scene.allow_one_more("subscribe").await;
    for kind in ["customer_service", "subscribe"] {
        let mut request = scene.request(kind);
        request["channels"] = json!([kind]);
        assert_eq!(scene.world.send(&request).await["outcome"], "sent", "{kind}");
    }
    assert_eq!(scene.calls().await, calls);
}

/// Fault 39.
#[tokio::test]
async fn environment_with_a_stale_cache_makes_one_call() {
    let scene = ChannelScenario::new("template").await;
    // Ten at once, so that there are up to ten environments, which have just looked.
    let warm: Vec<_> = (0..10).map(|at| scene.request(&format!("warm-{at}"))).collect();
    scene.world.send_at_once(&warm).await;
    scene.world.wechat.forget_calls().await;
    scene.fault(json!({ "errcode": 45009, "times": 1000 })).await;
    scene.send("first").await;
    for round in 0..3 {
        let requests: Vec<_> = (0..50).map(|at| scene.request(&format!("{round}-{at}"))).collect();
        scene.world.send_at_once(&requests).await;
    }
    let calls = scene.calls().await;
    assert!(calls <= 10, "{calls} calls of 151 notifications");
    assert_eq!(scene.seen().await, 10);
}

#[tokio::test]
async fn new_environment_reads_the_open_circuit() {
    let scene = with_open_circuit().await;
    scene.kill().await;
    assert_eq!(scene.send("order-1").await["outcome"], "retrying");
    let to = json!([{ "account": "ann" }, { "account": "ann" }, { "account": "ann" }]);
    let mut request = order("order-2", to);
    request["channels"] = json!(["template"]);
    for report in scene.world.send_to_several(&request).await {
        assert_eq!(report["outcome"], "retrying", "{report}");
    }
    scene.world.queue(&scene.request("order-3")).await;
    assert_eq!(scene.status("order-3").await, "retrying");
    assert_eq!(scene.calls().await, 1);
}

#[tokio::test]
async fn half_open_probe_runs_every_five_hours_and_closes_the_circuit() {
    let scene = with_open_circuit().await;
    // Still exhausted: one call, and the circuit stays open.
    five_hours_later(&scene).await;
    for id in ["order-1", "order-2", "order-3"] {
        assert_eq!(scene.send(id).await["outcome"], "retrying", "{id}");
    }
    assert_eq!(scene.calls().await, 2);

    // An operator has cleared it.
    scene.world.wechat.heal().await;
    assert_eq!(scene.send("order-4").await["outcome"], "retrying", "no environment knows");
    five_hours_later(&scene).await;
    assert_eq!(scene.send("order-5").await["outcome"], "sent");
    assert_eq!(scene.send("order-6").await["outcome"], "sent");
    let left = open_circuit(&scene).await;
    assert_eq!(left.as_object().unwrap().len(), 1, "{left}");
    assert_eq!((scene.calls().await, scene.seen().await), (4, 2));
}

#[tokio::test]
async fn half_open_probe_closes_the_circuit_when_only_the_recipient_is_refused() {
    let scene = with_open_circuit().await;
    scene.world.wechat.heal().await;
    five_hours_later(&scene).await;
    scene.fault(json!({ "errcode": 43004 })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "unreachable");
    assert_eq!(scene.send("order-2").await["outcome"], "sent");
}

#[tokio::test]
async fn one_of_many_concurrent_attempts_probes() {
    let scene = with_open_circuit().await;
    five_hours_later(&scene).await;
    let requests: Vec<_> = (0..10).map(|at| scene.request(&format!("order-{at}"))).collect();
    scene.world.send_at_once(&requests).await;
    assert_eq!(scene.calls().await, 2);
}
