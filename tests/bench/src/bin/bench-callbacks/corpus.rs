//! The pushes that every implementation answers.

use serde::{Serialize, Serializer};
use serde_json::json;
use shared::clock::Timestamp;
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::envelope;
use shared::wechat::id::AppId;
use shared::wechat::push::{Format, Push, PushKind};
use shared::wechat::signature;

/// The time of every push.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000);
/// Deliveries of one case, enough that consecutive answers differ.
const DELIVERIES: usize = 64;

pub(crate) const TOKEN: &str = "QDG6eK";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP_ID: &str = "wx3f1b2c4d5e6a7980";
const ACCOUNT: &str = "gh_97417a04a28d";
const NONCE: &str = "1514711492";

/// The kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// A signature, and a string to return.
    UrlVerification,
    /// A push in plaintext.
    Plain,
    /// An encrypted push; so is the reply.
    Safe,
}

/// Deliveries of one kind, to one app.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    #[serde(skip)]
    pub(crate) format: Format,
    pub(crate) method: &'static str,
    token: &'static str,
    aes_key: &'static str,
    app_id: &'static str,
    pub(crate) deliveries: Vec<Delivery>,
}

/// One request of WeChat's, as a handler receives it.
#[derive(Debug, Serialize)]
pub(crate) struct Delivery {
    #[serde(serialize_with = "object")]
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// What the user wrote: the implementations have to find it in the body.
    #[serde(skip)]
    content: String,
}

/// The four cases.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("GET URL verification", Mode::UrlVerification, Format::Xml),
        case("plain XML", Mode::Plain, Format::Xml),
        case("safe XML", Mode::Safe, Format::Xml),
        case("safe JSON", Mode::Safe, Format::Json),
    ]
}

/// The reply to a text. It contains the text, so that an implementation has to read it.
pub(crate) fn reply_to(content: &str) -> String {
    format!("收到：{content}")
}

fn case(name: &'static str, mode: Mode, format: Format) -> Case {
    Case {
        name,
        mode,
        format,
        method: if mode == Mode::UrlVerification { "GET" } else { "POST" },
        token: TOKEN,
        aes_key: AES_KEY,
        app_id: APP_ID,
        deliveries: (0..DELIVERIES).map(|number| delivery(number, mode, format)).collect(),
    }
}

fn delivery(number: usize, mode: Mode, format: Format) -> Delivery {
    let content = format!("订单 {number} 什么时候发货？{}", "Thanks! 🙂 ".repeat(number % 8))
        .trim_end()
        .to_owned();
    let mut query = vec![
        ("signature", signature::sign(&[TOKEN, &NOW.to_string(), NONCE])),
        ("timestamp", NOW.to_string()),
        ("nonce", NONCE.to_owned()),
    ];
    let body = match mode {
        Mode::UrlVerification => {
            query.push(("echostr", format!("43751209483453562{number:02}")));
            String::new()
        }
        Mode::Plain => {
            query.push(("openid", open_id(number)));
            message(number, format, &content)
        }
        Mode::Safe => {
            let message = message(number, format, &content);
            let random = crypto::synthetic_random(&key(), message.as_bytes());
            let encrypt = crypto::encrypt(&key(), &app_id(), random, message.as_bytes());
            query.push(("openid", open_id(number)));
            query.push(("encrypt_type", "aes".to_owned()));
            let signature = signature::sign(&[TOKEN, &NOW.to_string(), NONCE, &encrypt]);
            query.push(("msg_signature", signature));
            envelope_around(format, &encrypt)
        }
    };
    Delivery { query, body, content }
}

fn open_id(number: usize) -> String {
    format!("oAnn-64_characters_or_less{number:02}")
}

fn message(number: usize, format: Format, content: &str) -> String {
    let (from, id) = (open_id(number), 24_000_000_000_000_000 + number);
    match format {
        Format::Xml => format!(
            "<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>\n<FromUserName><![CDATA[{from}]]></FromUserName>\n\
             <CreateTime>{NOW}</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
             <Content><![CDATA[{content}]]></Content>\n<MsgId>{id}</MsgId>\n</xml>"
        ),
        Format::Json => json!({
            "ToUserName": ACCOUNT, "FromUserName": from, "CreateTime": NOW,
            "MsgType": "text", "Content": content, "MsgId": id,
        })
        .to_string(),
    }
}

