//! WeChat's pushes are accepted, and no other request.

use crate::world::{MAX_WAIT, World};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::crypto::{EncodingAesKey, encrypt};
use shared::wechat::id::AppId;
use shared::wechat::signature::sign;
use std::collections::{BTreeMap, BTreeSet};
use wechat_sandbox::App;

/// A push in safe mode as WeChat writes it. Scenarios spoil a part of it.
pub(crate) struct Letter {
    token: String,
    timestamp: String,
    nonce: String,
    encrypted: String,
}

impl Letter {
    pub(crate) fn new(app: &App, message: impl AsRef<[u8]>) -> Self {
        let key = EncodingAesKey::parse(app.encoding_aes_key.expose()).unwrap();
        Self {
            token: app.callback_token.expose().to_owned(),
            timestamp: Timestamp::now().to_string(),
            nonce: "486452656".to_owned(),
            encrypted: encrypt(&key, &app.app_id, *b"0123456789abcdef", message.as_ref()),
        }
    }

    pub(crate) fn query(&self) -> String {
        let Self { token, timestamp, nonce, encrypted } = self;
        let signature = sign(&[token, timestamp, nonce]);
        let msg_signature = sign(&[token, timestamp, nonce, encrypted]);
        format!(
            "signature={signature}&timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}"
        )
    }

    pub(crate) fn body(&self) -> String {
        format!("<xml><ToUserName>gh_1</ToUserName><Encrypt>{}</Encrypt></xml>", self.encrypted)
    }
}

pub(crate) fn shop() -> App {
    wechat_sandbox::example().apps.into_iter().find(|app| app.alias == "shop").unwrap()
}

/// A text message, as it is before it is sealed.
pub(crate) fn text(open_id: &str, content: &str) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>{open_id}</FromUserName><CreateTime>1795186923</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content><MsgId>24000000000000001</MsgId></xml>"
    )
}

async fn post(world: &World, path: &str, body: impl Into<reqwest::Body>) -> u16 {
    let request = world.client.post(world.url(path)).header("content-type", "text/xml");
    request.body(body).send().await.unwrap().status().as_u16()
}

/// Posts a push of the shop that has this timestamp: the status.
pub(crate) async fn push_at(world: &World, timestamp: u64) -> u16 {
    let letter = Letter::new(&shop(), text("oAnn", "hello"));
    let letter = Letter { timestamp: timestamp.to_string(), ..letter };
    post(world, &format!("/callback/shop?{}", letter.query()), letter.body()).await
}

#[tokio::test]
async fn url_verification_returns_the_echostr() {
    let world = World::start().await;
    let letter = Letter::new(&shop(), "");
    let greet = async |path: &str, query: String| {
        let url = world.url(&format!("/callback/{path}?{query}&echostr=4375120948345356249"));
        let answer = world.client.get(url).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let (status, kind, body) = greet("shop", letter.query()).await;
    assert_eq!((status, body.as_str()), (200, "4375120948345356249"));
    assert!(kind.starts_with("text/plain"), "{kind}");

    assert_eq!(greet("unknown", letter.query()).await.0, 404);
    assert_eq!(greet("shop-mini", letter.query()).await.0, 403, "signed with another's token");
    let (status, _, body) =
        greet("shop", letter.query().replace("signature=", "signature=0")).await;
    assert_eq!(status, 403);
    assert!(!body.contains("4375120948345356249"), "a stranger's words are not repeated");
}

#[tokio::test]
async fn signed_push_is_accepted() {
    let world = World::start().await;
    let letter = Letter::new(&shop(), text("oAnn", "hello"));
    assert_eq!(
        post(&world, &format!("/callback/shop?{}", letter.query()), letter.body()).await,
        200
    );
    world.idle().await;
    let rows = world.aws.rows("events").await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row["user"], "wx0000000000005a01#oAnn");
    let kept = row["expires"].as_u64().unwrap() - row["received_at"].as_u64().unwrap();
    assert_eq!(kept, 30 * 24 * 3600, "thirty days");
    assert_eq!(row["body"], text("oAnn", "hello"));
}

