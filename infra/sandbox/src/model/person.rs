//! A person with a phone, and their relation to each app.

use crate::model::message::Message;
use crate::model::phone_number::PhoneNumber;
use crate::model::quota::Counter;
use crate::model::reply_window::{self, ReplyWindow, WindowTrigger};
use crate::model::secret_serde::expose_some;
use crate::random;
use serde::{Deserialize, Serialize};
use shared::secret::Secret;
use shared::wechat::id::{OpenId, UnionId};
use std::collections::BTreeMap;

/// Maximum number of messages on a screen; the oldest are dropped.
const MAX_MESSAGES: usize = 1000;
/// The latest event time may be ahead of the clock by this many seconds.
const MAX_EVENT_LEAD: i64 = 60;

/// A person with a phone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The name in the control API.
    pub name: String,
    /// Unionids by open-platform account.
    #[serde(default)]
    pub union_ids: BTreeMap<String, UnionId>,
    /// The phone number.
    #[serde(default = "PhoneNumber::random")]
    pub phone: PhoneNumber,
    /// Relations to apps, by alias.
    #[serde(default)]
    pub relations: BTreeMap<String, Relation>,
    /// The last 1,000 messages on the screen, newest last.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// The number of unread messages, by [`Message::chat`].
    #[serde(default)]
    pub unread: BTreeMap<String, u32>,
}

/// The relation of one person to one app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relation {
    /// The person's openid in the app.
    pub open_id: OpenId,
    /// Present while the person follows.
    #[serde(default)]
    pub follows: Option<Follow>,
    /// Whether the person has turned the app's messages off.
    #[serde(default)]
    pub blocks: bool,
    /// The number of messages that the person still consents to, by template.
    #[serde(default)]
    pub consents: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) windows: Vec<ReplyWindow>,
    /// The session on the app's own server, since the person last opened the app.
    #[serde(default)]
    pub session: Option<Session>,
    #[serde(default, serialize_with = "expose_some")]
    pub(crate) session_key: Option<Secret>,
    #[serde(default)]
    pub(crate) logins: Counter,
    #[serde(default)]
    pub(crate) phone_numbers: Counter,
    /// The time of the last chat message between the two, in either direction.
    #[serde(default)]
    pub(crate) last_chat_at: Option<i64>,
    /// The typing indicator is visible until then.
    #[serde(default)]
    pub(crate) typing_until: i64,
    #[serde(default)]
    last_event_at: i64,
}

/// A session on a Mini Program's own server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The server's user id.
    pub user: Option<String>,
    /// The account that the user is bound to.
    pub bound: Option<String>,
    /// Unix seconds, by the sandbox's clock.
    pub since: i64,
}

/// How a person came to follow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follow {
    /// Unix seconds.
    pub since: i64,
    /// The scene of the scanned QR code.
    #[serde(default)]
    pub scene: Option<String>,
}

impl Relation {
    /// A relation with a random openid and no history.
    pub(crate) fn new() -> Self {
        Self {
            open_id: OpenId::parse(random::open_id())
                .expect("made of characters that an identifier may have"),
            follows: None,
            blocks: false,
            consents: BTreeMap::new(),
            windows: Vec::new(),
            session: None,
            session_key: None,
            logins: Counter::default(),
            phone_numbers: Counter::default(),
            last_chat_at: None,
            typing_until: 0,
            last_event_at: 0,
        }
    }

    /// The time of an event that the person causes now. WeChat identifies an event by user and
    /// second, so a second event within one second gets the next second.
    pub(crate) fn next_event_time(&mut self, now: i64) -> i64 {
        let next = self.last_event_at + 1;
        // Far ahead only if the world was replaced by one with an earlier clock.
        self.last_event_at = if next - now > MAX_EVENT_LEAD { now } else { now.max(next) };
        self.last_event_at
    }

    /// Opens a reply window at the time of an event.
    pub(crate) fn open_window(&mut self, trigger: WindowTrigger, now: i64) {
        reply_window::open(&mut self.windows, trigger, now);
    }
}

impl Person {
    /// A new person without a relation to any app.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            union_ids: BTreeMap::new(),
            phone: PhoneNumber::random(),
            relations: BTreeMap::new(),
            messages: Vec::new(),
            unread: BTreeMap::new(),
        }
    }

    /// Shows a message on the screen.
    pub(crate) fn show(&mut self, message: Message) {
        // Sending a message marks the chat as read.
        if message.kind == "sent" {
            self.unread.remove(message.chat());
        } else {
            *self.unread.entry(message.chat().to_owned()).or_default() += 1;
        }
        self.messages.push(message);
        // A world from a file may exceed the maximum by more than one.
        self.messages.drain(..self.messages.len().saturating_sub(MAX_MESSAGES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screen_keeps_the_newest_messages() {
        let mut ann = Person::new("ann");
        for time in 0..1002 {
            ann.show(Message::line("shop", "sent", "hello", time));
        }
        assert_eq!(ann.messages.len(), MAX_MESSAGES);
        assert_eq!(ann.messages[0].time, 2);
        assert_eq!(ann.messages[MAX_MESSAGES - 1].time, 1001);
    }
}
