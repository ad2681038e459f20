//! The schemas allow what the code reads, and the documentation shows it.

use super::*;
use crate::commands::Command;
use jsonschema::Validator;
use serde::Deserialize as _;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::Json;

/// The documentation in English and in Chinese.
const PAGES: [&str; 2] = [
    concat!(
        include_str!("../../../../README.md"),
        include_str!("../../../../docs/sending.md"),
        include_str!("../../../../docs/configuration.md"),
    ),
    concat!(
        include_str!("../../../../README.zh-CN.md"),
        include_str!("../../../../docs/sending.zh-CN.md"),
        include_str!("../../../../docs/configuration.zh-CN.md"),
    ),
];

/// As a caller sends it.
fn exact(value: &Value) -> Json {
    Json::parse(&value.to_string()).unwrap()
}

fn schema(name: &str) -> Validator {
    let file = files().into_iter().find(|(file, _)| *file == name);
    jsonschema::validator_for(file.unwrap().1.as_value()).unwrap()
}

fn request() -> Value {
    json!({
        "id": "order-17-shipped", "to": { "account": "ann" }, "template": "order_shipped",
        "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut request = request();
    request[field] = value;
    request
}

fn without(field: &str) -> Value {
    let mut request = request();
    request.as_object_mut().unwrap().remove(field);
    request
}

#[test]
fn requests_are_read_as_their_schema_allows() {
    let several = json!([{ "account": "安" }, { "union_id": "uBob" }, { "app": "shop", "open_id": "oCarol" }]);
    let schema = schema("request.json");
    for good in [
        request(),
        without("data"),
        with("id", json!("A.b_c:d/e-9")),
        with("id", json!("x".repeat(128))),
        with("to", several),
        with("to", json!(vec![json!({ "account": "a" }); MAX_RECIPIENTS])),
        with("to", json!({ "account": "安".repeat(64) })),
        with("data", json!({ "price": 12.5, "count": 17 })),
        with("channels", json!(["subscribe", "bizsend", "legacy_template"])),
        with("channels", Value::Null),
        with("send_at", json!("2026-11-20T15:04:00+08:00")),
        with("send_at", json!("2026-11-20T07:04:00.5Z")),
        with("expires_at", json!(1_795_158_240)),
        with("dry_run", json!(true)),
    ] {
        assert!(schema.is_valid(&good), "{good}");
        assert!(Request::read(&exact(&good)).is_ok(), "{good}");
    }
    for bad in [
        json!([]),
        without("id"),
        without("to"),
        without("template"),
        with("colour", json!("red")),
        with("id", json!("")),
        with("id", json!("x".repeat(129))),
        with("id", json!("order#17")),
        with("id", json!(17)),
        with("to", json!([])),
        with("to", json!("ann")),
        with("to", json!({ "name": "ann" })),
        with("to", json!({ "account": "" })),
        with("to", json!({ "account": "a#b" })),
        with("to", json!({ "account": "安".repeat(65) })),
        with("to", json!({ "account": "ann", "union_id": "u" })),
        with("to", json!({ "app": "shop" })),
        with("to", json!({ "app": "shop", "open_id": "o nn" })),
        with("to", json!([{ "account": "ann" }, { "union_id": "" }])),
        with("to", json!(vec![json!({ "account": "a" }); MAX_RECIPIENTS + 1])),
        with("template", json!("order shipped")),
        with("template", json!("x".repeat(65))),
        with("data", json!({ "time": ["x"] })),
        with("data", json!({ "time": null })),
        with("data", json!("kettle")),
        with("channels", json!(["pigeon"])),
        with("channels", json!("subscribe")),
        with("channels", json!(["template", "template"])),
        with("to", json!([["ann"]])),
        with("data", json!({ "time": { "value": "15:04" } })),
        with("send_at", json!("2026-11-20 15:04")),
        with("send_at", json!("2026-11-20T15:04:00")),
        with("send_at", Value::Null),
        with("expires_at", json!(-1)),
        with("dry_run", json!("yes")),
    ] {
        assert!(!schema.is_valid(&bad), "{bad}");
        assert!(Request::read(&exact(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn commands_are_read_as_their_schemas_allow() {
    for (name, params, is_good) in [
        ("cancel", json!({ "id": "order-17" }), true),
        ("cancel", json!({ "id": "orders#3" }), true),
        ("cancel", json!({ "id": "" }), false),
        ("cancel", json!({ "id": "orders#" }), false),
        ("cancel", json!({}), false),
        ("cancel", json!("order-17"), false),
        ("cancel", json!({ "id": "order-17", "why": "sold out" }), false),
        ("remaining", json!({ "to": { "account": "ann" } }), true),
        ("remaining", json!({ "to": { "app": "shop", "open_id": "o" }, "template": "t" }), true),
        ("remaining", json!({ "template": "order_shipped" }), false),
        ("remaining", json!({ "to": { "account": "" } }), false),
        ("remaining", json!({ "to": [{ "account": "ann" }] }), false),
        ("remaining", json!({ "to": { "account": "ann" }, "template": "a b" }), false),
        ("check_templates", json!({}), true),
        ("check_templates", json!({ "templates": ["order_shipped"] }), true),
        ("check_templates", json!({ "template": "order_shipped" }), false),
        ("check_templates", json!({ "templates": ["a b"] }), false),
        ("check_templates", json!({ "templates": "order_shipped" }), false),
        ("check_templates", json!({ "templates": vec!["a"; 1001] }), false),
        ("list_templates", json!({ "app": "shop" }), true),
        ("list_templates", json!({}), false),
        ("list_templates", json!({ "app": "shop", "kind": "template" }), false),
    ] {
        let schema = schema(&format!("{name}.json"));
        let command = json!({ name: params });
        assert_eq!(Command::read(&exact(&command)).is_ok(), is_good, "{command}");
        assert_eq!(schema.is_valid(&command), is_good, "{command}");
        assert!(!schema.is_valid(&json!({ name: params, "id": "order-17" })), "{name}");
    }
}

#[test]
fn templates_are_read_as_their_schema_allows() {
    let template = |channel: Value| json!({ "fields": ["a"], "channels": [channel] });
    let of = |kind: &str, data: Value| {
        template(json!({ "channel": kind, "app": "x", "template_id": "t", "data": data }))
    };
    let service = |message: Value| {
        let mut channel = json!({ "channel": "customer_service", "app": "x" });
        channel.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
        template(channel)
    };
    let schema = schema("template.json");
    for (template, is_good) in [
        (of("template", json!({ "thing1": "{a}" })), true),
        (of("subscribe", json!({ "thing1": { "text": "{a}", "truncate": true } })), true),
        (of("bizsend", json!({ "time2": { "time": "{a}" }, "date3": { "date": "{a}" } })), true),
        (of("legacy_template", json!({ "keyword1": { "amount": "{a}", "currency": "$" } })), true),
        (service(json!({ "text": "{a}" })), true),
        (service(json!({ "image": { "media_id": "M" } })), true),
        (service(json!({ "menu": { "items": [{ "id": "1", "content": "{a}" }] } })), true),
        (of("pigeon", json!({})), false),
        (of("template", json!({ "thing1": 17 })), false),
        (of("template", json!({ "thing1": { "text": "{a}", "fitt": true } })), false),
        (of("template", json!({ "thing1": { "time": "{a}", "truncate": true } })), false),
        (of("template", json!({ "amount1": { "amount": "{a}", "decimals": 4 } })), false),
        (service(json!({})), false),
        (service(json!({ "txt": "{a}" })), false),
        (service(json!({ "text": "{a}", "colour": "red" })), false),
        (service(json!({ "text": "{a}", "image": { "media_id": "M" } })), false),
        (service(json!({ "image": {} })), false),
        (json!({ "fields": ["a"] }), false),
        (json!({ "fields": ["a"], "channels": [], "colour": "red" }), false),
    ] {
        assert_eq!(schema.is_valid(&template), is_good, "{template}");
        assert_eq!(Template::deserialize(&template).is_ok(), is_good, "{template}");
    }
}

/// In each language.
#[test]
fn json_in_the_documentation_matches_the_schemas() {
    let now = Timestamp(1_795_000_000);
    for pages in PAGES {
        let mut shown = std::collections::BTreeMap::<_, usize>::new();
        for value in jsons(pages) {
            let has = |name: &str| value.get(name).is_some();
            let file = if has("to") && has("id") {
                "request.json"
            } else if has("notifications") {
                "response.json"
            } else if has("differences") {
                "check_templates.response.json"
            } else if has("apps") || has("channels") && !has("fields") {
                "remaining.response.json"
            } else if has("fields") {
                "template.json"
            } else if value["cancel"].get("app").is_some() {
                // The followers function has a command of the same name.
                continue;
            } else if has("cancel") {
                "cancel.json"
            } else if has("remaining") {
                "remaining.json"
            } else if has("check_templates") {
                "check_templates.json"
            } else if has("list_templates") {
                "list_templates.json"
            } else if value["templates"][0].is_object() {
                "list_templates.response.json"
            } else {
                continue;
            };
            assert!(schema(file).is_valid(&value), "{file}: {value}");
            if file == "request.json" {
                Request::read(&exact(&value)).unwrap().check(now).unwrap();
            }
            *shown.entry(file).or_default() += 1;
        }
        for file in
            files().iter().map(|(file, _)| *file).filter(|file| *file != "cancel.response.json")
        {
            assert!(shown.contains_key(file), "no {file} is shown: {shown:?}");
        }
    }
}

/// The JSON objects in a text: in blocks, in commands, and within a line.
fn jsons(text: &str) -> impl Iterator<Item = Value> {
    text.match_indices('{').filter_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        values.next()?.ok().filter(Value::is_object)
    })
}