/// Faults 11, 18, 30, 112.
#[tokio::test]
async fn unsigned_push_leaves_no_trace() {
    let world = World::start().await;
    let shop = shop();
    let good = Letter::new(&shop, text("oAnn", "hello"));
    let (query, body) = (good.query(), good.body());
    let stranger = Letter { token: "anothertoken".to_owned(), ..Letter::new(&shop, "<xml/>") };
    let other =
        wechat_sandbox::example().apps.into_iter().find(|app| app.alias == "shop-mini").unwrap();
    let mut other_app = shop.clone();
    other_app.app_id = other.app_id;
    let for_other_app = Letter::new(&other_app, text("oAnn", "hello"));
    let garbled = Letter { encrypted: "QUJD".repeat(32), ..Letter::new(&shop, "") };
    let shifted = Letter { timestamp: "179518692".to_owned(), ..Letter::new(&shop, "<xml/>") };
    let old = Timestamp(Timestamp::now().0 - 310).to_string();
    let old = Letter { timestamp: old, ..Letter::new(&shop, text("oAnn", "hello")) };
    let good_query = good.query();
    let unsigned = query.split('&').filter(|pair| !pair.contains("signature")).collect::<Vec<_>>();

    // The same answer to all: who could tell them apart could find out more.
    let refused = [
        ("no query", String::new(), body.clone()),
        ("no signature", unsigned.join("&"), body.clone()),
        ("no msg_signature", query.split("&encrypt_type").next().unwrap().to_owned(), body.clone()),
        ("another token", stranger.query(), stranger.body()),
        ("another body", query.clone(), Letter::new(&shop, text("oBob", "hello")).body()),
        ("another app's letter", for_other_app.query(), for_other_app.body()),
        ("nothing that opens", garbled.query(), garbled.body()),
        ("a timestamp that is none", shifted.query(), shifted.body()),
        ("an old one", old.query(), old.body()),
        ("no envelope", good_query.clone(), "no envelope".to_owned()),
        ("nothing", good_query.clone(), String::new()),
        ("a nonce twice", format!("{query}&nonce=486452656"), body.clone()),
        ("a signature twice", format!("{query}&msg_signature={}", "0".repeat(40)), body.clone()),
    ];
    for (what, query, body) in refused {
        let url = world.url(&format!("/callback/shop?{query}"));
        let answer = world.client.post(url).body(body).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!((status, body.as_str()), (403, "not signed by WeChat"), "{what}");
    }
    assert_eq!(post(&world, &format!("/callback/unknown?{query}"), body).await, 404);
    world.idle().await;
    assert!(world.aws.rows("events").await.is_empty());
    let lines = world.lines();
    let refusals: Vec<_> =
        lines.iter().filter(|line| line.contains("rejected the request")).collect();
    assert_eq!(refusals.len(), 14, "{refusals:#?}");
    // What no stranger learns, the operator sees.
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for metric in world.metrics("pushes_rejected") {
        let of = |name| metric.dimension(name).to_owned();
        *counted.entry((of("app"), of("reason"))).or_default() += metric.value;
    }
    let counted: Vec<_> = counted
        .iter()
        .map(|((app, reason), count)| (app.as_str(), reason.as_str(), *count))
        .collect();
    assert_eq!(
        counted,
        [
            ("none", "unknown_app", 1),
            ("shop", "bad_signature", 6),
            ("shop", "malformed", 4),
            ("shop", "stale", 1),
            ("shop", "unreadable", 2),
        ]
    );
}

#[tokio::test]
async fn operator_chooses_the_maximum_age_of_a_push() {
    let world = World::start().await;
    let mut settings = world.parameter("callback/shop");
    settings["timestamp_window"] = 0.into();
    world.set_parameter("callback/shop", &settings);
    let mut letter = Letter::new(&shop(), text("oAnn", "hello"));
    letter.timestamp = "1700000000".to_owned();
    let path = format!("/callback/shop?{}", letter.query());
    assert_eq!(post(&world, &path, letter.body()).await, 200);
}

/// Fault 20.
#[tokio::test]
async fn oversized_body_is_not_read() {
    let world = World::start().await;
    let path = format!("/callback/shop?{}", Letter::new(&shop(), "<xml/>").query());
    assert_eq!(post(&world, &path, vec![0xff, 0xfe, 0x00]).await, 403);
    assert_eq!(post(&world, &path, "x".repeat(64 * 1024)).await, 403);
    assert_eq!(post(&world, &path, "x".repeat(64 * 1024 + 1)).await, 413);
    assert_eq!(post(&world, &path, "x".repeat(5 << 20)).await, 413);
    world.idle().await;
    let rejected = world.metrics("pushes_rejected");
    let reasons: Vec<_> = rejected.iter().map(|it| it.dimension("reason")).collect();
    assert_eq!(reasons, ["bad_signature", "bad_signature", "too_large", "too_large"]);
    assert!(world.aws.rows("events").await.is_empty());
}

