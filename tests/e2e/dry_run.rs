//! What would be sent, without sending it.

use crate::world::{World, order};
use serde_json::{Value, json};
use shared::clock::Timestamp;

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";
const SHOP_NOTIFICATION: &str = "SandboxTemplateOfShop-order-arrived-0000001";
const MINI_ONE_TIME: &str = "SandboxTemplateOfMini-order-shipped-0000001";
const MINI_LEGACY: &str = "SandboxTemplateOfMini-order-receipt-0000001";

fn dry(mut request: Value) -> Value {
    request["dry_run"] = true.into();
    request
}

fn through(mut request: Value, channels: &[&str]) -> Value {
    request["channels"] = json!(channels);
    request
}

/// All that is stored, in a settled order.
async fn everything(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["users", "mappings", "notifications", "events"] {
        rows.extend(world.aws.rows(table).await.iter().map(|row| format!("{table} {row}")));
    }
    rows.sort();
    rows
}

/// What WeChat was asked to send.
async fn sends(world: &World) -> usize {
    let calls = world.wechat.get("calls").await;
    let calls = calls["calls"].as_array().unwrap();
    calls.iter().filter(|call| call["path"].as_str().unwrap().contains("/message/")).count()
}

/// Makes a dry run of a request, and checks that it has no effect.
async fn would(world: &World, request: &Value) -> Vec<Value> {
    let (before, sent) = (everything(world).await, sends(world).await);
    let reports = world.send_to_several(&dry(request.clone())).await;
    assert_eq!(everything(world).await, before, "a dry run has left something");
    assert_eq!(sends(world).await, sent, "a dry run has sent something");
    reports
}

async fn would_one(world: &World, request: &Value) -> Value {
    let mut reports = would(world, request).await;
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// A world in which ann can be reached through every channel of the template
/// `all`; and she as a recipient.
async fn reachable() -> (World, Value) {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    let data = json!({ "thing1": "{product}", "time2": "{time}" });
    let card = |kind: &str, app: &str, id: &str| json!({ "channel": kind, "app": app, "template_id": id, "data": data });
    let mut legacy = card("legacy_template", "shop-mini", MINI_LEGACY);
    legacy["data"] = json!({ "keyword1": "{product}", "keyword2": "199元" });
    let all = json!({ "fields": ["product", "time"], "channels": [
        card("template", "shop", SHOP_TEMPLATE),
        card("subscribe", "shop-mini", MINI_ONE_TIME),
        card("bizsend", "shop", SHOP_NOTIFICATION),
        { "channel": "customer_service", "app": "shop", "text": "{product} {time}" },
        legacy,
    ] });
    world.set_parameter("templates/all", &all);
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.consent("shop", "order_arrived", true).await;
    ann.message("shop", "Hello?").await;
    let session = ann.log_in("shop-mini").await;
    let form = world.wechat.post("people/ann/submit", &json!({ "app": "shop-mini" })).await;
    let body = json!({ "app": "shop-mini", "form_ids": [form["form_id"]] });
    let request = world.client.post(world.url("/form-ids")).json(&body);
    let request = request.bearer_auth(session["access_token"].as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 200);
    (world, to)
}

const CHANNELS: [&str; 5] =
    ["template", "subscribe", "bizsend", "customer_service", "legacy_template"];

#[tokio::test]
async fn dry_run_of_each_channel_shows_what_is_sent_then() {
    let (world, to) = reachable().await;
    let paths = [
        TEMPLATE_SEND,
        "/cgi-bin/message/subscribe/send",
        "/cgi-bin/message/subscribe/bizsend",
        "/cgi-bin/message/custom/send",
        "/cgi-bin/message/wxopen/template/send",
    ];
    for (channel, path) in CHANNELS.into_iter().zip(paths) {
        let mut request = through(order(channel, to.clone()), &[channel]);
        request["template"] = "all".into();
        let would = would_one(&world, &request).await;
        assert_eq!(
            (&would["outcome"], &would["channel"]),
            (&json!("would_send"), &json!(channel)),
            "{would}"
        );
        let message = would["message"].clone();
        assert!(message.to_string().contains("Blue kettle"), "{would}");
        for hidden in ["touser", "client_msg_id", "form_id"] {
            assert!(!would.to_string().contains(hidden), "{hidden}: {would}");
        }
        let ann = world.phone("ann");
        for app in ["shop", "shop-mini"] {
            assert!(!would.to_string().contains(&ann.open_id(app).await), "{would}");
        }

        let report = world.send(&request).await;
        assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &would["channel"]));
        let call = world.wechat.calls(path).await.remove(0);
        let mut sent = call["body"].as_object().unwrap().clone();
        sent.retain(|name, _| !["touser", "client_msg_id", "form_id"].contains(&name.as_str()));
        assert_eq!(Value::Object(sent), message, "{channel}");
    }
}

