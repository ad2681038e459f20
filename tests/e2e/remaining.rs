//! How many messages can still be sent to a person.

use crate::world::{World, order};
use serde_json::{Value, json};

const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";
const SHOP_NOTIFICATION: &str = "SandboxTemplateOfShop-order-arrived-0000001";
const MINI_ONE_TIME: &str = "SandboxTemplateOfMini-order-shipped-0000001";
const MINI_LONG_TERM: &str = "SandboxTemplateOfMini-order-delayed-0000001";
const MINI_LEGACY: &str = "SandboxTemplateOfMini-order-receipt-0000001";

async fn query(world: &World, asked: Value) -> Value {
    let answer = world.invoke("send", &json!({ "remaining": asked })).await;
    answer.unwrap_or_else(|error| panic!("{error}"))
}

/// What remains in each app.
async fn in_apps(world: &World, to: &Value) -> Value {
    query(world, json!({ "to": to })).await["apps"].take()
}

/// The remaining sends through each channel of a template.
async fn through(world: &World, template: &str, to: &Value) -> Vec<(String, Value)> {
    let answer = query(world, json!({ "to": to, "template": template })).await;
    let channels = answer["channels"].as_array().unwrap();
    channels
        .iter()
        .map(|it| (it["channel"].as_str().unwrap().to_owned(), it["sends"].clone()))
        .collect()
}

fn request_for(template: &str, id: &str, to: &Value, channel: &str) -> Value {
    let mut request = order(id, to.clone());
    request["template"] = template.into();
    request["channels"] = json!([channel]);
    request
}

/// A template with every channel there is.
fn register_all(world: &World) {
    let data = json!({ "thing1": "{product}", "time2": "{time}" });
    let card = |kind: &str, app: &str, id: &str| json!({ "channel": kind, "app": app, "template_id": id, "data": data });
    let mut long_term = card("subscribe", "shop-mini", MINI_LONG_TERM);
    long_term["long_term"] = true.into();
    let mut legacy = card("legacy_template", "shop-mini", MINI_LEGACY);
    legacy["data"] = json!({ "keyword1": "{product}", "keyword2": "{time}" });
    let all = json!({ "fields": ["product", "time"], "channels": [
        card("template", "shop", SHOP_TEMPLATE),
        card("subscribe", "shop-mini", MINI_ONE_TIME),
        long_term,
        card("bizsend", "shop", SHOP_NOTIFICATION),
        { "channel": "customer_service", "app": "shop", "text": "{product} {time}" },
        { "channel": "customer_service", "app": "shop-mini", "text": "{product} {time}" },
        legacy,
        card("subscribe", "shop-app", MINI_ONE_TIME),
    ] });
    world.set_parameter("templates/all", &all);
}

