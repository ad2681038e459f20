//! What came in: the events table, which is also the queue of the `events`
//! function.

mod progress;
mod record;

pub use record::{NewEvent, Recorded};

use super::{Table, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::MissingVariable;
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

/// The events table.
#[derive(Clone, Debug)]
pub struct Events {
    table: Table,
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

    fn update(&self, event: &StoredEvent) -> UpdateItemFluentBuilder {
        self.table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&event.user))
            .key("event", string(&event.event))
    }

    /// The events of one app that have not taken effect and are due by `now`,
    /// the longest due first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn unapplied(
        &self,
        app_id: &AppId,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<StoredEvent>, AwsError> {
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .index_name("unapplied")
            .key_condition_expression("unapplied = :app AND due_at <= :now")
            .expression_attribute_values(":app", string(app_id.as_str()))
            .expression_attribute_values(":now", number(now))
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