#[tokio::test]
async fn dry_run_gives_the_reason_for_each_skipped_channel() {
    let (world, to) = reachable().await;
    let mut request = order("order-1", to.clone());
    request["template"] = "all".into();
    let report = would_one(&world, &request).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("would_send"), &json!("template"))
    );
    let fallbacks = report["fallbacks"].as_array().unwrap();
    let names: Vec<_> = fallbacks.iter().map(|it| it["channel"].as_str().unwrap()).collect();
    assert_eq!(names, CHANNELS[1..]);
    assert!(fallbacks.iter().all(|it| it.get("reason").is_none()), "each would do: {report}");
    assert!(report.get("skipped").is_none(), "{report}");

    let ann = world.phone("ann");
    ann.unfollow("shop").await;
    ann.consent("shop", "order_arrived", true).await;
    ann.withdraw("shop-mini", "order_shipped").await;
    let report = would_one(&world, &request).await;
    assert_eq!(report["channel"], "bizsend", "{report}");
    let why = |list: &str| -> Vec<(String, String)> {
        let found = report[list].as_array().unwrap();
        let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
        found.iter().map(|it| (text(it, "channel"), text(it, "reason"))).collect()
    };
    let passed = why("skipped");
    assert!(passed[0].1.contains("does not follow"), "{passed:?}");
    assert!(passed[1].1.contains("has not consented"), "{passed:?}");
    let rest = why("fallbacks");
    assert_eq!(rest[0].0, "customer_service");
    assert!(rest[0].1.contains("does not follow"), "{rest:?}");
    assert_eq!(rest[1], ("legacy_template".to_owned(), String::new()));

    // When none does, it says what sending would say.
    for (id, channels, outcome) in [
        ("a", &["subscribe"][..], "no_consent"),
        ("b", &["template"], "unreachable"),
        ("c", &[], "unreachable"),
    ] {
        let mut request = through(order(id, to.clone()), channels);
        request["template"] = "all".into();
        let would = would_one(&world, &request).await;
        assert_eq!(would["outcome"], outcome, "{would}");
        assert!(would["reason"].is_string());
        let sent = world.send(&request).await;
        for name in ["outcome", "reason", "skipped"] {
            assert_eq!(sent[name], would[name], "{name}");
        }
    }
}

#[tokio::test]
async fn dry_run_reports_invalid_values() {
    let (world, to) = World::with_ann().await;
    let mut long = through(order("order-1", to.clone()), &["template"]);
    long["data"]["product"] = "A kettle of a very long name indeed".into();
    let report = would_one(&world, &long).await;
    assert_eq!(report["outcome"], "failed");
    let passed = &report["skipped"][0];
    assert!(passed["reason"].as_str().unwrap().contains("thing1"), "{passed}");
    assert!(passed["advice"].is_string(), "{passed}");
    assert!(!report.to_string().contains("kettle"), "{report}");
    let mut unknown = order("order-1", to.clone());
    unknown["template"] = "order_lost".into();
    let mut extra = order("order-1", to.clone());
    extra["data"]["colour"] = "blue".into();
    let mut past = order("order-1", to);
    past["expires_at"] = (Timestamp::now().0 - 1).into();
    assert_eq!(would_one(&world, &past).await["outcome"], "expired");
    for (request, field) in [(unknown, "template"), (extra, "data.colour")] {
        let (kind, message) = world.refused(&dry(request)).await;
        assert_eq!(kind, "InvalidRequest");
        assert!(message.contains(field), "{message}");
    }
    assert!(world.aws.rows("notifications").await.is_empty());
}

