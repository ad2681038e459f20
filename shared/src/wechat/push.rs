//! WeChat's pushes: users' messages, events, and delivery receipts.
//!
//! Source: WeChat's documentation, ["接收普通消息"] and ["接收事件推送"] (receiving messages and
//! events).
//!
//! ["接收普通消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
//! ["接收事件推送"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html

mod dedup_key;
mod event;
mod message;
mod receipt;

pub use event::{ChosenLocation, Event, Pictures, ScannedCode, Verification};
pub use message::Message;
pub use receipt::{
    BLOCKED_REASON, ConsentAnswer, ConsentDecision, DeliveryReceipt, DeliveryStatus,
    MassDeliveryReceipt, ServiceDeliveryReceipt, receipt_advice,
};

use crate::clock::Timestamp;
use crate::wechat::envelope;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::wire::document::trimmed;
use crate::wechat::wire::fields::{Fields, short_name};
use crate::wechat::wire::{json, xml};
use serde_json::Value;

/// The year 2286. State moves forward in event time only, so one event with a time in
/// milliseconds would block all later ones.
const MAX_CREATE_TIME: u64 = 10_000_000_000;

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
    /// A user's message: a text, a picture, a location, …, also of a type that isn't known
    /// here.
    Message(Message),
    /// An event.
    Event(Event),
    /// A push without a field that is needed to apply it. It is stored unchanged, for an
    /// operator.
    Malformed {
        /// WeChat's name of the event, or the `MsgType`: in lower case, and cut if it is long.
        name: String,
        /// What is missing or invalid.
        problem: &'static str,
    },
    /// An unknown event. It is stored unchanged.
    Other {
        /// WeChat's name of it: in lower case, and cut if it is long.
        name: String,
    },
}

impl Push {
    /// Reads a decrypted push in XML or JSON. The first byte that isn't white space tells the
    /// format, because WeChat declares `text/xml` for both.
    ///
    /// It is an error if the body can't be read, has no type, or has two values where
    /// WeChat has one. In any other case of missing fields it is [`PushKind::Malformed`].
    pub fn read(app_id: &AppId, body: &str) -> Result<Self, InvalidPush> {
        let body = trimmed(body);
        let (format, tree) = match body.as_bytes().first() {
            Some(b'<') => (Format::Xml, xml::read(body)),
            Some(b'{') => (Format::Json, json::read(body, json::MAX_PUSH_ELEMENTS)),
            _ => return Err(InvalidPush("it is neither XML nor JSON")),
        };
        Self::from_tree(app_id, format, tree.map_err(InvalidPush)?)
    }

    /// The sender of a push that can't be read, if the body names one where no user's text
    /// can: what is stored of it belongs to that user.
    pub fn sender_of_unreadable(body: &str) -> Option<OpenId> {
        let sender = match trimmed(body).as_bytes().first()? {
            b'<' => xml::sender(body)?,
            _ => envelope::sender_in_json(body)?.into(),
        };
        OpenId::parse(sender.trim()).ok()
    }

    fn from_tree(app_id: &AppId, format: Format, tree: Value) -> Result<Self, InvalidPush> {
        let fields = Fields(&tree);
        // In XML, repeated elements have become an array.
        let single = ["FromUserName", "CreateTime", "MsgType", "Event"];
        if single.into_iter().any(|name| fields.within(name).0.is_array()) {
            return Err(InvalidPush("who, when or what is there twice"));
        }
        let message_type =
            fields.word("MsgType").ok_or(InvalidPush("MsgType is missing"))?.to_lowercase();
        // A push of a type of its own, such as `device_event`, may name an event as well.
        let event = fields.word("Event").filter(|_| !Message::is_known_type(&message_type));
        let event = event.map(|event| event.to_lowercase()).unwrap_or_default();

        let from = subject(&event, fields);
        let create_time =
            fields.number("CreateTime").filter(|time| *time < MAX_CREATE_TIME).map(Timestamp);
        let kind = match (PushKind::read(&message_type, &event, fields), &from, create_time) {
            // Such an event changes nothing that belongs to a user, or to a time.
            (Ok(kind), ..) if !kind.is_about_a_user() => Ok(kind),
            (_, Err(problem), _) => Err(*problem),
            (_, _, None) => Err("CreateTime is missing or no time"),
            (kind, ..) => kind,
        };
        let kind = kind.unwrap_or_else(|problem| {
            let is_event = !event.is_empty();
            let name = if is_event { event_name(&event) } else { short_name(&message_type) };
            PushKind::Malformed { name, problem }
        });

        // An event of WeChat's own, such as one of the payment platform, has an account of
        // WeChat's as its sender, and names the user in another field.
        let is_unknown = matches!(kind, PushKind::Other { .. });
        let from = from.ok().filter(|_| !is_unknown);
        let from = from.unwrap_or_else(|| {
            let names = ["OpenID", "OpenId", "openid", "FromUserName"];
            let mut named = names.into_iter().filter_map(|name| fields.word(name));
            named.find_map(|from| OpenId::parse(from).ok()).unwrap_or_else(OpenId::unknown)
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

impl PushKind {
    fn read(message_type: &str, event: &str, fields: Fields<'_>) -> Result<Self, &'static str> {
        match (message_type, event) {
            ("event", "") => Err("Event is missing"),
            ("event", event) => Ok(match Event::read(event, fields)? {
                Some(event) => Self::Event(event),
                None => Self::Other { name: event_name(event) },
            }),
            (message_type, "") => Ok(Self::Message(Message::read(message_type, fields))),
            (message_type, _) => Ok(Self::Other { name: short_name(message_type) }),
        }
    }

    /// Whether it changes what belongs to a user, so that it has to name them.
    fn is_about_a_user(&self) -> bool {
        match self {
            Self::Event(event) => event.is_about_a_user(),
            Self::Message(_) | Self::Malformed { .. } => true,
            Self::Other { .. } => false,
        }
    }

    /// WeChat's name of the event, or the `MsgType` of a message, in lower case. An event
    /// with the name of a type of message, such as `LOCATION`, has `event_` in front.
    pub fn name(&self) -> &str {
        match self {
            Self::Message(message) => message.name(),
            Self::Event(event) => event.name(),
            Self::Malformed { name, .. } | Self::Other { name } => name,
        }
    }
}

/// The name of an event, unlike that of any message.
fn event_name(event: &str) -> String {
    if Message::is_known_type(event) { format!("event_{event}") } else { short_name(event) }
}

/// The body isn't a push of WeChat's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a push of WeChat's: {0}")]
pub struct InvalidPush(&'static str);

#[cfg(test)]
mod tests;
