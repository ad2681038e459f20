//! Whatever a function is invoked with, it answers as an API: it doesn't panic, and no answer
//! names what it is made of.

use crate::world::World;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What stands in the place of a value.
const ODD: [&str; 22] = [
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "0.5",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "20261201123456789012",
    r#""""#,
    r#""x""#,
    r#""\ud83d""#,
    r#""\u0000""#,
    r#""9999-12-31T23:59:59-23:59""#,
    r#""0000-01-01T00:00:00Z""#,
    "[]",
    "[null]",
    "{}",
    r#"{"a":1,"a":2}"#,
    r#"["x","x"]"#,
    "[[[[[[[[[[]]]]]]]]]]",
];

/// Stands in a document for what isn't JSON of serde's.
const PLACE: &str = "@place@";

/// What an API doesn't say: Rust's types, and how it failed.
const INNER_WORDS: [&str; 22] = [
    "struct ", "enum ", "tuple", "untagged", "newtype", "serde", "::", "Option", "Vec<", "HashMap",
    "u8", "u16", "u32", "u64", "i64", "f64", "usize", "panic", "unwrap", "overflow", ".rs",
    "Json(",
];

/// Valid events of each function.
fn seeds() -> Vec<(&'static str, Value)> {
    let request = json!({
        "id": "odd-1", "to": { "account": "unknown" }, "template": "order_shipped",
        "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        "channels": ["template"], "send_at": 1, "expires_at": "2026-11-20T15:04:00+08:00",
        "dry_run": true,
    });
    let message = json!({ "messageId": "1", "body": request.to_string(),
        "attributes": { "SentTimestamp": "1795158240000" } });
    let record = json!({
        "eventName": "INSERT",
        "dynamodb": {
            "SequenceNumber": "1",
            "NewImage": {
                "user": { "S": "wx1#oAnn" }, "event": { "S": "1795186923#1" },
                "app_id": { "S": "wx1" }, "body": { "S": "<xml/>" }, "kind": { "S": "text" },
                "received_at": { "N": "1795186924" },
            },
        },
    });
    let http = json!({
        "version": "2.0", "routeKey": "POST /login/{app}", "rawPath": "/login/shop-mini",
        "rawQueryString": "a=b", "headers": { "content-type": "application/json" },
        "queryStringParameters": { "a": "b" }, "pathParameters": { "app": "shop-mini" },
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "127.0.0.1",
            "domainPrefix": "local", "requestId": "1", "routeKey": "POST /login/{app}",
            "stage": "$default", "time": "20/Nov/2026:07:04:00 +0000", "timeEpoch": 1,
            "http": { "method": "POST", "path": "/login/shop-mini", "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "x" },
        },
        "body": r#"{"code":"c"}"#, "isBase64Encoded": false,
    });
    let mut seeds = vec![
        ("send", request.clone()),
        ("send", json!({ "Records": [message] })),
        ("send", json!({ "sweep": {} })),
        ("send", json!({ "cancel": { "id": "odd-1" } })),
        (
            "send",
            json!({ "remaining": { "to": { "account": "ann" }, "template": "order_shipped" } }),
        ),
        ("send", json!({ "list_templates": { "app": "shop" } })),
        ("send", json!({ "check_templates": { "templates": ["order_shipped"] } })),
        ("token", json!({ "check": { "app": "shop" } })),
        ("token", json!({ "app_id": "wx0000000000005a01", "rejected_generation": 1 })),
        ("token", json!({ "source": "aws.scheduler", "detail": "{}" })),
        ("events", json!({ "Records": [record] })),
        ("events", json!([record])),
        ("events", json!({ "sweep": {} })),
        (
            "events",
            json!({ "replay": {
            "from": 1, "to": "2026-11-20T15:04:00+08:00", "app": "shop", "only": "pending",
            "key": "k", "dry_run": true, "next_token": "t",
        } }),
        ),
        ("followers", json!({ "status": { "app": "shop" } })),
        ("followers", json!({ "cancel": { "app": "shop" } })),
        ("followers", json!({ "continue": {} })),
        ("login", json!({ "create_account": { "username": "odd", "password": "long enough" } })),
        ("login", json!({ "bind": { "username": "odd", "user": "0".repeat(32) } })),
        ("login", json!({ "look_up": { "app": "shop", "open_id": "oAnn" } })),
        ("login", json!({ "erase": { "account": "unknown" } })),
        ("login", json!({ "erase_again": {} })),
        ("login", json!({ "rotate_keys": { "if_older_than_days": 30 } })),
        ("login", http.clone()),
        ("callback", http),
    ];
    for function in ["send", "token", "events", "followers", "login", "callback"] {
        seeds.push((function, json!({})));
    }
    seeds
}

