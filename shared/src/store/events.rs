//! What came in: the events table, which is also the queue of the `events`
//! function.

mod answer;
mod due;
mod progress;
mod range;
mod record;

pub use answer::AnswerState;
pub use due::Due;
pub use progress::Counted;
pub use range::{NoPosition, Page, Position, Range};
pub use record::{NewEvent, Record, Recorded, Unreadable};

use super::{Table, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::MissingVariable;
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use serde::Deserialize;

/// The events table.
#[derive(Clone, Debug)]
pub struct Events {
    table: Table,
}

/// An event as it stands in the table and in its stream.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredEvent {
    /// The partition key.
    pub user: String,
    /// The sort key.
    pub event: String,
    /// The app it was pushed for.
    pub app_id: AppId,
    /// The opened body, as it came.
    pub body: String,
    /// A word for what happened.
    #[serde(default)]
    pub kind: String,
    /// When it was written down, by our clock.
    pub received_at: Timestamp,
    /// What tells bodies apart.
    #[serde(default)]
    body_hash: String,
    /// How often it was tried, and failed.
    #[serde(default)]
    tries: u64,
    /// There while it has to take effect.
    #[serde(default)]
    unapplied: Option<AppId>,
    /// When it was set aside, if it is.
    #[serde(default)]
    pub set_aside_at: Option<Timestamp>,
}

impl StoredEvent {
    /// Whether it still has to take effect.
    pub fn is_unapplied(&self) -> bool {
        self.unapplied.is_some()
    }

    /// The sort key of the event that has the same identity and came first, if
    /// this is another one.
    fn first_of_its_identity(&self) -> Option<&str> {
        let hash = Some(self.body_hash.as_str()).filter(|hash| !hash.is_empty())?;
        self.event.strip_suffix(hash)?.strip_suffix('#')
    }
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
    /// When it isn't, or may not be looked at.
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
}
