//! WeChat's keys and their rules: what fits arrives, what doesn't isn't sent.

use crate::world::World;
use serde_json::{Value, json};

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

/// A key that both kinds of message know, what fills it, what a notification
/// gives, and what WeChat is to show.
const KEYS: [(&str, &str, &str, &str); 15] = [
    ("thing1", r#""{v1}""#, "Blue kettle", "Blue kettle"),
    ("time2", r#"{ "time": "{v2}" }"#, "2026-11-20T15:04:09+08:00", "2026年11月20日 15:04"),
    ("number3", r#""{v3}""#, "3.14", "3.14"),
    ("amount4", r#"{ "amount": "{v4}" }"#, "12.5", "¥12.50"),
    ("character_string5", r#""SF-{v5}""#, "1234567890", "SF-1234567890"),
    ("phrase6", r#""{v6}""#, "已发货", "已发货"),
    ("name7", r#""{v7}""#, "张三", "张三"),
    ("date8", r#"{ "date": "{v8}" }"#, "2026-01-02T03:04Z", "2026年1月2日"),
    ("phone_number9", r#""{v9}""#, "+86-0766-66888866", "+86-0766-66888866"),
    ("car_number10", r#""{v10}""#, "粤A8Z888挂", "粤A8Z888挂"),
    ("letter11", r#""{v11}""#, "abcXYZ", "abcXYZ"),
    ("symbol12", r#""{v12}""#, "!?", "!?"),
    (
        "thing13",
        r#"{ "text": "{v13}", "truncate": true }"#,
        "A kettle 👍🏽 👍🏽 👍🏽",
        "A kettle 👍🏽 👍🏽 …",
    ),
    (
        "date14",
        r#"{ "time": "{v14}" }"#,
        "2026年11月20日 09:00~10:00",
        "2026年11月20日 09:00~10:00",
    ),
    ("amount15", r#"{ "amount": "{v15}", "currency": "$", "decimals": 0 }"#, "1980", "$1980"),
];

/// As [`World::with_ann`], with bob, who has consented to one message, and with
/// a template that has all of [`KEYS`] on both channels, called `fields`.
async fn world() -> (World, Value) {
    let (world, ann) = World::with_ann().await;
    let content = KEYS.map(|(key, ..)| format!("{key}:{{{{{key}.DATA}}}}\n")).concat();
    let data = KEYS.map(|(key, content, ..)| {
        let content = serde_json::from_str::<Value>(content).unwrap();
        (key.to_owned(), content)
    });
    let data = Value::Object(data.into_iter().collect());
    let channels = ["template", "subscribe"].map(|channel| (channel, data.clone()));
    set_template(&world, "fields", &content, &channels).await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "fields", true).await;
    (world, ann)
}

/// Both apps have one template more, and the business has one of the same name
/// with these channels. Its fields are `v1`, `v2` and so on.
async fn set_template(world: &World, name: &str, content: &str, channels: &[(&str, Value)]) {
    for (app, kind) in [("shop", "template"), ("shop-mini", "one_time")] {
        let template = json!({
            "template_id": template_id(app, name), "title": name, "kind": kind, "content": content,
            "values": { "const2": ["大", "小"] },
        });
        let path = format!("apps/{app}");
        world.wechat.post(&path, &json!({ "templates": [template] })).await;
    }
    world.set_parameter(&format!("templates/{name}"), &business(name, channels));
}

fn template_id(app: &str, name: &str) -> String {
    format!("{:-<43}", format!("{app}-{name}"))
}

/// What an operator stores.
fn business(name: &str, channels: &[(&str, Value)]) -> Value {
    let channels: Vec<_> = channels
        .iter()
        .map(|(channel, data)| {
            let app = if *channel == "template" { "shop" } else { "shop-mini" };
            json!({ "channel": channel, "app": app, "template_id": template_id(app, name), "data": data })
        })
        .collect();
    let fields: Vec<_> = (1..=KEYS.len()).map(|number| format!("v{number}")).collect();
    json!({ "fields": fields, "channels": channels })
}

/// A notification of [`KEYS`], with one value that is another.
fn request(id: &str, to: &Value, changed: Option<(&str, Value)>) -> Value {
    let values = KEYS
        .iter()
        .zip(1..)
        .map(|((.., value, _), number): (_, u32)| (format!("v{number}"), Value::from(*value)));
    let mut data = Value::Object(values.collect());
    if let Some((key, value)) = changed {
        data[field(key)] = value;
    }
    json!({ "id": id, "to": to, "template": "fields", "data": data })
}

/// The field that fills this one of [`KEYS`].
fn field(key: &str) -> String {
    format!("v{}", key.trim_start_matches(|c: char| !c.is_ascii_digit()))
}

/// What the last message on a screen shows, by key.
async fn shown(world: &World, person: &'static str, kind: &str) -> Vec<(String, String)> {
    let screen = world.phone(person).screen_of(kind).await;
    let fields = screen.last().unwrap()["fields"].as_array().unwrap().clone();
    let text = |field: &Value, name: &str| field[name].as_str().unwrap().to_owned();
    fields.iter().map(|field| (text(field, "key"), text(field, "value"))).collect()
}

#[tokio::test]
async fn valid_values_are_shown_as_given_or_as_wechat_formats_them() {
    let (world, ann) = world().await;
    let expected = KEYS.map(|(key, _, _, value)| (key.to_owned(), value.to_owned()));
    let report = world.send(&request("a", &ann, None)).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    assert_eq!(shown(&world, "ann", "template").await, expected);

    let report = world.send(&request("b", &json!({ "account": "bob" }), None)).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("subscribe")));
    assert_eq!(shown(&world, "bob", "subscribe").await, expected);
}

#[tokio::test]
async fn invalid_value_is_rejected_without_a_call_and_keeps_the_consent() {
    let (world, ann) = world().await;
    let bob = json!({ "account": "bob" });
    let long = "A kettle of a colour that no one has seen";
    let cases = [
        ("thing1", json!(long), "at most 20 characters"),
        ("thing1", json!("two\nlines"), "line break"),
        ("thing1", json!(""), "empty"),
        ("thing1", json!("😀".repeat(11)), "it has 22 characters"),
        ("time2", json!("2026-02-30T15:04:00+08:00"), "no such day"),
        ("time2", json!("2026-11-20"), "no time of day"),
        ("time2", json!("soon"), "another form"),
        ("number3", json!(-1), "digits"),
        ("amount4", json!(12.345), "more than 2 decimals"),
        ("amount4", json!("12 345"), "another form"),
        ("amount4", json!(1_234_567_890_123_u64), "digits"),
        ("amount4", json!("-5.00"), "another form"),
        ("character_string5", json!("顺丰"), "no Chinese"),
        ("phrase6", json!("shipped"), "Chinese"),
        ("name7", json!("十一个汉字十一个汉字了"), "at most 10"),
        ("date8", json!("2026-02-30"), "no such day"),
        ("phone_number9", json!("call me"), "no place there"),
        ("car_number10", json!("粤A粤Z888"), "car_number"),
        ("letter11", json!("abc1"), "letters"),
        ("symbol12", json!("!a"), "symbols"),
        ("thing13", json!("\n"), "empty"),
        ("amount15", json!("1.5"), "more than 0 decimals"),
    ];
    for (at, (key, value, words)) in cases.into_iter().enumerate() {
        for (person, to, channel) in [("ann", &ann, "template"), ("bob", &bob, "subscribe")] {
            let mut request = request(&format!("{person}-{at}"), to, Some((key, value.clone())));
            request["channels"] = json!([channel]);
            let report = world.send(&request).await;
            assert_eq!(report["outcome"], "failed", "{key}: {report}");
            let skipped = &report["skipped"][0];
            let reason = skipped["reason"].as_str().unwrap();
            let named = format!("the key {key}, filled by {{{}}}: ", field(key));
            assert!(reason.starts_with(&named) && reason.contains(words), "{key}: {reason}");
            assert!(skipped["advice"].as_str().unwrap().len() > 10, "{key}: {skipped}");
            assert_eq!(skipped["code"], Value::Null, "WeChat wasn't asked: {skipped}");
            assert_eq!(world.send(&request).await, report, "it stays as it is");
        }
    }
    for path in [TEMPLATE_SEND, SUBSCRIBE_SEND] {
        assert!(world.wechat.calls(path).await.is_empty(), "{path} was called");
    }
    assert!(world.phone("ann").screen().await.is_empty());
    assert!(world.phone("bob").screen().await.is_empty());
    let consents = world.aws.rows("users").await;
    let consents: Vec<_> = consents
        .iter()
        .filter(|row| row["item"].as_str().unwrap().starts_with("consent#"))
        .map(|consent| consent["state"].clone())
        .collect();
    assert_eq!(consents, ["free"]);
    // Without the value itself, which may be personal, in any line.
    assert!(world.lines().iter().all(|line| !line.contains("that no one has seen")));

    // The one consent is still good for what fits.
    let changed = Some(("phrase6", json!("发货")));
    assert_eq!(world.send(&request("good", &bob, changed)).await["outcome"], "sent");
    assert_eq!(world.phone("bob").screen().await.len(), 1);
}

#[tokio::test]
async fn value_invalid_in_one_channel_can_use_another() {
    let (world, ann) = World::with_ann().await;
    let long = "A kettle whose name is longer than a thing";
    let mut request = crate::world::order("order-1", ann);
    request["data"]["product"] = json!(long);
    let report = world.send(&request).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("sent"), &json!("customer_service"))
    );
    let skipped = &report["skipped"][0];
    assert_eq!(skipped["channel"], "template");
    assert!(skipped["reason"].as_str().unwrap().contains("thing1, filled by {product}"));
    assert!(skipped["advice"].as_str().unwrap().contains(r#""truncate": true"#), "{skipped}");
    assert!(world.wechat.calls(TEMPLATE_SEND).await.is_empty());
    let screen = world.phone("ann").screen().await;
    assert_eq!(screen.len(), 1);
    assert!(screen[0]["text"].as_str().unwrap().contains(long), "{screen:?}");
}

#[tokio::test]
async fn long_text_is_truncated_when_the_template_allows_it() {
    let (world, ann) = World::with_ann().await;
    let data = json!({
        "thing1": { "text": "{v1}：{v2}", "truncate": true },
        "name2": { "text": "{v3}", "truncate": true },
        "name3": { "text": "{v4}", "truncate": true },
        "character_string4": { "text": "{v5}", "truncate": true },
        "short_thing5": { "text": "{v6}", "truncate": true },
    });
    let content = ["thing1", "name2", "name3", "character_string4", "short_thing5"]
        .map(|key| format!("{key}:{{{{{key}.DATA}}}}\n"))
        .concat();
    set_template(&world, "fitted", &content, &[("template", data)]).await;
    let mut request = request("cut", &ann, None);
    request["template"] = json!("fitted");
    request["data"]["v1"] = json!("水壶");
    request["data"]["v2"] = json!("给爸爸妈妈和孩子👨‍👩‍👧‍👦的一份礼物");
    request["data"]["v3"] = json!("买买提·艾力·玉素甫·阿卜杜拉");
    // A line break becomes a space where a text may be changed anyway.
    request["data"]["v4"] = json!("Ann\r\nSmith-Jones\u{b}of Shanghai\n");
    request["data"]["v5"] = json!("7".repeat(40));
    request["data"]["v6"] = json!("六个字以内了");
    assert_eq!(world.send(&request).await["outcome"], "sent");
    let shown = shown(&world, "ann", "template").await;
    let values: Vec<_> = shown.iter().map(|(_, value)| value.as_str()).collect();
    let digits = format!("{}...", "7".repeat(29));
    assert_eq!(
        values,
        // The family has eleven units, and there was room for eight.
        [
            "水壶：给爸爸妈妈和孩子…",
            "买买提·艾力·玉素…",
            "Ann Smith-Jones of …",
            &digits,
            "六个字以…"
        ]
    );
}

#[tokio::test]
async fn each_message_type_has_its_own_rules() {
    let (world, ann) = World::with_ann().await;
    let data = json!({ "first": "{v1}", "keyword1": "{v1}", "const2": "{v2}", "product": "{v1}" });
    let content = "{{first.DATA}}\nA:{{keyword1.DATA}}\nB:{{const2.DATA}}\nC:{{product.DATA}}\n";
    set_template(&world, "old", content, &[("template", data.clone())]).await;
    let mut request = request("old", &ann, None);
    request["template"] = json!("old");
    // WeChat cuts the values of old templates, and asks nothing of them.
    request["data"]["v1"] = json!("A kettle of a colour that no one has seen");
    request["data"]["v2"] = json!("大");
    assert_eq!(world.send(&request).await["outcome"], "sent");
    let shown = shown(&world, "ann", "template").await;
    assert_eq!(shown[0], ("keyword1".to_owned(), "A kettle of a colour".to_owned()));

    // Which values a `const` may have is known by WeChat alone.
    request["id"] = json!("old-2");
    request["data"]["v2"] = json!("中");
    let report = world.send(&request).await;
    assert_eq!(report["skipped"][0]["code"], 47003, "{report}");
    // That is told, once for each key, when the template is read.
    for key in ["const2", "product"] {
        let lines = world.lines();
        let told = |line: &&String| {
            line.contains("sent unchecked") && line.contains(&format!("\"{key}\""))
        };
        assert_eq!(lines.iter().filter(told).count(), 1, "{key}");
    }
    assert!(!world.lines().iter().any(|line| line.contains("unchecked") && line.contains("first")));
}

#[tokio::test]
async fn template_that_is_always_invalid_is_rejected_with_its_key() {
    let (world, ann) = World::with_ann().await;
    let cases = [
        (json!({ "time2": { "text": "{v1}", "truncate": true } }), "time2 can't be cut"),
        (json!({ "amount4": { "text": "{v1}", "truncate": true } }), "amount4 can't be cut"),
        (json!({ "number3": { "date": "{v1}" } }), "number3 never takes what \"date\" writes"),
        (json!({ "phrase6": "shipped" }), "phrase6: it has 7 characters"),
        (json!({ "thing1": { "text": "{v1}", "fitt": true } }), "thing1: unknown field `fitt`"),
        (json!({ "amount4": { "amount": "{v1}", "currency": "CNY" } }), "amount4: "),
        (json!({ "thing1": "{v99}" }), "there is no field {v99}"),
        (json!({ "thing1.DATA": "{v1}" }), "without .DATA: thing1"),
    ];
    for (at, (data, words)) in cases.into_iter().enumerate() {
        let name = format!("never-{at}");
        for channel in ["template", "subscribe"] {
            let name = format!("{name}-{channel}");
            let template = business(&name, &[(channel, data.clone())]);
            world.set_parameter(&format!("templates/{name}"), &template);
            let mut request = request(&name, &ann, None);
            request["template"] = json!(name);
            let (kind, message) = world.refused(&request).await;
            assert_eq!(kind, "InvalidTemplate", "{message}");
            assert!(message.contains(words), "{data}: {message}");
            assert!(message.contains(&name), "{message}");
        }
    }
    assert!(world.aws.rows("notifications").await.is_empty());
}
