//! The templates of the business beside those that the accounts have.

use crate::world::World;
use serde_json::{Value, json};

const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";
const SHOP_NOTIFICATION: &str = "SandboxTemplateOfShop-order-arrived-0000001";
const MINI_TEMPLATE: &str = "SandboxTemplateOfMini-order-shipped-0000001";
const MINI_LONG_TERM: &str = "SandboxTemplateOfMini-order-delayed-0000001";
const MINI_LEGACY: &str = "SandboxTemplateOfMini-order-receipt-0000001";
const ALL_PRIVATE: &str = "/cgi-bin/template/get_all_private_template";
const SUBSCRIPTIONS: &str = "/wxaapi/newtmpl/gettemplate";

/// Checks all templates, or these.
async fn check(world: &World, templates: Option<&[&str]>) -> Value {
    let asked = templates.map_or_else(|| json!({}), |codes| json!({ "templates": codes }));
    let asked = json!({ "check_templates": asked });
    world.invoke("send", &asked).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Registers a template of the business with these channels. Its fields are
/// `product` and `time`.
fn register(world: &World, code: &str, channels: &[Value]) {
    let template = json!({ "fields": ["product", "time"], "channels": channels });
    world.set_parameter(&format!("templates/{code}"), &template);
}

/// A channel with the keys that the sandbox's templates have.
fn channel(kind: &str, app: &str, template_id: &str, more: &Value) -> Value {
    let mut channel = json!({
        "channel": kind, "app": app, "template_id": template_id,
        "data": { "thing1": "{product}", "time2": "{time}" },
    });
    channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    channel
}

/// What was found, without its words: template, channel, app, key.
fn found(answer: &Value) -> Vec<[String; 4]> {
    let differences = answer["differences"].as_array().unwrap().iter();
    differences
        .map(|it| {
            ["template", "channel", "app", "key"]
                .map(|name| it[name].as_str().unwrap_or("-").to_owned())
        })
        .collect()
}

#[tokio::test]
async fn matching_templates_are_counted_without_differences() {
    let world = World::start().await;
    assert_eq!(check(&world, None).await, json!({ "templates": 1, "differences": [] }));
    register(
        &world,
        "every_kind",
        &[
            channel(
                "template",
                "shop",
                SHOP_TEMPLATE,
                &json!({
                    "mini_program": { "app": "shop-mini" },
                }),
            ),
            channel("bizsend", "shop", SHOP_NOTIFICATION, &json!({})),
            channel("subscribe", "shop-mini", MINI_TEMPLATE, &json!({})),
            channel("subscribe", "shop-mini", MINI_LONG_TERM, &json!({ "long_term": true })),
            channel(
                "legacy_template",
                "shop-mini",
                MINI_LEGACY,
                &json!({
                    "data": { "keyword1": "{product}", "keyword2": "{time}" },
                }),
            ),
            json!({ "channel": "customer_service", "app": "shop", "text": "{product}" }),
        ],
    );
    // The Parameter Store gives ten at a time.
    for number in 0..20 {
        let only = channel("subscribe", "shop-mini", MINI_TEMPLATE, &json!({}));
        register(&world, &format!("copy_{number}"), &[only]);
    }
    world.wechat.forget_calls().await;
    assert_eq!(check(&world, None).await, json!({ "templates": 22, "differences": [] }));
    assert_eq!(world.wechat.calls(ALL_PRIVATE).await.len(), 1, "once for each account");
    assert_eq!(world.wechat.calls(SUBSCRIPTIONS).await.len(), 2);
}

#[tokio::test]
async fn every_difference_is_reported() {
    let world = World::start().await;
    let size = json!({
        "template_id": "SandboxTemplateOfMini-order-wrapped-0000001", "title": "order_wrapped",
        "kind": "one_time", "content": "大小:{{enum_string1.DATA}}\n颜色:{{enum_string2.DATA}}\n",
        "values": { "enum_string1": ["大", "小"], "enum_string2": ["红", "蓝"] },
    });
    let known = json!([size, {
        "template_id": MINI_LONG_TERM, "title": "order_delayed", "kind": "long_term",
        "content": "商品名称:{{thing1.DATA}}\n预计时间:{{time2.DATA}}\n",
    }]);
    world.wechat.post("apps/shop-mini", &json!({ "templates": known })).await;
    register(
        &world,
        "wrong",
        &[
            channel("template", "shop", "x", &json!({})),
            channel(
                "template",
                "shop",
                SHOP_TEMPLATE,
                &json!({
                    "data": { "thing1": "{product}", "thing2": "{time}" },
                    "mini_program": { "app": "shop-app" },
                }),
            ),
            // A mini program's id is of no use to an account, nor the other way round.
            channel("bizsend", "shop", MINI_LONG_TERM, &json!({})),
            channel("bizsend", "shop", SHOP_NOTIFICATION, &json!({ "long_term": true })),
            channel("bizsend", "shop-mini", SHOP_NOTIFICATION, &json!({})),
            channel("subscribe", "shop-mini", MINI_LONG_TERM, &json!({})),
            channel(
                "subscribe",
                "shop-mini",
                size["template_id"].as_str().unwrap(),
                &json!({
                    "data": { "enum_string1": "中", "enum_string2": "蓝" },
                }),
            ),
            json!({ "channel": "customer_service", "app": "shopp", "text": "{product}" }),
        ],
    );
    world.set_parameter("templates/broken", &json!({ "fields": [], "channels": [] }));
    let answer = check(&world, Some(&["wrong", "broken", "missing", "wrong"])).await;
    assert_eq!(answer["templates"], 3);
    let expected = [
        ["broken", "-", "-", "-"],
        ["missing", "-", "-", "-"],
        ["wrong", "template", "shop", "-"],
        ["wrong", "template", "shop-app", "-"],
        ["wrong", "template", "shop", "time2"],
        ["wrong", "template", "shop", "thing2"],
        ["wrong", "bizsend", "shop", "-"],
        ["wrong", "bizsend", "shop", "-"],
        ["wrong", "bizsend", "shop-mini", "-"],
        ["wrong", "subscribe", "shop-mini", "-"],
        ["wrong", "subscribe", "shop-mini", "enum_string1"],
        ["wrong", "customer_service", "shopp", "-"],
    ];
    assert_eq!(found(&answer), expected, "{answer:#}");
    let problems = [
        ("it has no channels", "fix the parameter"),
        ("no such template under /templates", "register it"),
        ("no template of this id", "copy the id"),
        ("no usable app shop-app", "register it"),
        ("nothing fills this key", "47003"),
        ("no such key", "thing1, time2"),
        ("no template of this id", "copy the id"),
        ("a one-time one", "remove"),
        ("shop-mini is a mini program", "of that kind"),
        ("a long-term one", "\"long_term\": true"),
        ("\"中\" is none of the values", "大, 小"),
        ("no usable app shopp", "register it"),
    ];
    for (place, (problem, advice)) in problems.iter().enumerate() {
        let difference = &answer["differences"][place];
        assert!(difference["problem"].as_str().unwrap().contains(problem), "{difference}");
        assert!(difference["advice"].as_str().unwrap().contains(advice), "{difference}");
    }
    assert_eq!(answer["differences"][2]["template_id"], "x");
    assert!(world.wechat.calls("/cgi-bin/message/template/send").await.is_empty());
}

#[tokio::test]
async fn unavailable_list_hides_no_other() {
    let world = World::start().await;
    register(
        &world,
        "two_apps",
        &[
            channel("template", "shop", "x", &json!({})),
            channel("subscribe", "shop-mini", MINI_TEMPLATE, &json!({})),
        ],
    );
    for (fault, problem, advice) in [
        (json!({ "errcode": 48001 }), "refused with 48001", "permissions"),
        (
            json!({ "body": "<html>", "content_type": "text/html" }),
            "the JSON is not well-formed",
            "later",
        ),
        (json!({ "body_bytes": 2 << 20 }), "is longer than", "later"),
        (json!({ "reset": true }), SUBSCRIPTIONS, "later"),
    ] {
        let mut fault = fault;
        fault["path"] = SUBSCRIPTIONS.into();
        world.wechat.fault(fault).await;
        let answer = check(&world, Some(&["two_apps"])).await;
        assert_eq!(
            found(&answer),
            [["two_apps", "template", "shop", "-"], ["two_apps", "subscribe", "shop-mini", "-"],],
            "{answer:#}"
        );
        let difference = &answer["differences"][1];
        assert!(difference["problem"].as_str().unwrap().contains(problem), "{difference}");
        assert!(difference["advice"].as_str().unwrap().contains(advice), "{difference}");
    }
    // An invalid token is replaced, as with every call.
    world.wechat.revoke("shop-mini").await;
    let answer = check(&world, Some(&["two_apps"])).await;
    assert_eq!(found(&answer), [["two_apps", "template", "shop", "-"]], "{answer:#}");
}

#[tokio::test]
async fn invalid_check_command_is_rejected() {
    let world = World::start().await;
    for (asked, words) in [
        (json!({ "check_templates": {}, "id": "order-17" }), "check_templates: nothing else"),
        (json!({ "check_templates": { "codes": [] } }), "unknown field `codes`"),
    ] {
        let (kind, message) = world.refused(&asked).await;
        assert_eq!(kind, "InvalidRequest");
        assert!(message.contains(words), "{message}");
    }
    // No caller reads the response to a queued request.
    world.wechat.forget_calls().await;
    world.queue(&json!({ "check_templates": {} })).await;
    assert!(world.wechat.calls(SUBSCRIPTIONS).await.is_empty());
}
