//! Safe mode's envelopes: what either side seals, the other one opens, at every
//! length that a pad can have, and neither believes a forgery.

mod forgery;

use crate::peer::{Peer, PeerError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::callback::{Callback, DEFAULT_WINDOW, EncryptionMode, Query};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::id::AppId;
use shared::wechat::push::{Format, Message, Push, PushKind};
use shared::wechat::reply::Reply;
use std::fmt;

/// Twice as many as there are pads.
const LENGTHS: usize = 64;
/// What makes XML, JSON and UTF-8 difficult.
const DIFFICULT: &str = "鸿雁 ]]> 🦢\u{200d}👧 <b>&amp;\n\"\\";
/// When WeChat is said to speak.
const NOW: Timestamp = Timestamp(1_700_000_000);
/// What it wants to hear back when it greets.
const ECHO: &str = "4375120948345356249";
/// How far behind a reply is.
const PAUSE: u64 = 1;

/// An app with made-up secrets: one for each value of the two bits at the end
/// of an EncodingAESKey that are no part of the key. The tokens sort before,
/// between and after what they are signed with.
const APPS: [(&str, &str, &str); 4] = [
    ("wx3f1b2c4d5e6a7980", "0AbC", "kT7wq0Zx3NfLr8VhYpD2sGm5Jc9BeUaRt6Ki1Mo4Wn8"),
    ("wx1", "QDG6eK", "9pWv2Lk8XsQe5Rz1Yb7Tn4Gh0Jc3Um6Df2Ax5Vo8Ki9"),
    (
        "wx0123456789abcdef",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    ),
    ("wxfedcba9876543210", "1714036504", "H5jN8bQ2vX6mC0zL4kR9tW3yF7gP1dS5aJ8hU2eO6iT"),
];

/// How much was checked with one peer, all of it without a fault.
#[derive(Debug, Default)]
pub struct Checked {
    texts: usize,
    in_xml: usize,
    in_json: usize,
    forgeries: usize,
}

/// The first thing that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A key that WeChat could give.
    #[error("AES key {0} is refused here")]
    Key(&'static str),
    /// A step with one key and one length.
    #[error("{step} of {length} bytes, {setting}: {problem} ({hint})")]
    Step {
        /// What was tried.
        step: &'static str,
        /// How long the message is, in bytes.
        length: usize,
        /// The app, its token and its key: made up, so no secrets.
        setting: String,
        /// What went wrong.
        problem: Box<Problem>,
        /// Whether the peer is to be believed.
        hint: &'static str,
    },
}

/// What can go wrong in a step.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The peer fails.
    #[error("the peer raised an error: {0}")]
    Peer(#[from] PeerError),
    /// We don't take what the peer made.
    #[error("{0} is refused here")]
    RefusedHere(&'static str),
    /// The peer doesn't take what we made.
    #[error("the peer refused it: {0}")]
    RefusedThere(String),
    /// Something came out other than it went in.
    #[error("{what} differs: expected {expected:?}, found {found:?}")]
    Differs {
        /// Which part of it.
        what: &'static str,
        /// As it went in.
        expected: String,
        /// As it came out.
        found: String,
    },
    /// An implementation accepts an invalid message.
    #[error("a forgery is believed: {0}")]
    Forged(&'static str),
    /// What was given can't be checked.
    #[error("{0}")]
    Unusable(String),
}

/// What a peer makes of an envelope.
#[derive(Deserialize)]
struct DecryptedMessage {
    message: Option<String>,
    refused: Option<String>,
    #[serde(default)]
    fields: Value,
}

/// A push as a peer would send it.
#[derive(Clone, Deserialize)]
struct Delivery {
    query: Vec<(String, String)>,
    body: String,
}

#[derive(Deserialize)]
struct Sealed {
    encrypt: String,
}

/// Lets `peer` and us seal for each other: bare texts of all lengths from 0,
/// whole deliveries of consecutive lengths, in XML and in JSON, and the replies
/// to them.
///
/// # Errors
///
/// At the first thing that fails.
pub fn check(peer: &mut Peer) -> Result<Checked, Failed> {
    let mut checked = Checked::default();
    for app in APPS {
        let mut side = Side { peer, app: App::new(app)?, checked: &mut checked };
        for length in 0..LENGTHS {
            let text = bare(length);
            side.step("a bare text", &text, |side| side.bare(&text))?;
        }
        for filling in 0..LENGTHS {
            let content = format!("{DIFFICULT}{}", "x".repeat(filling));
            let message = push(Format::Xml, &content);
            side.step("a delivery in XML", &message, |side| side.in_xml(&content, &message))?;
            let message = push(Format::Json, &content);
            side.step("a delivery in JSON", &message, |side| side.in_json(&content, &message))?;
        }
        for format in [Format::Xml, Format::Json] {
            let message = push(format, DIFFICULT);
            side.step("a forgery", &message, |side| side.forgeries(format, &message))?;
        }
    }
    Ok(checked)
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texts, in_xml, in_json, forgeries } = self;
        let lengths = |format| {
            let shortest = push(format, DIFFICULT).len();
            format!("{shortest} to {} bytes", shortest + LENGTHS - 1)
        };
        write!(
            f,
            "with {} keys, {texts} texts (0 to {} bytes) opened here, {texts} there; \
             {in_xml} deliveries in XML ({}) and {in_json} in JSON ({}) opened here, \
             {} replies there; {forgeries} forgeries refused",
            APPS.len(),
            LENGTHS - 1,
            lengths(Format::Xml),
            lengths(Format::Json),
            in_xml + in_json,
        )
    }
}

/// An app as the peer and we are both set up for it.
struct App {
    callback: Callback,
    key: EncodingAesKey,
    /// The same, for the peer.
    json: Value,
}

impl App {
    fn new((app_id, token, aes_key): (&str, &str, &'static str)) -> Result<Self, Failed> {
        let key = EncodingAesKey::parse(aes_key).map_err(|_| Failed::Key(aes_key))?;
        let callback = Callback {
            app_id: AppId::parse(app_id).expect("one of the apps above"),
            mode: EncryptionMode::Safe,
            tokens: vec![Secret::new(token)],
            aes_keys: vec![key.clone()],
            window: DEFAULT_WINDOW,
        };
        let json = json!({ "app_id": app_id, "token": token, "aes_key": aes_key });
        Ok(Self { callback, key, json })
    }
}

/// The peer, and us, set up for one app.
struct Side<'p> {
    peer: &'p mut Peer,
    app: App,
    checked: &'p mut Checked,
}

impl Side<'_> {
    /// Takes a step with `message`, and says more about it if it fails.
    fn step(
        &mut self,
        step: &'static str,
        message: &str,
        work: impl FnOnce(&mut Self) -> Result<(), Problem>,
    ) -> Result<(), Failed> {
        work(self).map_err(|problem| {
            let text = |name: &str| self.app.json[name].as_str().unwrap_or_default();
            let (app, token, aes_key) = (text("app_id"), text("token"), text("aes_key"));
            Failed::Step {
                step,
                length: message.len(),
                setting: format!("app {app}, token {token}, AES key {aes_key}"),
                problem: Box::new(problem),
                hint: if self.opens_its_own(message) {
                    "the peer does open what it seals itself"
                } else {
                    "the peer doesn't open what it seals itself either: a bug of its own"
                },
            }
        })
    }

    /// Whether a message comes out of the peer's own envelope as it went in.
    fn opens_its_own(&mut self, message: &str) -> bool {
        let sealed = self.request::<Sealed>("encrypt", json!({ "message": message }));
        let opened = sealed.and_then(|Sealed { encrypt }| {
            self.request::<DecryptedMessage>("decrypt", json!({ "encrypt": encrypt }))
        });
        opened.is_ok_and(|opened| opened.message.as_deref() == Some(message))
    }

    /// A text without a push around it, there and back.
    fn bare(&mut self, text: &str) -> Result<(), Problem> {
        let Sealed { encrypt } = self.request("encrypt", json!({ "message": text }))?;
        let (key, app_id) = (&self.app.key, &self.app.callback.app_id);
        let found = crypto::decrypt(key, app_id, &encrypt)
            .map_err(|_| Problem::RefusedHere("the ciphertext"))?;
        same("the text", text, &String::from_utf8_lossy(&found))?;

        let random = crypto::synthetic_random(key, text.as_bytes());
        let encrypt = crypto::encrypt(key, app_id, random, text.as_bytes());
        let opened: DecryptedMessage = self.request("decrypt", json!({ "encrypt": encrypt }))?;
        same("the text", text, &opened.message()?)?;
        self.checked.texts += 1;
        Ok(())
    }

    fn in_xml(&mut self, content: &str, message: &str) -> Result<(), Problem> {
        self.delivery(Format::Xml, content, message)?;
        self.checked.in_xml += 1;
        Ok(())
    }

    fn in_json(&mut self, content: &str, message: &str) -> Result<(), Problem> {
        self.delivery(Format::Json, content, message)?;
        self.checked.in_json += 1;
        Ok(())
    }

    /// A push in its envelope comes in, and a reply in its envelope goes back.
    fn delivery(&mut self, format: Format, content: &str, message: &str) -> Result<(), Problem> {
        let delivery = self.deliver(format, message)?;
        let query = delivery.query(&[("echostr", ECHO)])?;
        let callback = &self.app.callback;
        let echo = callback.verify_url(&query, NOW);
        same(
            "the URL verification",
            ECHO,
            echo.map_err(|_| Problem::RefusedHere("the URL verification"))?,
        )?;
        let opened = callback.decrypt(&query, delivery.body.as_bytes(), NOW);
        let opened = opened.map_err(|_| Problem::RefusedHere("the delivery"))?;
        same("the message", message, &opened.message)?;
        let push = Push::read(&callback.app_id, &opened.message)
            .map_err(|error| Problem::Unusable(error.to_string()))?;
        match &push.kind {
            PushKind::Message(Message::Text { content: found, .. }) => {
                same("the content", content, found)?;
            }
            other => return Err(Problem::Unusable(format!("read as {other:?}, not as a text"))),
        }

        let at = NOW.plus(PAUSE);
        let written = Reply::Text(content.to_owned()).write(&push, at);
        let cipher = opened
            .reply_cipher
            .ok_or(Problem::Unusable("opened without a reply cipher".to_owned()))?;
        let opened = self.open(format, &cipher.encrypt(&written, format, at))?;
        same("the reply", &written, &opened.message()?)?;
        let read = [
            ("ToUserName", "oAnn"),
            ("FromUserName", "gh_1"),
            ("CreateTime", &at.to_string()),
            ("MsgType", "text"),
            ("Content", content),
        ];
        for (name, expected) in read {
            let found = match &opened.fields[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            same(name, expected, &found)?;
        }
        Ok(())
    }

    fn deliver(&mut self, format: Format, message: &str) -> Result<Delivery, PeerError> {
        self.deliver_for(&self.app.json.clone(), format, message)
    }

    fn deliver_for(
        &mut self,
        app: &Value,
        format: Format,
        message: &str,
    ) -> Result<Delivery, PeerError> {
        let request = json!({
            "timestamp": NOW.to_string(), "nonce": "1514711492",
            "format": name(format), "message": message, "app": app,
        });
        self.peer.request("deliver", request)
    }

    fn open(&mut self, format: Format, body: &str) -> Result<DecryptedMessage, PeerError> {
        self.request("open", json!({ "format": name(format), "body": body }))
    }

    fn request<T: DeserializeOwned>(
        &mut self,
        work: &str,
        mut request: Value,
    ) -> Result<T, PeerError> {
        request["app"] = self.app.json.clone();
        self.peer.request(work, request)
    }
}

impl DecryptedMessage {
    fn message(&self) -> Result<String, Problem> {
        let refused = || Problem::RefusedThere(self.refused.clone().unwrap_or_default());
        self.message.clone().ok_or_else(refused)
    }
}

impl Delivery {
    fn query(&self, more: &[(&str, &str)]) -> Result<Query, Problem> {
        let pairs = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Query::read(pairs.chain(more.iter().copied()))
            .map_err(|error| Problem::Unusable(error.to_string()))
    }
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Xml => "xml",
        Format::Json => "json",
    }
}

fn same(what: &'static str, expected: &str, found: &str) -> Result<(), Problem> {
    if expected == found {
        return Ok(());
    }
    Err(Problem::Differs { what, expected: expected.to_owned(), found: found.to_owned() })
}

/// A text of this many bytes, difficult from its beginning.
fn bare(length: usize) -> String {
    let mut text = DIFFICULT.repeat(length / DIFFICULT.len() + 1);
    text.truncate(text.floor_char_boundary(length));
    text.push_str(&".".repeat(length - text.len()));
    text
}

/// A user's text message, as WeChat writes it.
fn push(format: Format, content: &str) -> String {
    match format {
        Format::Xml => format!(
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oAnn]]></FromUserName>\n\
             <CreateTime>{NOW}</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
             <Content><![CDATA[{}]]></Content>\n<MsgId>24000000000000001</MsgId>\n</xml>",
            content.replace("]]>", "]]]]><![CDATA[>"),
        ),
        Format::Json => json!({
            "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": NOW,
            "MsgType": "text", "Content": content, "MsgId": 24_000_000_000_000_001_u64,
        })
        .to_string(),
    }
}

fn missing(name: &'static str) -> Problem {
    Problem::Unusable(format!("{name} is missing"))
}