fn envelope_around(format: Format, encrypt: &str) -> String {
    match format {
        Format::Xml => format!(
            "<xml>\n    <ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>\n    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>\n"
        ),
        Format::Json => json!({ "ToUserName": ACCOUNT, "Encrypt": encrypt }).to_string(),
    }
}

impl Case {
    /// Checks the answers by decrypting and parsing them. Returns a remark if they are
    /// right, but odd.
    ///
    /// # Errors
    ///
    /// What is wrong with the first wrong answer.
    pub(crate) fn check(&self, answers: &[String]) -> Result<Option<String>, String> {
        if answers.len() != self.deliveries.len() {
            let (answers, deliveries) = (answers.len(), self.deliveries.len());
            return Err(format!("{answers} answers to {deliveries} deliveries"));
        }
        let mut remark = None;
        for (delivery, answer) in self.deliveries.iter().zip(answers) {
            remark = self.check_one(delivery, answer)?;
        }
        Ok(remark)
    }

    fn check_one(&self, delivery: &Delivery, answer: &str) -> Result<Option<String>, String> {
        let reply = match self.mode {
            Mode::UrlVerification if Some(answer) == delivery.get("echostr") => return Ok(None),
            Mode::UrlVerification => return Err(format!("not the echostr: {answer}")),
            Mode::Plain => answer.to_owned(),
            Mode::Safe => decrypt(self.format, answer)?,
        };
        let read = Push::read(&app_id(), &reply).map_err(|error| format!("{error}: {reply}"))?;
        let is = |name: &str, expected| read.tree[name].as_str() == expected;
        let right = is("FromUserName", Some(ACCOUNT))
            && is("ToUserName", delivery.get("openid"))
            && is("MsgType", Some("text"))
            && is("Content", Some(&reply_to(&delivery.content)));
        if !right {
            return Err(format!("not the reply to {:?}: {reply}", delivery.content));
        }
        Ok(match read.kind {
            PushKind::Message(_) => None,
            // For example a time in milliseconds.
            PushKind::Malformed { problem, .. } => {
                Some(format!("{problem}: {}", read.tree["CreateTime"]))
            }
            other => Some(format!("it would be read as {other:?}")),
        })
    }
}

impl Delivery {
    /// The query's parameters.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// A parameter of the query.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

/// Verifies and decrypts a reply.
fn decrypt(format: Format, answer: &str) -> Result<String, String> {
    let missing = |name: &str| format!("{name} is missing: {answer}");
    let field = |name: &str| match format {
        Format::Json => {
            let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
            answer[name]
                .as_str()
                .map(str::to_owned)
                .or_else(|| answer[name].as_u64().map(|number| number.to_string()))
        }
        Format::Xml => {
            let (_, after) = answer.split_once(&format!("<{name}>"))?;
            let (text, _) = after.split_once(&format!("</{name}>"))?;
            let text = text.strip_prefix("<![CDATA[").unwrap_or(text);
            Some(text.strip_suffix("]]>").unwrap_or(text).to_owned())
        }
    };
    let required = |name| field(name).ok_or_else(|| missing(name));
    let encrypt = envelope::encrypted(answer).map_err(|_| missing("Encrypt"))?;
    let parts = [TOKEN, &required("TimeStamp")?, &required("Nonce")?, encrypt];
    if !signature::verify(&required("MsgSignature")?, &parts) {
        return Err(format!("its signature is wrong: {answer}"));
    }
    let reply = crypto::decrypt(&key(), &app_id(), encrypt).map_err(|error| error.to_string())?;
    String::from_utf8(reply).map_err(|error| error.to_string())
}

/// The settings of the app that a server needs, as JSON.
pub(crate) fn settings() -> serde_json::Value {
    json!({ "token": TOKEN, "app_id": APP_ID, "aes_key": AES_KEY })
}

pub(crate) fn key() -> EncodingAesKey {
    EncodingAesKey::parse(AES_KEY).expect("the key above")
}

pub(crate) fn app_id() -> AppId {
    AppId::parse(APP_ID).expect("the app id above")
}

fn object<S: Serializer>(
    query: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(query.iter().map(|(name, value)| (name, value)))
}
