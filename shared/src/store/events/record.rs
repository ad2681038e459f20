//! Writing an event down.

use super::Events;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, get_string, get_time, item_of, number, string, user_key};
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use sha2::{Digest, Sha256};

/// The stream is given this many seconds before the sweep steps in.
const SWEEP_DELAY: u64 = 60;

/// A push, ready to be written down.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The app it was pushed for.
    pub app_id: &'a AppId,
    /// The user it is about.
    pub open_id: &'a OpenId,
    /// When it happened, by WeChat's clock.
    pub create_time: Timestamp,
    /// What tells it from every other of this user and second.
    pub identity: &'a str,
    /// A word for what happened.
    pub kind: &'a str,
    /// The opened body, as it came.
    pub body: &'a str,
    /// What WeChat is answered with, if not with a mere "received".
    pub reply: Option<&'a str>,
    /// What customer service is to say to it, if anything: a message in JSON.
    pub customer_service: Option<&'a str>,
}

/// What WeChat signed and nobody can read, to be written down whole for somebody
/// to look at. It is of no user and no time that is known.
#[derive(Debug)]
pub struct Unreadable<'a> {
    app_id: &'a AppId,
    open_id: OpenId,
    identity: String,
    body: &'a str,
}

impl<'a> Unreadable<'a> {
    /// What came for an app.
    pub fn new(app_id: &'a AppId, body: &'a str) -> Self {
        let identity = format!("unreadable-{}", body_hash(body));
        Self { app_id, open_id: OpenId::unknown(), identity, body }
    }

    /// The row that is made of it.
    pub fn as_new(&self) -> NewEvent<'_> {
        NewEvent {
            app_id: self.app_id,
            open_id: &self.open_id,
            create_time: Timestamp(0),
            identity: &self.identity,
            kind: "unreadable",
            body: self.body,
            reply: None,
            customer_service: None,
        }
    }
}

/// An event that is written down.
#[derive(Debug, PartialEq, Eq)]
pub struct EventPut {
    /// What was there before.
    pub found: PutOutcome,
    /// What was answered when it came first, and is to be answered again: the
    /// rules may have changed since.
    pub reply: Option<String>,
    /// When it came first.
    pub recorded_at: Timestamp,
}

/// What writing down an event found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is new.
    Inserted,
    /// It had been written down before.
    Duplicate,
    /// Another event had the same identity; this one stands beside it.
    KeyCollision,
}

impl Events {
    /// Writes an event down, once: one conditional put. An event that has the
    /// identity of another and a different body is kept beside it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then it must not be acknowledged.
    pub async fn put(&self, event: &NewEvent<'_>, now: Timestamp) -> Result<EventPut, AwsError> {
        let hash = body_hash(event.body);
        let key = format!("{:010}#{}", event.create_time.0, event.identity);
        let Some(known) = self.insert(event, &key, &hash, now).await? else {
            return Ok(EventPut::first(PutOutcome::Inserted, event, now));
        };
        if known.is(&hash) {
            return Ok(known.duplicate(now));
        }
        match self.insert(event, &format!("{key}#{hash}"), &hash, now).await? {
            None => Ok(EventPut::first(PutOutcome::KeyCollision, event, now)),
            Some(known) => Ok(known.duplicate(now)),
        }
    }

    /// Puts the event under `key`. If an event is there, gives that one.
    async fn insert(
        &self,
        event: &NewEvent<'_>,
        key: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<ExistingEvent>, AwsError> {
        let mut item = item_of([
            ("user", string(user_key(event.app_id, event.open_id))),
            ("event", string(key)),
            ("app_id", string(event.app_id.as_str())),
            ("kind", string(event.kind)),
            ("body", string(event.body)),
            ("body_hash", string(hash)),
            ("received_at", number(now)),
            ("pending", string(event.app_id.as_str())),
            ("due_at", number(now.plus(SWEEP_DELAY))),
            ("expires", number(now.plus(self.table.retention))),
        ]);
        let answers = [("reply", event.reply), ("customer_service", event.customer_service)];
        item.extend(
            answers
                .into_iter()
                .filter_map(|(name, answer)| Some((name.to_owned(), string(answer?)))),
        );
        let put = self
            .table
            .dynamodb
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#user)")
            .expression_attribute_names("#user", "user")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    Ok(Some(ExistingEvent(there.item().cloned().unwrap_or_default())))
                }
                _ => Err(AwsError::new(self.table.action("writing an event down"), &error)),
            },
        }
    }
}

impl EventPut {
    fn first(found: PutOutcome, event: &NewEvent<'_>, now: Timestamp) -> Self {
        Self { found, reply: event.reply.map(str::to_owned), recorded_at: now }
    }
}

/// The row of an event that was there before.
struct ExistingEvent(Item);

impl ExistingEvent {
    /// Whether it had this body.
    fn is(&self, hash: &str) -> bool {
        get_string(&self.0, "body_hash") == Some(hash)
    }

    fn duplicate(&self, now: Timestamp) -> EventPut {
        EventPut {
            found: PutOutcome::Duplicate,
            reply: get_string(&self.0, "reply").map(str::to_owned),
            recorded_at: get_time(&self.0, "received_at").unwrap_or(now),
        }
    }
}

fn body_hash(body: &str) -> String {
    Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
