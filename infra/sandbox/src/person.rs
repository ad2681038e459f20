//! A person with a phone, and what they are to each app.

use crate::message::Message;
use crate::phone::PhoneNumber;
use crate::world::expose_some;
use crate::{custom, quota, random};
use serde::{Deserialize, Serialize};
use shared::secret::Secret;
use shared::wechat::id::{OpenId, UnionId};
use std::collections::BTreeMap;

/// How many messages a screen keeps; older ones are forgotten.
const KEPT: usize = 1000;

/// A person with a phone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// How the control API calls them.
    pub name: String,
    /// Their unionid by open-platform account.
    #[serde(default)]
    pub union_ids: BTreeMap<String, UnionId>,
    /// Their telephone number.
    #[serde(default = "PhoneNumber::invented")]
    pub phone: PhoneNumber,
    /// What they are to each app, by its alias.
    #[serde(default)]
    pub relations: BTreeMap<String, Relation>,
    /// What is on their screen, newest last: the last 1,000 messages.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// How many messages they haven't looked at yet, by [`Message::chat`].
    #[serde(default)]
    pub unread: BTreeMap<String, u32>,
}

/// What one person is to one app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relation {
    /// What the app calls them.
    pub open_id: OpenId,
    /// Since when and how they follow, if they do.
    #[serde(default)]
    pub follows: Option<Follow>,
    /// Whether they have turned the app's messages off.
    #[serde(default)]
    pub blocks: bool,
    /// How many messages they still consent to, by template.
    #[serde(default)]
    pub consents: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) windows: Vec<custom::Window>,
    /// Whom the app's own server knows them as, since they opened it last.
    #[serde(default)]
    pub session: Option<Session>,
    #[serde(default, serialize_with = "expose_some")]
    pub(crate) session_key: Option<Secret>,
    #[serde(default)]
    pub(crate) logins: quota::Counter,
    #[serde(default)]
    pub(crate) phone_numbers: quota::Counter,
    /// When they or the app last said something to the other.
    #[serde(default)]
    pub(crate) exchanged_at: Option<i64>,
    /// Until when they see that the other side is typing.
    #[serde(default)]
    pub(crate) typing_until: i64,
    #[serde(default)]
    last_act: i64,
}

impl Relation {
    /// The time of what the person does now. Nobody does two things in one
    /// second, and events carry no other identity than their second: an act in
    /// a second that is taken belongs to the next one.
    pub(crate) fn act(&mut self, now: i64) -> i64 {
        // After the world was set anew the last act may lie far ahead.
        let next = self.last_act + 1;
        self.last_act = if next - now > 60 { now } else { now.max(next) };
        self.last_act
    }
}

/// Somebody who is logged in to a Mini Program's own server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Whom the server knows them as.
    pub user: Option<String>,
    /// The account that they are bound to.
    pub bound: Option<String>,
    /// Unix seconds, by the sandbox's clock.
    pub since: i64,
}

/// How somebody came to follow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follow {
    /// Unix seconds.
    pub since: i64,
    /// The scene of the QR code that they scanned.
    #[serde(default)]
    pub scene: Option<String>,
}

impl Relation {
    /// Somebody with a random openid, who has not done anything yet.
    pub(crate) fn stranger() -> Self {
        let open_id = OpenId::parse(random::open_id())
            .expect("made of characters that an identifier may have");
        Self::known_as(open_id)
    }

    /// Somebody with this openid, who has not done anything yet.
    pub fn known_as(open_id: OpenId) -> Self {
        Self {
            open_id,
            follows: None,
            blocks: false,
            consents: BTreeMap::new(),
            windows: Vec::new(),
            session: None,
            session_key: None,
            logins: quota::Counter::default(),
            phone_numbers: quota::Counter::default(),
            exchanged_at: None,
            typing_until: 0,
            last_act: 0,
        }
    }
}

impl Person {
    /// Somebody new, whom no app knows yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            union_ids: BTreeMap::new(),
            phone: PhoneNumber::invented(),
            relations: BTreeMap::new(),
            messages: Vec::new(),
            unread: BTreeMap::new(),
        }
    }

    /// Shows a message on the person's screen.
    pub(crate) fn show(&mut self, message: Message) {
        // Who writes looks at the chat.
        if message.kind == "sent" {
            self.unread.remove(message.chat());
        } else {
            *self.unread.entry(message.chat().to_owned()).or_default() += 1;
        }
        self.messages.push(message);
        // More than one too many only in a world made elsewhere.
        self.messages.drain(..self.messages.len().saturating_sub(KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_keeps_the_newest_messages() {
        let mut ann = Person::new("ann");
        for time in 0..1002 {
            ann.show(Message::line("shop", "sent", "hello", time));
        }
        assert_eq!(ann.messages.len(), KEPT);
        assert_eq!(ann.messages[0].time, 2);
        assert_eq!(ann.messages[KEPT - 1].time, 1001);
    }
}