/// An unreadable message.
const RIDDLES: [&str; 7] = [
    "hello",
    "<xml>",
    "{}",
    "{\"a\":",
    "<xml><FromUserName>oAnn</FromUserName></xml>",
    "<!DOCTYPE xml><xml><MsgType>text</MsgType></xml>",
    "<xml><MsgType>text</MsgType></xml><xml/>",
];

#[tokio::test]
async fn signed_push_is_quarantined_whole_when_it_is_unreadable() {
    let world = World::start().await;
    let shop = shop();
    for message in RIDDLES {
        for _ in 0..3 {
            let letter = Letter::new(&shop, message);
            let path = format!("/callback/shop?{}", letter.query());
            assert_eq!(post(&world, &path, letter.body()).await, 200, "{message}");
        }
        world.idle().await;
        let row = world.aws.row("events", "body", message).await;
        assert_eq!(row["kind"], "unreadable", "{row}");
        assert!(row["quarantined_at"].is_number() && row["problem"].is_string(), "{row}");
        let user = if message.contains("oAnn") { "oAnn" } else { "unknown" };
        assert_eq!(row["user"], format!("{}#{user}", shop.app_id), "{message}");
    }
}

/// A message with what a user has written, as WeChat writes it: without an escape.
fn unescaped(content: &str, id: u64) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oAnn]]></FromUserName>\n\
         <CreateTime>1795186923</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
         <Content><![CDATA[{content}]]></Content>\n<MsgId>{id}</MsgId>\n</xml>"
    )
}

/// Fault 85.
#[tokio::test]
async fn text_that_holds_markup_is_handled_like_any_other_in_every_mode() {
    let shop = shop();
    let texts = [
        "看看 <root><status><![CDATA[ok]]></status></root> 吧",
        "x]]></Content><FromUserName><![CDATA[oEve]]></FromUserName><MsgId>9</MsgId><Content><![CDATA[y",
    ];
    let mut id = 24_000_000_000_000_000_u64;
    for mode in ["safe", "compatible", "plaintext"] {
        let world = World::start().await;
        let mut settings = world.parameter("callback/shop");
        settings["mode"] = mode.into();
        world.set_parameter("callback/shop", &settings);
        for content in texts {
            id += 1;
            let message = unescaped(content, id);
            let letter = Letter::new(&shop, &message);
            let body = match mode {
                "safe" => letter.body(),
                "compatible" => message
                    .replace("\n</xml>", &format!("<Encrypt>{}</Encrypt></xml>", letter.encrypted)),
                _ => message.clone(),
            };
            let path = format!("/callback/shop?{}", letter.query());
            assert_eq!(post(&world, &path, body).await, 200, "{mode}: {content}");
            world.idle().await;
            let row = world.aws.row("events", "body", &message).await;
            assert_eq!(row["user"], format!("{}#oAnn", shop.app_id), "{row}");
            assert_eq!(
                (&row["kind"], row["event"].as_str()),
                (&json!("text"), Some(format!("1795186923#msg-{id}").as_str()))
            );
            assert!(row["applied_at"].is_number(), "{row}");
        }
    }
}

/// Fault 86.
#[tokio::test]
async fn message_with_bytes_that_are_no_text_is_kept_and_applied() {
    let world = World::start().await;
    let shop = shop();
    let mut message = unescaped("half a character: ?", 24_000_000_000_000_001).into_bytes();
    let place = message.iter().position(|byte| *byte == b'?').unwrap();
    message[place] = 0xe4;
    let letter = Letter::new(&shop, &message);
    let path = format!("/callback/shop?{}", letter.query());
    assert_eq!(post(&world, &path, letter.body()).await, 200);
    world.idle().await;
    let rows = world.aws.rows("events").await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (&row["user"], &row["kind"]),
        (&json!(format!("{}#oAnn", shop.app_id)), &json!("text"))
    );
    assert!(row["body"].as_str().unwrap().contains("character: \u{fffd}]]>"), "{row}");
    assert!(row["applied_at"].is_number(), "{row}");
}