/// The seed as it is, and with each of its values replaced by each odd one, with a value that
/// stands twice, and with one too many.
fn variants(seed: &Value) -> Vec<String> {
    let mut variants = vec![seed.to_string()];
    let with_password = seed.pointer("/create_account").is_some();
    for place in 0.. {
        let mut document = seed.clone();
        let mut left = place;
        let Some(spot) = spot(&mut document, &mut left) else { break };
        let before = spot.to_string();
        *spot = json!(PLACE);
        let document = document.to_string();
        let quoted = format!("\"{PLACE}\"");
        // A password that an error may quote elsewhere would be taken for a leak.
        let odd = ODD.iter().filter(|odd| !with_password || odd.len() < 12);
        variants.extend(odd.map(|odd| document.replace(&quoted, odd)));
        if before.starts_with('{') && before.len() > 2 {
            let more = format!(r#"{},"odd":1}}"#, before.trim_end_matches('}'));
            variants.push(document.replace(&quoted, &more));
            let mut twice = String::new();
            let inner = &before[1..before.len() - 1];
            let _ = write!(twice, "{{{inner},{inner}}}");
            variants.push(document.replace(&quoted, &twice));
        }
    }
    variants
}

/// The value number `left` of a document, in its order.
fn spot<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(elements) => elements.iter_mut().find_map(|it| spot(it, left)),
        Value::Object(members) => members.values_mut().find_map(|it| spot(it, left)),
        _ => None,
    }
}

/// Fault 113.
#[tokio::test]
async fn odd_events_are_answered_without_a_panic_or_the_name_of_a_type() {
    let mut tried = 0;
    let mut seeds = seeds();
    // What stands in the place of a password must not be found in the log of another function.
    seeds.sort_by_key(|(function, _)| *function);
    for of_one in seeds.chunk_by(|one, other| one.0 == other.0) {
        let world = World::start().await;
        for (function, seed) in of_one {
            tried += try_variants(&world, function, seed).await;
        }
        // These crates panic on requests that API Gateway never makes, such as one with a body
        // that isn't the base64 that it should be.
        let panics: Vec<_> = world
            .lines()
            .into_iter()
            .filter(|line| line.contains("panicked"))
            .filter(|line| {
                !["/lambda_http-", "/aws_lambda_events-"].iter().any(|it| line.contains(it))
            })
            .collect();
        assert!(panics.is_empty(), "{panics:#?}");
    }
    assert!(tried > 3_000, "{tried}");
}

/// Invokes the function with each variant of an event: their number.
async fn try_variants(world: &World, function: &str, seed: &Value) -> usize {
    let name = world.cloud.function(function);
    let variants = variants(seed);
    for event in &variants {
        let answer = world.aws.invoke_raw(&name, event).await;
        let shown: String = answer.chars().take(300).collect();
        for word in INNER_WORDS {
            assert!(!answer.contains(word), "{function} says {word:?} of {event}: {shown}");
        }
    }
    let long = "x".repeat(300_000);
    for event in [format!(r#"{{"id":"{long}"}}"#), "[".repeat(9_000), format!("\"{long}\"")] {
        let answer = world.aws.invoke_raw(&name, &event).await;
        assert!(answer.len() < 10_000 && !answer.contains("::"), "{function}: {answer}");
    }
    variants.len()
}