#[tokio::test]
async fn dry_run_of_a_known_id_reports_its_status() {
    let (world, to) = World::with_ann().await;
    let sent = order("sent", to.clone());
    world.send(&sent).await;
    let mut scheduled = order("scheduled", to.clone());
    scheduled["send_at"] = (Timestamp::now().0 + 3600).into();
    let would = would_one(&world, &scheduled).await;
    assert_eq!(
        (&would["outcome"], &would["retry_at"]),
        (&json!("would_send"), &scheduled["send_at"])
    );
    world.send(&scheduled).await;
    let cancelled = {
        let mut request = scheduled.clone();
        request["id"] = "cancelled".into();
        world.send(&request).await;
        world.invoke("send", &json!({ "cancel": { "id": "cancelled" } })).await.unwrap();
        request
    };
    for (request, outcome) in
        [(&sent, "delivered"), (&scheduled, "scheduled"), (&cancelled, "cancelled")]
    {
        let report = would_one(&world, request).await;
        assert_eq!(report["outcome"], outcome, "{report}");
        assert_eq!(report, world.send(request).await, "as for a duplicate request");
        let mut other = request.clone();
        other["data"]["product"] = "Red kettle".into();
        let (kind, message) = world.refused(&dry(other)).await;
        assert_eq!(kind, "Conflict");
        assert!(message.contains(request["id"].as_str().unwrap()), "{message}");
    }
    // A dry run stores no notification.
    let asked = order("asked", to);
    would_one(&world, &asked).await;
    assert_eq!(world.send(&asked).await["outcome"], "sent");
}

#[tokio::test]
async fn dry_run_reports_each_recipient() {
    let (world, ann) = World::with_ann().await;
    world.phone("bob").log_in("shop-mini").await;
    let to = json!([ann, { "account": "bob" }, { "account": "unknown" }]);
    let request = order("sale", to);
    let reports = would(&world, &request).await;
    let told: Vec<_> = reports.iter().map(|it| (it["id"].clone(), it["outcome"].clone())).collect();
    let expected = [("sale#0", "would_send"), ("sale#1", "no_consent"), ("sale#2", "unreachable")];
    assert_eq!(told, expected.map(|(id, outcome)| (json!(id), json!(outcome))));
    let sent = world.send_to_several(&request).await;
    let outcomes: Vec<_> = sent.iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["sent", "no_consent", "unreachable"]);
    let again = would(&world, &request).await;
    assert_eq!(again[0]["outcome"], "delivered");

    let mut other = request;
    other["dry_run"] = json!(true);
    other["to"][1] = json!({ "account": "carol" });
    let (kind, message) = world.refused(&other).await;
    assert_eq!(kind, "Conflict", "{message}");
}

#[tokio::test]
async fn dry_run_reports_an_open_circuit() {
    let (world, to) = World::with_ann().await;
    for (errcode, quota) in [(45011, "the minute's quota"), (45009, "the day's quota")] {
        world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": errcode })).await;
        let first = through(order(&format!("first-{errcode}"), to.clone()), &["template"]);
        let waiting = world.send(&first).await;
        assert_eq!(waiting["outcome"], "retrying", "{waiting}");
        let next = order(&format!("next-{errcode}"), to.clone());
        let report = would_one(&world, &next).await;
        assert_eq!(report["channel"], "template", "{report}");
        // With the next minute its rest is over.
        if errcode == 45009 || report["reason"].is_string() {
            let reason = report["reason"].as_str().unwrap();
            assert!(reason.contains(quota) && reason.contains("shop"), "{reason}");
            assert!(report["retry_at"].as_u64().unwrap() > Timestamp::now().0, "{report}");
        }
        // Another process knows only of the day's.
        world.cloud.kill(&world.cloud.function("send")).await.unwrap();
        let again = would_one(&world, &next).await;
        if errcode == 45009 {
            assert_eq!((report["retry_at"].as_u64().unwrap() + 8 * 3600) % 86_400, 0, "{report}");
            assert_eq!(again["retry_at"], report["retry_at"], "{again}");
        } else {
            assert_eq!(
                (&again["outcome"], &again["retry_at"]),
                (&json!("would_send"), &Value::Null)
            );
        }
    }
}
