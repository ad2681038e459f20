//! What came in: the events table, which is also the queue of the `events`
//! function.

use super::{Item, KEPT, Table, get_number, get_string, number, string, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::MissingVariable;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// An event is set aside after so many tries of the sweep, one a minute.
const MOST_TRIES: u64 = 10;

/// The events table.
#[derive(Clone, Debug)]
pub struct Events {
    table: Table,
}

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
}

/// What writing down an event found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New,
    /// It had been written down before.
    Again,
    /// Another event had the same identity; this one stands beside it.
    Beside,
}

/// An event as it stands in the table and in its stream.
#[derive(Debug, Deserialize)]
pub struct StoredEvent {
    /// The partition key.
    pub user: String,
    /// The sort key.
    pub event: String,
    /// The app it was pushed for.
    pub app_id: AppId,
    /// The opened body, as it came.
    pub body: String,
}

impl Events {
    /// Reads `EVENTS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, MissingVariable> {
        Ok(Self { table: Table::from_environment(dynamodb, "EVENTS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or DynamoDB doesn't answer.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }

    /// Writes an event down, once: one conditional put. An event that has the
    /// identity of another and a different body is kept beside it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then it must not be acknowledged.
    pub async fn record(&self, event: &NewEvent<'_>, now: Timestamp) -> Result<Recorded, AwsError> {
        let hash = body_hash(event.body);
        let key = format!("{:010}#{}", event.create_time.0, event.identity);
        match self.put(event, &key, &hash, now).await? {
            None => Ok(Recorded::New),
            Some(known) if known == hash => Ok(Recorded::Again),
            Some(_) => match self.put(event, &format!("{key}#{hash}"), &hash, now).await? {
                None => Ok(Recorded::Beside),
                Some(_) => Ok(Recorded::Again),
            },
        }
    }

    /// Puts the event under `key`. If an event is there, gives its body's hash.
    async fn put(
        &self,
        event: &NewEvent<'_>,
        key: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        let item = Item::from([
            ("user".to_owned(), string(user_key(event.app_id, event.open_id))),
            ("event".to_owned(), string(key)),
            ("app_id".to_owned(), string(event.app_id.as_str())),
            ("kind".to_owned(), string(event.kind)),
            ("body".to_owned(), string(event.body)),
            ("body_hash".to_owned(), string(hash)),
            ("received_at".to_owned(), number(now)),
            ("unapplied".to_owned(), string(event.app_id.as_str())),
            ("expires".to_owned(), number(now.plus(KEPT))),
        ]);
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
                Some(service) if service.is_conditional_check_failed_exception() => {
                    let known = match service {
                        aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
                            failed,
                        ) => failed.item().and_then(|item| get_string(item, "body_hash")),
                        _ => None,
                    };
                    Ok(Some(known.unwrap_or_default().to_owned()))
                }
                _ => Err(AwsError::new(self.table.action("writing an event down"), &error)),
            },
        }
    }

    /// Notes that an event has taken effect. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn applied(&self, event: &StoredEvent, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression("SET applied_at = :now REMOVE unapplied")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":now", number(now));
        self.table.conditional("noting that an event is applied", update.send().await).map(drop)
    }

    /// Counts a try that failed, and keeps why. After [`MOST_TRIES`] the event
    /// is set aside: it stays in the table, but nobody tries it again. True if
    /// that has happened now.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn failed(
        &self,
        event: &StoredEvent,
        problem: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const WHAT: &str = "counting a try that failed";
        let update = self
            .update(event)
            .update_expression("SET problem = :problem ADD tries :one")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":problem", string(problem))
            .expression_attribute_values(":one", number(1_u64))
            .return_values(ReturnValue::AllNew);
        let counted = self.table.conditional(WHAT, update.send().await)?;
        let tries: u64 = counted
            .and_then(|counted| counted.attributes)
            .and_then(|item| get_number(&item, "tries"))
            .unwrap_or_default();
        if tries < MOST_TRIES {
            return Ok(false);
        }
        let update = self
            .update(event)
            .update_expression("SET set_aside_at = :now REMOVE unapplied")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":now", number(now));
        Ok(self.table.conditional(WHAT, update.send().await)?.is_some())
    }

    fn update(&self, event: &StoredEvent) -> UpdateItemFluentBuilder {
        self.table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&event.user))
            .key("event", string(&event.event))
    }

    /// The events of one app that were written down before `before` and have
    /// not taken effect, oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn unapplied(
        &self,
        app_id: &AppId,
        before: Timestamp,
        limit: i32,
    ) -> Result<Vec<StoredEvent>, AwsError> {
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .index_name("unapplied")
            .key_condition_expression("unapplied = :app AND received_at < :before")
            .expression_attribute_values(":app", string(app_id.as_str()))
            .expression_attribute_values(":before", number(before))
            .limit(limit)
            .send()
            .await
            .map_err(|error| {
                AwsError::new(self.table.action("looking for unapplied events"), &error)
            })?;
        let mut events = Vec::new();
        for key in found.items() {
            if let (Some(user), Some(event)) = (key.get("user"), key.get("event")) {
                events.extend(self.get(user, event).await?);
            }
        }
        Ok(events)
    }

    async fn get(
        &self,
        user: &AttributeValue,
        event: &AttributeValue,
    ) -> Result<Option<StoredEvent>, AwsError> {
        let action = || self.table.action("reading an event");
        let found = self
            .table
            .dynamodb
            .get_item()
            .table_name(&self.table.name)
            .key("user", user.clone())
            .key("event", event.clone())
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::new(action(), &error))?;
        let still = found.item.filter(|item| item.contains_key("unapplied"));
        still
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(|_| AwsError::unexpected(action(), "the item is no event"))
    }
}

fn body_hash(body: &str) -> String {
    Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
