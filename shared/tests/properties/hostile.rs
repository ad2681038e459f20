//! What is claimed of the texts of users: in every mode and format, a text says nothing but
//! itself.

use crate::random::SeededRandom;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::wechat::callback::{Callback, EncryptionMode, Query};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::id::AppId;
use shared::wechat::push::{Event, Message, Push, PushKind};
use shared::wechat::signature;

/// The number of pushes.
const PUSHES: usize = 20_000;
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// What a text is put together of; `@` is the name of its own field.
const PARTS: [&str; 32] = [
    "你好",
    "]]>",
    "<![CDATA[",
    "</@>",
    "<@>",
    "]]></@>",
    "]]>\n</@ >",
    "<@><![CDATA[",
    "</xml>",
    "<xml>",
    "<FromUserName><![CDATA[oEve]]></FromUserName>",
    "<ToUserName>gh_eve</ToUserName>",
    "<CreateTime>1</CreateTime>",
    "<MsgType><![CDATA[event]]></MsgType>",
    "<Event>unsubscribe</Event>",
    "<MsgId>99</MsgId>",
    "<Encrypt>aaaa</Encrypt>",
    "<Title><![CDATA[",
    "]]></Title>",
    "<Description><![CDATA[",
    "]]></Description>",
    "<W>",
    "</W>",
    "<Content/>",
    "<!--",
    "?>",
    "&lt;",
    "\u{1}",
    "\u{fffd}",
    "\"}",
    "\\",
    "\n",
];

/// Pushes with texts of users: what stands between the time and the texts, the names of the
/// texts, and what stands behind them.
const SHAPES: [(&str, &[&str], &str); 11] = [
    ("<MsgType><![CDATA[text]]></MsgType>", &["Content"], "<MsgId>17</MsgId>"),
    ("<MsgType>text</MsgType><MsgId>17</MsgId>", &["Content"], "<bizmsgmenuid>1</bizmsgmenuid>"),
    (
        "<MsgType>voice</MsgType><MediaId><![CDATA[M]]></MediaId><Format>amr</Format><MsgId>17</MsgId>",
        &["Recognition"],
        "",
    ),
    ("<MsgType>link</MsgType>", &["Title", "Description", "Url"], "<MsgId>17</MsgId>"),
    ("<MsgType>location</MsgType><Location_X>1.50</Location_X>", &["Label"], "<MsgId>17</MsgId>"),
    (
        "<MsgType>miniprogrampage</MsgType><MsgId>17</MsgId>",
        &["Title", "PagePath"],
        "<ThumbMediaId>T</ThumbMediaId>",
    ),
    (
        "<MsgType>file</MsgType>",
        &["Title", "Description"],
        "<FileKey><![CDATA[k]]></FileKey><MsgId>17</MsgId>",
    ),
    (
        "<MsgType>event</MsgType><Event><![CDATA[SCAN]]></Event>",
        &["EventKey"],
        "<Ticket><![CDATA[T]]></Ticket>",
    ),
    ("<MsgType>event</MsgType><Event>user_enter_tempsession</Event>", &["SessionFrom"], ""),
    (
        "<MsgType>event</MsgType><Event>scancode_push</Event><EventKey><![CDATA[K]]></EventKey><ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType>",
        &["ScanResult"],
        "</ScanCodeInfo>",
    ),
    (
        "<MsgType>event</MsgType><Event>a_new_one</Event>",
        &["NickName", "Memo"],
        "<Number>1</Number>",
    ),
];

fn hostile(random: &mut SeededRandom, name: &str) -> String {
    (0..random.below(7)).map(|_| random.pick(&PARTS).replace('@', name)).collect()
}

/// The text as the reader gives it: a section's end as other writers escape it is its end.
fn unescaped(text: &str) -> String {
    text.replace("]]]]><![CDATA[>", "]]>")
}

/// The push in XML, with its texts written as WeChat writes them: as they are.
fn written(shape: (&str, &[&str], &str), texts: &[String]) -> String {
    let (front, names, behind) = shape;
    let texts = names.iter().zip(texts);
    let texts: String =
        texts.map(|(name, text)| format!("<{name}><![CDATA[{text}]]></{name}>\n")).collect();
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oAnn]]></FromUserName>\n\
         <CreateTime>1700000000</CreateTime>\n{front}{texts}{behind}</xml>"
    )
}

fn find<'t>(tree: &'t Value, name: &str) -> &'t Value {
    tree.get(name).or_else(|| tree["ScanCodeInfo"].get(name)).unwrap_or(&Value::Null)
}