/// Fault 29.
#[tokio::test]
async fn message_of_an_unknown_type_opens_the_reply_window() {
    let world = World::start().await;
    let shop = shop();
    // JeffreySu/WeiXinMPSDK #1071.
    let message = "<xml>\n <ToUserName>\n  <![CDATA[gh_1]]>\n </ToUserName>\n <FromUserName>\n  <![CDATA[oAnn]]>\n </FromUserName>\n\
         <CreateTime>1795186923</CreateTime>\n <MsgType>\n  <![CDATA[file]]>\n </MsgType>\n <Title>\n  <![CDATA[piano.wav]]>\n </Title>\n\
         <FileKey><![CDATA[AwAAAAAAAABF4n55]]></FileKey><FileTotalLen>10203788</FileTotalLen><MsgId>6520106268131360945</MsgId></xml>";
    let letter = Letter::new(&shop, message);
    let path = format!("/callback/shop?{}", letter.query());
    assert_eq!(post(&world, &path, letter.body()).await, 200);
    world.idle().await;
    assert_eq!(world.aws.row("events", "body", message).await["kind"], "file");
    let items = world.aws.rows("users").await;
    let user = format!("{}#oAnn", shop.app_id);
    assert!(
        items.iter().any(|row| row["user"] == *user && row["item"].as_str().unwrap().starts_with("window#")),
        "{items:?}"
    );
}

/// WeChat's games and payments push events without a sender.
#[tokio::test]
async fn event_without_a_sender_is_applied() {
    let world = World::start().await;
    let message = r#"{"CreateTime":1795186923,"MsgType":"event","Event":"minigame_deliver"}"#;
    let letter = Letter::new(&shop(), message);
    let path = format!("/callback/shop?{}", letter.query());
    assert_eq!(post(&world, &path, letter.body()).await, 200);
    world.idle().await;
    let row = world.aws.row("events", "body", message).await;
    assert!(row["applied_at"].is_number() && row["quarantined_at"].is_null(), "{row}");
}

#[tokio::test]
async fn unreadable_plaintext_push_is_rejected() {
    let world = World::start().await;
    let mut settings = world.parameter("callback/shop");
    settings["mode"] = "plaintext".into();
    world.set_parameter("callback/shop", &settings);
    let letter = Letter::new(&shop(), "");
    for message in RIDDLES {
        let path = format!("/callback/shop?{}", letter.query());
        assert_eq!(post(&world, &path, message).await, 403, "{message}");
    }
    world.idle().await;
    assert!(world.aws.rows("events").await.is_empty());
}

/// WeChat may change what it sends, and what is lost is lost.
#[tokio::test]
async fn incomplete_message_is_quarantined_whole() {
    let world = World::start().await;
    let shop = shop();
    for message in [
        "<xml><FromUserName>oAnn</FromUserName><MsgType>text</MsgType><Content>no time</Content></xml>",
        r#"{"CreateTime":1795186923,"MsgType":"event","Event":"CLICK"}"#,
        "<xml><FromUserName>oAnn</FromUserName><CreateTime>1795186923</CreateTime><MsgType>event</MsgType></xml>",
    ] {
        let letter = Letter::new(&shop, message);
        let path = format!("/callback/shop?{}", letter.query());
        assert_eq!(post(&world, &path, letter.body()).await, 200, "{message}");
        world.idle().await;
        let row = world.aws.row("events", "body", message).await;
        assert!(row["quarantined_at"].is_number() && row["problem"].is_string(), "{row}");
    }
}

/// Fault 23.
#[tokio::test]
async fn invalid_settings_reject_requests_for_that_app_only() {
    let world = World::start().await;
    world.set_parameter("callback/shop", &json!({ "mode": "nonsense" }));
    let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi" });
    let push = json!({ "app": "shop-mini", "message": message });
    assert_eq!(world.wechat.push(push).await[0]["status"], 200);
    let push = json!({ "app": "shop", "message": message });
    assert_eq!(world.wechat.push(push).await[0]["status"], 500, "WeChat must deliver it again");
    assert!(world.lines().iter().any(|line| line.contains("/hongyan/local/callback/shop")));
}

