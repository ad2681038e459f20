//! What may have been sent is sent again only as it was; and who asks again is
//! returned the outcome.

use crate::channel_scenario::{ChannelScenario, UNREPEATABLE};
use crate::world::World;
use serde_json::{Value, json};

const TEMPLATE: &str = "templates/any_way";

/// A template message that WeChat has taken on without saying so, for ann, whom
/// every other channel would reach as well; and the request.
async fn perhaps_sent() -> (ChannelScenario, Value) {
    let scene = ChannelScenario::new("template").await;
    for kind in UNREPEATABLE.into_iter().chain(["bizsend"]) {
        scene.allow_one_more(kind).await;
    }
    scene.fault(json!({ "reset": true, "after": true, "times": 3 })).await;
    let mut request = scene.request("order-1");
    request.as_object_mut().unwrap().remove("channels");
    let report = scene.world.send(&request).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert_eq!((scene.calls().await, scene.seen().await), (3, 1));
    (scene, request)
}

/// It stays unknown whether it was sent, and nothing else is.
async fn assert_left_alone(scene: &ChannelScenario, request: &Value, why: &str) {
    // A template that was read is used for a minute.
    scene.kill().await;
    scene.later("order-1").await;
    if scene.status("order-1").await == "retrying" {
        // An operator may fix the template while WeChat would recognise a repeat.
        scene.world.aws.set_time("order-1", "intent_at", 0).await;
        scene.later("order-1").await;
    }
    assert_eq!(scene.status("order-1").await, "ambiguous", "{why}");
    assert_eq!((scene.calls().await, scene.seen().await), (3, 1), "{why}");
    if let Ok(answer) = scene.world.invoke("send", request).await {
        assert_eq!(answer["notifications"][0]["outcome"], "ambiguous", "{answer}");
    }
    scene.later("order-1").await;
    assert_eq!(scene.seen().await, 1, "{why}");
}

/// Fault 53.
#[tokio::test]
async fn retry_uses_no_other_channel_when_the_recipient_unfollows() {
    let (scene, request) = perhaps_sent().await;
    scene.world.phone("ann").unfollow("shop").await;
    assert_left_alone(&scene, &request, "she doesn't follow any more").await;
    let report = scene.world.send(&request).await;
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("perhaps sent") && reason.contains("not follow"), "{report}");
}

#[tokio::test]
async fn retry_uses_no_other_channel_when_the_template_changes() {
    type Edit = fn(&mut Value);
    let changes: [(&str, Edit); 5] = [
        ("it has lost the channel", |template| {
            template["channels"].as_array_mut().unwrap().remove(0);
        }),
        ("it names another of WeChat's templates", |template| {
            template["channels"][0]["template_id"] = template["channels"][1]["template_id"].clone();
        }),
        ("its data don't fit any more", |template| {
            template["channels"][0]["data"]["time2"] = json!("{product}");
        }),
        ("it has another field", |template| {
            template["fields"] = json!(["product", "time", "colour"]);
        }),
        ("it isn't readable", |template| *template = json!("?")),
    ];
    for (why, change) in changes {
        let (scene, request) = perhaps_sent().await;
        let mut template = scene.world.parameter(TEMPLATE);
        change(&mut template);
        scene.world.set_parameter(TEMPLATE, &template);
        assert_left_alone(&scene, &request, why).await;
    }
    let (scene, request) = perhaps_sent().await;
    scene.world.aws.delete_parameter(TEMPLATE).await;
    assert_left_alone(&scene, &request, "it is gone").await;
}

#[tokio::test]
async fn notification_is_not_expired_when_it_may_have_been_sent() {
    let scene = ChannelScenario::new("template").await;
    let mut request = scene.request("order-1");
    let expires = scene.world.wechat.now().await + 20;
    request["expires_at"] = json!(expires);
    scene.fault(json!({ "reset": true, "after": true, "times": 3 })).await;
    let report = scene.world.send(&request).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    let over = || shared::clock::Timestamp::now().0 > expires;
    scene.world.until("it has expired", over).await;
    scene.later("order-1").await;
    assert_eq!(scene.status("order-1").await, "ambiguous");
    assert_eq!((scene.calls().await, scene.seen().await), (3, 1));
}

/// A token that is dead and can't be had again is a reason to take the next
/// channel only where nothing may have been sent.
#[tokio::test]
async fn retry_uses_no_other_channel_when_the_token_became_invalid() {
    let scene = ChannelScenario::new("template").await;
    scene.allow_one_more("subscribe").await;
    let mut request = scene.request("order-1");
    request.as_object_mut().unwrap().remove("channels");
    scene.world.set_parameter("secrets/shop", "0123456789abcdef0123456789abcdef");
    scene.fault(json!({ "errcode": -1, "after": true })).await;
    scene.fault(json!({ "errcode": 40001 })).await;
    let report = scene.world.send(&request).await;
    assert_eq!(scene.seen().await, 1, "{report}");
    assert_eq!(report["outcome"], "retrying", "{report}");
    scene.world.wechat.heal().await;
    scene.later("order-1").await;
    assert_eq!(scene.seen().await, 1);
}

fn with(request: &Value, field: &str, value: Value) -> Value {
    let mut request = request.clone();
    request[field] = value;
    request
}