async fn submit_form_ids(world: &World, session: &Value, form_ids: &[&str]) {
    let body = json!({ "app": "shop-mini", "form_ids": form_ids });
    let request = world.client.post(world.url("/form-ids")).json(&body);
    let request = request.bearer_auth(session["access_token"].as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn remaining_counts_entitlements_in_each_app() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let to = json!({ "account": "ann" });
    assert_eq!(in_apps(&world, &to).await, json!([]), "she is unknown");
    let session = ann.log_in("shop-mini").await;
    let nothing = json!({
        "app": "shop-mini", "subscriptions": {}, "customer_service": 0, "form_ids": 0,
    });
    assert_eq!(in_apps(&world, &to).await, json!([nothing]));

    ann.follow("shop").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.consent("shop-mini", "order_shipped", false).await;
    ann.consent("shop-mini", "order_delayed", true).await;
    ann.consent("shop", "order_arrived", true).await;
    ann.message("shop", "Hello?").await;
    submit_form_ids(&world, &session, &["formone", "formtwo"]).await;
    let mut expected = json!([
        { "app": "shop", "follows": true, "subscriptions": {}, "customer_service": 8 },
        { "app": "shop-mini", "subscriptions": {}, "customer_service": 0, "form_ids": 2 },
    ]);
    expected[0]["subscriptions"][SHOP_NOTIFICATION] = 1.into();
    expected[1]["subscriptions"][MINI_ONE_TIME] = 2.into();
    expected[1]["subscriptions"][MINI_LONG_TERM] = 1.into();
    let names = [
        to.clone(),
        json!({ "union_id": ann.union_id().await }),
        json!({ "app": "shop", "open_id": ann.open_id("shop").await }),
        json!({ "app": "shop-mini", "open_id": ann.open_id("shop-mini").await }),
    ];
    for name in &names {
        assert_eq!(in_apps(&world, name).await, expected, "whichever way she is named");
    }

    // Each send leaves less, and a withdrawal nothing.
    let request = request_for("order_shipped", "order-1", &to, "subscribe");
    assert_eq!(world.send(&request).await["outcome"], "sent");
    expected[1]["subscriptions"][MINI_ONE_TIME] = 1.into();
    let request = request_for("order_shipped", "order-2", &to, "customer_service");
    assert_eq!(world.send(&request).await["outcome"], "sent");
    expected[0]["customer_service"] = 7.into();
    assert_eq!(in_apps(&world, &to).await, expected);
    ann.withdraw("shop-mini", "order_shipped").await;
    expected[1]["subscriptions"] = json!({});
    expected[1]["subscriptions"][MINI_LONG_TERM] = 1.into();
    assert_eq!(in_apps(&world, &to).await, expected);
    ann.unfollow("shop").await;
    expected[0] = json!({
        "app": "shop", "follows": false, "subscriptions": {}, "customer_service": 0,
    });
    for name in [&names[0], &names[1], &names[3]] {
        assert_eq!(in_apps(&world, name).await, expected, "{name}");
    }
    // The openid's owner is erased with the follower.
    assert_eq!(in_apps(&world, &names[2]).await, json!([expected[0]]));
}

#[tokio::test]
async fn remaining_counts_messages_of_a_template() {
    let (world, to) = World::with_ann().await;
    register_all(&world);
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.consent("shop-mini", "order_delayed", true).await;
    ann.consent("shop", "order_arrived", true).await;
    ann.message("shop", "Hello?").await;
    ann.enter("shop-mini").await;
    let form = world.wechat.post("people/ann/submit", &json!({ "app": "shop-mini" })).await;
    submit_form_ids(&world, &session, &[form["form_id"].as_str().unwrap()]).await;

    let unlimited = Value::Null;
    let counts = |sends: [Value; 8]| {
        let kinds = [
            "template",
            "subscribe",
            "subscribe",
            "bizsend",
            "customer_service",
            "customer_service",
            "legacy_template",
            "subscribe",
        ];
        kinds.map(str::to_owned).into_iter().zip(sends).collect::<Vec<_>>()
    };
    let before = [
        unlimited.clone(),
        2.into(),
        unlimited.clone(),
        1.into(),
        8.into(),
        2.into(),
        1.into(),
        0.into(),
    ];
    assert_eq!(through(&world, "all", &to).await, counts(before));

    for channel in ["template", "subscribe", "bizsend", "customer_service", "legacy_template"] {
        let report = world.send(&request_for("all", channel, &to, channel)).await;
        assert_eq!(report["outcome"], "sent", "{report}");
    }
    let after =
        [unlimited.clone(), 1.into(), unlimited, 0.into(), 7.into(), 2.into(), 0.into(), 0.into()];
    assert_eq!(through(&world, "all", &to).await, counts(after));

    ann.withdraw("shop-mini", "order_delayed").await;
    ann.unfollow("shop").await;
    let left = [0, 1, 0, 0, 0, 2, 0, 0].map(Value::from);
    assert_eq!(through(&world, "all", &to).await, counts(left));
    let open_id = ann.open_id("shop").await;
    let named = json!({ "app": "shop", "open_id": open_id });
    assert_eq!(through(&world, "all", &named).await, counts([0; 8].map(Value::from)));
}

#[tokio::test]
async fn reserved_entitlement_is_not_counted() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    let to = json!({ "account": "bob" });
    let subscribe = async || {
        let found = through(&world, "order_shipped", &to).await;
        found.into_iter().find(|(channel, _)| channel == "subscribe").unwrap().1
    };
    let lost = json!({ "path": "/cgi-bin/message/subscribe/send", "reset": true });
    assert_eq!(subscribe().await, 1);
    world.wechat.fault(lost).await;
    assert_eq!(world.send(&order("order-1", to.clone())).await["outcome"], "ambiguous");
    assert_eq!(subscribe().await, 0, "it may have been used up");
    bob.consent("shop-mini", "order_shipped", true).await;
    let refused = json!({ "path": "/cgi-bin/message/subscribe/send", "errcode": 45011 });
    world.wechat.fault(refused).await;
    assert_eq!(world.send(&order("order-2", to.clone())).await["outcome"], "retrying");
    assert_eq!(subscribe().await, 1, "it certainly wasn't");
}

#[tokio::test]
async fn unknown_person_and_template_are_reported() {
    let (world, to) = World::with_ann().await;
    for unknown in [
        json!({ "account": "unknown" }),
        json!({ "union_id": "oNobody" }),
        json!({ "app": "nowhere", "open_id": "oNobody" }),
    ] {
        assert_eq!(in_apps(&world, &unknown).await, json!([]), "{unknown}");
        let sends = through(&world, "order_shipped", &unknown).await;
        assert!(sends.len() == 3 && sends.iter().all(|(_, sends)| *sends == 0), "{sends:?}");
    }
    let open_id = world.phone("ann").open_id("shop").await;
    for (asked, word) in [
        (json!({ "to": to, "template": "order_lost" }), "there is no template order_lost"),
        (json!({ "to": to, "template": "../x" }), "remaining.template"),
        (json!({ "template": "order_shipped" }), "remaining: missing field `to`"),
        (json!({ "to": [to] }), "remaining.to"),
        (json!({ "to": { "account": "" } }), "remaining.to"),
        (json!({ "to": { "open_id": open_id } }), "remaining.to"),
        (json!({ "to": to, "colour": "red" }), "colour"),
    ] {
        let (kind, message) = world.refused(&json!({ "remaining": asked })).await;
        assert_eq!(kind, "InvalidRequest", "{message}");
        assert!(message.contains(word), "{word}: {message}");
        assert!(!message.contains(&open_id), "{message}");
    }
    assert!(world.aws.rows("notifications").await.is_empty());
}