/// Fault 16.
#[tokio::test]
async fn plaintext_is_rejected_when_the_app_is_in_safe_mode() {
    let world = World::start().await;
    for (app, format) in [("shop", "xml"), ("shop-mini", "json"), ("shop", "json")] {
        let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi" });
        let order =
            json!({ "app": app, "message": message, "mode": "plaintext", "format": format });
        let status = world.wechat.push(order).await[0]["status"].as_u64().unwrap();
        assert_eq!(status, 403, "{app}, {format}");
    }
    world.idle().await;
    assert!(world.aws.rows("events").await.is_empty());
}

/// What the parameter of the app says counts, not what a push says of itself.
async fn every_format_in(mode: &str) {
    let world = World::start().await;
    for app in ["shop", "shop-mini"] {
        let name = format!("callback/{app}");
        let mut settings = world.parameter(&name);
        settings["mode"] = mode.into();
        world.set_parameter(&name, &settings);
    }
    let mut expected = Vec::new();
    for app in ["shop", "shop-mini"] {
        for format in ["xml", "json"] {
            let content = format!("你好 <{app}> & \"{format}\"");
            let message = json!({ "from": "ann", "MsgType": "text", "Content": content });
            let order = json!({ "app": app, "message": message, "mode": mode, "format": format });
            let answers = world.wechat.push(order).await;
            assert_eq!(answers[0]["body"], "success", "{app}, {format}: {answers:?}");
            expected.push(content);
        }
    }
    world.idle().await;
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!(row["kind"], "text");
        assert!(row["pending"].is_null(), "{row}");
    }
    let bodies: String = rows.iter().map(|row| row["body"].as_str().unwrap()).collect();
    for content in expected {
        let as_json = Value::from(content.as_str()).to_string();
        assert!(bodies.contains(&content) || bodies.contains(&as_json), "{content} in {bodies}");
    }
}

#[tokio::test]
async fn plaintext_mode_works_in_both_formats() {
    every_format_in("plaintext").await;
}

#[tokio::test]
async fn compatible_mode_works_in_both_formats() {
    every_format_in("compatible").await;
}

#[tokio::test]
async fn safe_mode_works_in_both_formats() {
    every_format_in("safe").await;
}

/// Fault 17.
#[tokio::test]
async fn compatible_mode_reads_the_encrypted_part_only() {
    let world = World::start().await;
    let mut settings = world.parameter("callback/shop");
    settings["mode"] = "compatible".into();
    world.set_parameter("callback/shop", &settings);
    let letter = Letter::new(&shop(), text("oAnn", "sealed"));
    let beside = text("oMallory", "forged").replace("</xml>", "");
    let body = format!("{beside}<Encrypt>{}</Encrypt></xml>", letter.encrypted);
    assert_eq!(post(&world, &format!("/callback/shop?{}", letter.query()), body).await, 200);
    world.idle().await;
    let rows = world.aws.rows("events").await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row["body"], text("oAnn", "sealed"));
}

/// Fault 24.
#[tokio::test]
async fn previous_token_and_key_are_valid_during_a_rotation() {
    let old = shop();
    let new_key = "B".repeat(42) + "A";
    let settings = |previous: bool| {
        let mut settings =
            json!({ "mode": "safe", "token": "newtoken", "encoding_aes_key": new_key });
        if previous {
            settings["previous_token"] = old.callback_token.expose().into();
            settings["previous_encoding_aes_key"] = old.encoding_aes_key.expose().into();
        }
        settings
    };
    for (previous, status) in [(true, 200), (false, 403)] {
        let world = World::start().await;
        world.set_parameter("callback/shop", &settings(previous));
        let order = json!({ "app": "shop", "message": { "from": "ann", "MsgType": "text", "Content": "hi" } });
        let answer = world.wechat.push(order).await.remove(0);
        assert_eq!(answer["status"], status, "with the previous ones: {previous}");
        let mut new = old.clone();
        new.callback_token = Secret::new("newtoken");
        new.encoding_aes_key = Secret::new(new_key.clone());
        let letter = Letter::new(&new, text("oAnn", "hello"));
        let path = format!("/callback/shop?{}", letter.query());
        assert_eq!(post(&world, &path, letter.body()).await, 200, "the new ones always do");
    }
}

