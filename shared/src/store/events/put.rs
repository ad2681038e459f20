//! Storing an event.

use super::Events;
use super::named_ids::{is_open_id, only_open_id};
use super::pending::pending_key;
use super::stored::event_key;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::user_key;
use crate::wechat::id::{AppId, OpenId};
use sha2::{Digest, Sha256};

/// How long the stream has to apply an event before the sweep does, in seconds.
const SWEEP_DELAY: u64 = 60;

/// The kind of an event that can't be read.
pub(in crate::store) const UNREADABLE: &str = "unreadable";

/// A push, ready to be stored.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The app it was pushed for.
    pub app_id: &'a AppId,
    /// The user it is about.
    pub open_id: &'a OpenId,
    /// When it happened, by WeChat's clock.
    pub create_time: Timestamp,
    /// Tells it from every other of this user and second.
    pub dedup_key: &'a str,
    /// A word for what happened.
    pub kind: &'a str,
    /// The decrypted body, as it was pushed.
    pub body: &'a str,
    /// The passive reply, if it isn't a mere acknowledgement.
    pub reply: Option<&'a str>,
    /// The automatic reply of customer service, if any: a message in JSON.
    pub customer_service: Option<&'a str>,
}

/// A push that WeChat signed and that can't be read. It is stored whole, for an operator,
/// under its user if that is known. It belongs to no known time.
#[derive(Debug)]
pub struct Unreadable<'a> {
    app_id: &'a AppId,
    open_id: OpenId,
    dedup_key: String,
    body: &'a str,
}

impl<'a> Unreadable<'a> {
    /// What was pushed for an app, by a sender if one is known.
    ///
    /// It belongs to the sender, or to the only user that it names: some events come from
    /// WeChat itself, and name their user elsewhere. So an erasure finds it with the user's
    /// other events.
    pub fn new(app_id: &'a AppId, sender: Option<OpenId>, body: &'a str) -> Self {
        let dedup_key = format!("unreadable-{}", body_hash(body));
        let sender_is_user = sender.as_ref().is_some_and(|sender| is_open_id(sender.as_str()));
        let named = if sender_is_user { None } else { only_open_id(body) };
        let open_id = named.or(sender).unwrap_or_else(OpenId::unknown);
        Self { app_id, open_id, dedup_key, body }
    }

    /// The event that is stored for it.
    pub fn as_new(&self) -> NewEvent<'_> {
        NewEvent {
            app_id: self.app_id,
            open_id: &self.open_id,
            create_time: Timestamp(0),
            dedup_key: &self.dedup_key,
            kind: UNREADABLE,
            body: self.body,
            reply: None,
            customer_service: None,
        }
    }
}

/// An event that is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct EventPut {
    /// Whether it is new.
    pub outcome: PutOutcome,
    /// The passive reply to the first push, which is to be repeated: the rules may have
    /// changed since.
    pub reply: Option<String>,
    /// When it was stored first.
    pub recorded_at: Timestamp,
}

/// What storing an event found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is new.
    Inserted,
    /// It had been stored before.
    Duplicate,
    /// Another event had the same deduplication key; this one is stored beside it.
    KeyCollision,
}

impl Events {
    /// Stores an event, once: one conditional put. An event that has the deduplication
    /// key of another and a different body is stored beside it. After an error it must
    /// not be acknowledged.
    pub async fn put(&self, event: &NewEvent<'_>, now: Timestamp) -> Result<EventPut, AwsError> {
        let hash = body_hash(event.body);
        let key = format!("{:010}#{}", event.create_time.0, event.dedup_key);
        let inserted =
            |outcome| EventPut { outcome, reply: event.reply.map(str::to_owned), recorded_at: now };
        let Some(existing) = self.insert(event, &key, &hash, now).await? else {
            return Ok(inserted(PutOutcome::Inserted));
        };
        if get_string(&existing, "body_hash") == Some(&hash) {
            return Ok(duplicate(&existing, now));
        }
        match self.insert(event, &format!("{key}#{hash}"), &hash, now).await? {
            None => Ok(inserted(PutOutcome::KeyCollision)),
            Some(existing) => Ok(duplicate(&existing, now)),
        }
    }

    /// Puts the event under `key`, unless there is one: then returns that.
    async fn insert(
        &self,
        event: &NewEvent<'_>,
        key: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<Item>, AwsError> {
        let user = user_key(event.app_id, event.open_id);
        let mut item = event_key(&user, key);
        let attributes = [
            ("app_id", Some(string(event.app_id.as_str()))),
            ("kind", Some(string(event.kind))),
            ("body", Some(string(event.body))),
            ("body_hash", Some(string(hash))),
            ("received_at", Some(number(now))),
            ("pending", Some(string(pending_key(event.app_id, &user, key)))),
            ("due_at", Some(number(now.plus(SWEEP_DELAY)))),
            ("expires", Some(number(now.plus(self.table.retention())))),
            ("reply", event.reply.map(string)),
            ("customer_service", event.customer_service.map(string)),
        ];
        let attributes = attributes.into_iter();
        item.extend(attributes.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let put = Write::put(&self.table, item).when(attr("user").not_exists());
        Ok(match self.table.write_or_existing("storing an event", put).await? {
            WriteOutcome::Written(_) => None,
            WriteOutcome::Refused(existing) => Some(existing),
        })
    }
}

fn duplicate(existing: &Item, now: Timestamp) -> EventPut {
    EventPut {
        outcome: PutOutcome::Duplicate,
        reply: get_string(existing, "reply").map(str::to_owned),
        recorded_at: get_time(existing, "received_at").unwrap_or(now),
    }
}

fn body_hash(body: &str) -> String {
    Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