/// Fault 45.
#[tokio::test]
async fn id_is_bound_to_one_content_after_any_outcome() {
    let scene = ChannelScenario::new("template").await;
    let now = scene.world.wechat.now().await;
    let first = scene.request("order-1");
    let later = with(&scene.request("order-2"), "send_at", json!(now + 3600));
    assert_eq!(scene.world.send(&first).await["outcome"], "sent");
    assert_eq!(scene.world.send(&later).await["outcome"], "scheduled");
    let other = json!({ "product": "Red kettle", "time": "2026-11-20 15:04" });
    for request in [&first, &later] {
        for (field, value) in [
            ("data", other.clone()),
            ("to", json!({ "account": "bob" })),
            ("send_at", json!(now + 7200)),
            ("expires_at", json!(now + 7200)),
            ("channels", json!(["template", "subscribe"])),
            ("channels", Value::Null),
            ("template", json!("order_shipped")),
        ] {
            let other = with(request, field, value);
            let (kind, message) = scene.world.refused(&other).await;
            assert_eq!(kind, "Conflict", "{field}: {message}");
            let id = request["id"].as_str().unwrap();
            assert!(message.contains(id) && message.contains("new id"), "{message}");
        }
    }
    assert_eq!(scene.world.send(&first).await["outcome"], "delivered");
    assert_eq!(scene.world.send(&later).await["outcome"], "scheduled");
    assert_eq!(scene.calls().await, 1);
}

#[tokio::test]
async fn id_is_bound_to_one_list_of_recipients() {
    let scene = ChannelScenario::new("template").await;
    let world = &scene.world;
    let one = scene.request("order-1")["to"].clone();
    let several = |id: &str, many: usize| with(&scene.request(id), "to", json!(vec![&one; many]));
    let outcomes = async |request: &Value| {
        let reports = world.send_to_several(request).await;
        reports.iter().map(|it| it["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&several("sale", 2)).await, ["sent", "sent"]);
    assert_eq!(world.send(&scene.request("order-1")).await["outcome"], "sent");
    let calls = scene.calls().await;
    let mut moved = several("sale", 2);
    moved["to"][1] = json!({ "account": "bob" });
    let one_of = |id| with(&scene.request(id), "to", json!([&one]));
    for other in [several("sale", 3), one_of("sale"), moved, several("order-1", 2)] {
        let (kind, message) = world.refused(&other).await;
        assert_eq!(kind, "Conflict", "{message}");
    }
    assert_eq!(outcomes(&several("sale", 2)).await, ["delivered", "delivered"]);
    assert_eq!(scene.calls().await, calls, "a conflict causes no call");
}

/// Asks twice more: the answer, and nothing more happens.
async fn asked_again(scene: &ChannelScenario, request: &Value) -> Value {
    let calls = scene.calls().await;
    let report = scene.world.send(request).await;
    scene.later(report["id"].as_str().unwrap()).await;
    assert_eq!(scene.world.send(request).await, report, "it stays as it is");
    assert_eq!(scene.calls().await, calls);
    report
}

#[tokio::test]
async fn duplicate_request_returns_the_same_final_report() {
    let scene = ChannelScenario::new("subscribe").await;
    let no_consent = scene.request("no-consent");
    let sent = scene.request("sent");
    assert_eq!(scene.world.send(&sent).await["outcome"], "sent");
    assert_eq!(asked_again(&scene, &sent).await["outcome"], "delivered");
    let mut unfit = scene.request("failed");
    unfit["data"]["time"] = json!("soon");
    let mut unknown = scene.request("no-route");
    unknown["to"] = json!({ "account": "unknown" });
    for (request, outcome) in
        [(no_consent, "no_consent"), (unfit, "failed"), (unknown, "unreachable")]
    {
        let report = scene.world.send(&request).await;
        assert_eq!(report["outcome"], outcome, "{report}");
        assert!(report["reason"].is_string(), "{report}");
        assert_eq!(asked_again(&scene, &request).await, report);
    }

    // A consent that comes now is for what is asked for now.
    scene.allow().await;
    let report = scene.world.send(&scene.request("no-consent")).await;
    assert_eq!(report["outcome"], "no_consent", "{report}");

    let now = scene.world.wechat.now().await;
    let request = with(&scene.request("cancelled"), "send_at", json!(now + 3600));
    assert_eq!(scene.world.send(&request).await["outcome"], "scheduled");
    let cancel = json!({ "cancel": { "id": "cancelled" } });
    scene.world.invoke("send", &cancel).await.unwrap();
    assert_eq!(asked_again(&scene, &request).await["outcome"], "cancelled");

    scene.fault(json!({ "errcode": -1 })).await;
    let request = scene.request("ambiguous");
    assert_eq!(scene.world.send(&request).await["outcome"], "ambiguous");
    assert_eq!(asked_again(&scene, &request).await["outcome"], "ambiguous");
    assert_eq!(scene.seen().await, 1);
}

#[tokio::test]
async fn expired_notification_is_not_sent_and_stays_expired() {
    let world = World::start().await;
    let scene = ChannelScenario::within(world, "template").await;
    let expires = scene.world.wechat.now().await + 15;
    let request = with(&scene.request("order-1"), "expires_at", json!(expires));
    scene.fault(json!({ "errcode": 45011 })).await;
    assert_eq!(scene.world.send(&request).await["outcome"], "retrying");
    let over = || shared::clock::Timestamp::now().0 > expires;
    scene.world.until("it has expired", over).await;
    scene.later("order-1").await;
    assert_eq!(scene.status("order-1").await, "expired");
    assert_eq!((scene.calls().await, scene.seen().await), (1, 0));
    assert_eq!(asked_again(&scene, &request).await["outcome"], "expired");

    // What lay on the queue for too long.
    let late = with(&scene.request("order-2"), "expires_at", json!(expires));
    let dry = scene.world.send(&with(&late, "dry_run", json!(true))).await;
    assert_eq!(dry["outcome"], "expired", "{dry}");
    scene.world.queue(&late).await;
    assert_eq!(scene.status("order-2").await, "expired");
    assert_eq!((scene.calls().await, scene.seen().await), (1, 0));
}