/// WeChat's console is changed after the parameter, so what refuses must be read
/// again: no caller sends three times for ten minutes.
#[tokio::test]
async fn changed_token_is_loaded_before_wechat_uses_it() {
    let world = World::start().await;
    let right = world.parameter("callback/shop");
    let mut wrong = right.clone();
    wrong["token"] = "anothertoken".into();
    world.set_parameter("callback/shop", &wrong);
    let push = async || {
        let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 5 });
        world.wechat.push(json!({ "app": "shop", "message": message })).await.remove(0)
    };
    assert_eq!(push().await["status"], 403);
    world.set_parameter("callback/shop", &right);
    let taken = async { while push().await["status"] != 200 {} };
    assert!(tokio::time::timeout(MAX_WAIT, taken).await.is_ok(), "the new token is not known");
}

/// Faults 1, 14.
#[tokio::test]
async fn three_deliveries_of_one_message_store_one_event() {
    let world = World::start().await;
    world.wechat.end_chaos().await;
    let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 24_000_000_000_000_002_i64 });
    let event =
        json!({ "from": "ann", "MsgType": "event", "Event": "CLICK", "EventKey": "ORDERS" });
    let deliver = async || {
        for what in [&message, &event] {
            let order =
                json!({ "app": "shop", "message": what, "times": 3, "create_time": 1_795_186_923 });
            let answers = world.wechat.push(order).await;
            assert_eq!(answers.len(), 3);
            assert!(answers.iter().all(|answer| answer["body"] == "success"), "{answers:?}");
        }
        world.idle().await;
        let mut rows = world.aws.rows("events").await;
        rows.sort_by_key(|row| row["kind"].to_string());
        rows
    };
    let rows = deliver().await;
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["kind"], &rows[1]["kind"]), (&json!("click"), &json!("text")));
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:?}");
    assert_eq!(deliver().await, rows, "what comes once more, later, changes nothing");
}

/// Faults 9, 29.
#[tokio::test]
async fn different_events_of_one_second_are_all_stored() {
    let world = World::start().await;
    for event in ["CLICK", "VIEW", "something_new"] {
        for key in ["A", "B"] {
            let message =
                json!({ "from": "ann", "MsgType": "event", "Event": event, "EventKey": key });
            let order = json!({ "app": "shop", "message": message, "create_time": 1_795_186_923 });
            assert_eq!(world.wechat.push(order).await[0]["body"], "success");
        }
    }
    world.idle().await;
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "what is unknown is settled too");
}

/// Fault 96.
#[tokio::test]
async fn push_is_recorded_under_the_settings_that_verified_it() {
    let world = World::start().await;
    let mut app = shop();
    app.app_id = AppId::parse("wx00000000000000f7").unwrap();
    let mut settings = world.parameter("apps/shop");
    // The functions have read the former ones.
    let reads = Letter::new(&shop(), text("oAnn", "before"));
    assert_eq!(post(&world, &format!("/callback/shop?{}", reads.query()), reads.body()).await, 200);
    settings["app_id"] = app.app_id.as_str().into();
    settings["replies"] =
        json!([{ "on": { "contains": "after" }, "reply": { "text": "by the new rules" } }]);
    world.set_parameter("apps/shop", &settings);
    let push = async || {
        let letter = Letter::new(&app, text("oAnn", "after"));
        let url = world.url(&format!("/callback/shop?{}", letter.query()));
        let answer = world.client.post(url).body(letter.body()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let answered = async {
        loop {
            let (status, body) = push().await;
            if status == 200 {
                break body;
            }
        }
    };
    let body = tokio::time::timeout(MAX_WAIT, answered).await.expect("the settings are not known");
    assert_ne!(body, "success", "the first push that the new settings verify has their reply");
    world.idle().await;
    let rows = world.aws.rows("events").await;
    let users: BTreeSet<_> = rows.iter().map(|row| row["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["wx0000000000005a01#oAnn", "wx00000000000000f7#oAnn"].into());
}

/// Fault 97.
#[tokio::test]
async fn flood_of_rejected_requests_is_no_flood_of_lines() {
    let world = World::start().await;
    for _ in 0..50 {
        assert_eq!(post(&world, "/callback/shop", "x").await, 403);
    }
    let lines = world.lines();
    let rejected: Vec<_> =
        lines.iter().filter(|line| line.contains("rejected the request")).collect();
    // One at a time, they all meet one execution environment; a minute may end meanwhile.
    assert!((10..=20).contains(&rejected.len()), "{rejected:#?}");
    assert!(rejected.iter().all(|line| line.contains("127.0.0.1")), "{rejected:#?}");
}
