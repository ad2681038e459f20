//! WeChat's pushes: users' messages, events, and delivery receipts.
//!
//! Source: WeChat's documentation, ["接收普通消息"] and ["接收事件推送"] (receiving messages and
//! events).
//!
//! ["接收普通消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
//! ["接收事件推送"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html

mod dedup_key;
mod event;
mod fields;
mod json;
mod message;
mod receipt;
mod xml;

pub use event::{ChosenLocation, Event, Pictures, ScannedCode, Verification};
pub use message::Message;
pub use receipt::{
    BLOCKED_REASON, ConsentAnswer, ConsentDecision, DeliveryReceipt, DeliveryStatus,
    MassDeliveryReceipt, ServiceDeliveryReceipt, receipt_advice,
};

use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use fields::Fields;
use serde_json::Value;

/// The year 2286. State moves forward in event time only, so one event with a time in
/// milliseconds would block all later ones.
const MAX_CREATE_TIME: u64 = 10_000_000_000;
/// Unknown names are cut to this many characters.
const MAX_NAME_CHARS: usize = 64;

/// One decrypted push.
#[derive(Clone, Debug)]
pub struct Push {
    /// The original id (`gh_…`) of the account that it is for, which is the sender of a
    /// reply. Empty if WeChat didn't name it.
    pub to: String,
    /// The user it is about.
    pub from: OpenId,
    /// When it happened, by WeChat's clock. State moves forward in this time, not in the
    /// time of arrival.
    pub create_time: Timestamp,
    /// What happened.
    pub kind: PushKind,
    /// The deduplication key within the app, the user and the second: WeChat's `MsgId` for a
    /// message, a hash for an event, which has none. At most 68 characters.
    pub dedup_key: String,
    /// The reply must have the same format.
    pub format: Format,
    /// The whole content, under WeChat's names. From XML there are only strings, and repeated
    /// elements are an array.
    pub tree: Value,
}

/// The format of an app's pushes, as chosen in WeChat's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `<xml>…</xml>`.
    Xml,
    /// `{…}`.
    Json,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushKind {
    /// A user's message: a text, a picture, a location, ….
    Message(Message),
    /// An event.
    Event(Event),
    /// A push without a field that is needed to apply it. It is stored unchanged, for an
    /// operator.
    Malformed {
        /// As in [`PushKind::Other`].
        name: String,
        /// What is missing or invalid.
        problem: &'static str,
    },
    /// An unknown kind. It is stored unchanged.
    Other {
        /// WeChat's name of the event, or the `MsgType` of another push: in lower case, and cut
        /// if it is long.
        name: String,
    },
}

impl Push {
    /// Reads a decrypted push in XML or JSON. The first byte that isn't white space tells the
    /// format, because WeChat declares `text/xml` for both.
    ///
    /// It is an error if the body isn't well-formed, has no type, or has two values where
    /// WeChat has one. In any other case of missing fields it is [`PushKind::Malformed`].
    pub fn read(app_id: &AppId, body: &str) -> Result<Self, InvalidPush> {
        let body = body.trim_ascii_start();
        let (format, tree) = match body.as_bytes().first() {
            Some(b'<') => (Format::Xml, xml::read(body)),
            Some(b'{') => (Format::Json, json::read(body)),
            _ => return Err(InvalidPush("it is neither XML nor JSON")),
        };
        Self::from_tree(app_id, format, tree.map_err(InvalidPush)?)
    }

    fn from_tree(app_id: &AppId, format: Format, tree: Value) -> Result<Self, InvalidPush> {
        let fields = Fields(&tree);
        // In XML, repeated elements have become an array.
        let single = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId"];
        if single.into_iter().any(|name| fields.within(name).0.is_array()) {
            return Err(InvalidPush("who, when or what is there twice"));
        }
        let message_type =
            fields.word("MsgType").ok_or(InvalidPush("MsgType is missing"))?.to_lowercase();
        let event = fields.word("Event").filter(|_| message_type == "event");
        let event = event.map(|event| event.to_lowercase()).unwrap_or_default();

        let from = subject(&event, fields);
        let create_time =
            fields.number("CreateTime").filter(|time| *time < MAX_CREATE_TIME).map(Timestamp);
        let kind = match (&from, create_time) {
            (Err(problem), _) => Err(*problem),
            (_, None) => Err("CreateTime is missing or no time"),
            _ => PushKind::read(&message_type, &event, fields),
        };
        let name = if event.is_empty() { &message_type } else { &event };
        let kind =
            kind.unwrap_or_else(|problem| PushKind::Malformed { name: shortened(name), problem });

        let from = from.unwrap_or_else(|_| {
            // The sender, if the event doesn't name the user that it is about.
            let sender = fields.word("FromUserName").and_then(|from| OpenId::parse(from).ok());
            sender.unwrap_or_else(OpenId::unknown)
        });
        let create_time = create_time.unwrap_or(Timestamp(0));
        let dedup_key =
            dedup_key::dedup_key(app_id, &from, create_time, [&message_type, &event], fields);
        Ok(Self { to: fields.text("ToUserName"), from, create_time, kind, dedup_key, format, tree })
    }
}

/// The user that a push is about. WeChat itself sends some events, and names the user in
/// another field.
fn subject(event: &str, fields: Fields<'_>) -> Result<OpenId, &'static str> {
    let is_privacy_event = matches!(
        event,
        "user_info_modified" | "user_authorization_revoke" | "user_authorization_cancellation"
    );
    let (name, problem) = if is_privacy_event {
        ("OpenID", "OpenID is missing or no openid")
    } else {
        ("FromUserName", "FromUserName is missing or no openid")
    };
    fields.word(name).and_then(|from| OpenId::parse(from).ok()).ok_or(problem)
}

/// A name for logs and tables.
fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

impl PushKind {
    fn read(message_type: &str, event: &str, fields: Fields<'_>) -> Result<Self, &'static str> {
        let (name, known) = match (message_type, event) {
            ("event", "") => return Err("Event is missing"),
            ("event", event) => (event, Event::read(event, fields)?.map(Self::Event)),
            (message_type, _) => {
                (message_type, Message::read(message_type, fields).map(Self::Message))
            }
        };
        Ok(known.unwrap_or_else(|| Self::Other { name: shortened(name) }))
    }

    /// WeChat's name of the event, or the `MsgType` of another push, in lower case.
    pub fn name(&self) -> &str {
        match self {
            Self::Message(message) => message.name(),
            Self::Event(event) => event.name(),
            Self::Malformed { name, .. } | Self::Other { name } => name,
        }
    }
}

/// The body isn't a push of WeChat's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a push of WeChat's: {0}")]
pub struct InvalidPush(&'static str);

#[cfg(test)]
mod tests;