fn assert_identity(push: &Push, as_meant: &Push, body: &str) {
    assert_eq!(push.from, as_meant.from, "{body}");
    assert_eq!((&push.to, push.create_time), (&as_meant.to, as_meant.create_time), "{body}");
    assert_eq!(push.kind.name(), as_meant.kind.name(), "{body}");
    for name in ["MsgType", "Event", "MsgId", "MsgID"] {
        assert_eq!(push.tree.get(name), as_meant.tree.get(name), "{name}: {body}");
    }
    match (&push.kind, &as_meant.kind) {
        (PushKind::Message(message), PushKind::Message(_)) => {
            assert!(message.words().is_none() || !matches!(message, Message::Link { .. }));
            assert_eq!(push.dedup_key, "msg-17", "{body}");
        }
        (
            PushKind::Event(Event::ScanCodePush { key, .. }),
            PushKind::Event(Event::ScanCodePush { key: meant, .. }),
        ) => assert_eq!(key, meant, "{body}"),
        _ => {}
    }
}

/// The push after its way through a mode: signed, and encrypted if the mode says so.
fn received(body: &str, mode: EncryptionMode, app_id: &AppId) -> String {
    let key = EncodingAesKey::parse(KEY).expect("43 letters");
    let callback = Callback {
        app_id: app_id.clone(),
        mode,
        tokens: vec![shared::secret::Secret::new("tok3n")],
        aes_keys: vec![key.clone()],
        window: 0,
    };
    let sealed = crypto::encrypt(&key, app_id, [7; 16], body.as_bytes());
    let encrypt = format!("<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>");
    let sent = match mode {
        EncryptionMode::Plaintext => body.to_owned(),
        EncryptionMode::Compatible => {
            format!("{}{encrypt}", body.strip_suffix("</xml>").expect("its end"))
        }
        EncryptionMode::Safe => format!("<xml><ToUserName>gh_1</ToUserName>{encrypt}"),
    };
    let signature = signature::sign(&["tok3n", "1700000000", "5"]);
    let msg_signature = signature::sign(&["tok3n", "1700000000", "5", &sealed]);
    let query = Query::read([
        ("signature", signature.as_str()),
        ("timestamp", "1700000000"),
        ("nonce", "5"),
        ("msg_signature", &msg_signature),
    ]);
    let opened =
        callback.decrypt(&query.expect("a query"), sent.as_bytes(), Timestamp(1_700_000_000));
    opened.unwrap_or_else(|error| panic!("{error}: {sent}")).message
}

/// Whatever users write, it changes neither who has sent a push nor what it is, and a text
/// that is alone in its push is read as it was written.
/// Fault 85.
#[test]
fn text_of_a_user_sets_no_other_field() {
    let app_id = AppId::parse("wx0123456789abcdef").expect("an app id");
    let mut random = SeededRandom::new(0x7465_7874);
    let modes = [EncryptionMode::Plaintext, EncryptionMode::Compatible, EncryptionMode::Safe];
    let mut odd = 0;
    for number in 0..PUSHES {
        let shape = *random.pick(&SHAPES);
        let names = shape.1;
        let texts: Vec<_> = names.iter().map(|name| hostile(&mut random, name)).collect();
        let plain: Vec<_> = names.iter().map(|_| "text".to_owned()).collect();
        let as_meant = Push::read(&app_id, &written(shape, &plain)).expect("a plain push");
        let body = written(shape, &texts);
        odd += usize::from(texts.iter().any(|text| text.contains("]]></")));

        let body_received = received(&body, modes[number % 3], &app_id);
        let push = Push::read(&app_id, &body_received)
            .unwrap_or_else(|error| panic!("{error}: {body_received}"));
        assert_identity(&push, &as_meant, &body);
        if let ([name], [text]) = (names, texts.as_slice()) {
            assert_eq!(*find(&push.tree, name), json!(unescaped(text)), "{body}");
            let fields = push.tree.as_object().expect("an object").len();
            assert_eq!(fields, as_meant.tree.as_object().expect("an object").len(), "{body}");
        }

        // JSON escapes texts, so they are read as they are.
        let mut tree = as_meant.tree.clone();
        let fields = tree.as_object_mut().expect("an object");
        for (name, text) in names.iter().zip(&texts).filter(|(name, _)| **name != "ScanResult") {
            fields.insert((*name).to_owned(), json!(text));
        }
        let push = Push::read(&app_id, &tree.to_string()).expect("a push in JSON");
        assert_identity(&push, &as_meant, &body);
        assert_eq!(push.tree, tree);
    }
    assert!(odd > PUSHES / 20, "only {odd} texts held an end of their own");
}
