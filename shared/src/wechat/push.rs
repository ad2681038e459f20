//! What WeChat pushes to us: messages of users, events, results of what was
//! sent.
//!
//! Source: WeChat's documentation, "接收普通消息" and "接收事件推送" (receiving
//! messages and events).

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
    ConsentDecision, DeliveryReceipt, DeliveryStatus, MassDeliveryReceipt, ServiceDeliveryReceipt,
};

use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use fields::Fields;
use serde_json::Value;

/// Later than any event: the year 2286. State moves forward in event time only,
/// and a time in milliseconds would stop it for good.
const END_OF_TIME: u64 = 10_000_000_000;
/// Of a name that isn't known, this many characters are told.
const LONGEST_NAME: usize = 64;

/// One push, opened and read.
#[derive(Clone, Debug)]
pub struct Push {
    /// The account that it is for, by its original id (`gh_…`); a reply comes
    /// from there. Empty if WeChat didn't say.
    pub to: String,
    /// The user it is about.
    pub from: OpenId,
    /// When it happened, by WeChat's clock. State moves forward in this time,
    /// not in that of arrival.
    pub create_time: Timestamp,
    /// What happened.
    pub kind: PushKind,
    /// What tells this push from every other of the same user and second:
    /// WeChat's `MsgId` for a message, a hash for an event, which has none. At
    /// most 68 characters.
    pub dedup_key: String,
    /// What it was written in. So must be its reply.
    pub format: Format,
    /// All that was in it, under WeChat's own names. What came as XML has only
    /// strings; elements of one name are an array.
    pub tree: Value,
}

/// What a push is written in, as WeChat's console says for each app.
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
    /// The user wrote, or sent a picture, a place, ….
    Message(Message),
    /// Something else happened.
    Event(Event),
    /// A push that lacks what it can't take effect without. It is kept as it
    /// came, for someone to look at.
    Malformed {
        /// WeChat's name of it, as in [`PushKind::Other`].
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What isn't known here. It is kept as it came.
    Other {
        /// WeChat's name of the event, or the `MsgType` where it isn't one: in
        /// lower case, and cut if it is a long one.
        name: String,
    },
}

impl Push {
    /// Reads an opened push, in XML or JSON; the first byte that isn't white
    /// space tells which. (WeChat says `text/xml` for both.)
    ///
    /// # Errors
    ///
    /// When it isn't a push of WeChat's: not well-formed, without type, or with
    /// two values where WeChat has one. Whatever else is wrong with it, it is a
    /// push, if a malformed one.
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
        // In XML, what is there twice has become an array.
        let single = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId"];
        if single.into_iter().any(|name| fields.within(name).0.is_array()) {
            return Err(InvalidPush("who, when or what is there twice"));
        }
        let message_type =
            fields.word("MsgType").ok_or(InvalidPush("MsgType is missing"))?.to_lowercase();
        let event = fields.word("Event").filter(|_| message_type == "event");
        let event = event.map(|event| event.to_lowercase()).unwrap_or_default();

        let from = sender(&event, fields);
        let create_time =
            fields.number("CreateTime").filter(|time| *time < END_OF_TIME).map(Timestamp);
        let kind = match (&from, create_time) {
            (Err(problem), _) => Err(*problem),
            (_, None) => Err("CreateTime is missing or no time"),
            _ => PushKind::read(&message_type, &event, fields),
        };
        let name = if event.is_empty() { &message_type } else { &event };
        let kind =
            kind.unwrap_or_else(|problem| PushKind::Malformed { name: short(name), problem });

        let from = from.unwrap_or_else(|_| {
            // Of an event that doesn't say whom it is about, who sent it.
            let sender = fields.word("FromUserName").and_then(|from| OpenId::parse(from).ok());
            sender.unwrap_or_else(OpenId::unknown)
        });
        let create_time = create_time.unwrap_or(Timestamp(0));
        let dedup_key =
            dedup_key::dedup_key(app_id, &from, create_time, [&message_type, &event], fields);
        Ok(Self { to: fields.text("ToUserName"), from, create_time, kind, dedup_key, format, tree })
    }
}

/// The user that a push is about. Some events come from WeChat itself and name
/// that user in a field of its own.
fn sender(event: &str, fields: Fields<'_>) -> Result<OpenId, &'static str> {
    let of_privacy = matches!(
        event,
        "user_info_modified" | "user_authorization_revoke" | "user_authorization_cancellation"
    );
    let (name, problem) = if of_privacy {
        ("OpenID", "OpenID is missing or no openid")
    } else {
        ("FromUserName", "FromUserName is missing or no openid")
    };
    fields.word(name).and_then(|from| OpenId::parse(from).ok()).ok_or(problem)
}

/// A name for logs and tables, however long it came.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
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
        Ok(known.unwrap_or_else(|| Self::Other { name: short(name) }))
    }

    /// A word for logs and for the table: WeChat's name of the event, or the
    /// `MsgType` where it isn't one, in lower case.
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
