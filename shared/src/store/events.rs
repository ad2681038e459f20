//! What came in: the events table, which is also the queue of the `events`
//! function.

mod answer;
mod due;
mod forget;
mod place;
mod progress;
mod range;
mod record;

pub use answer::{AutoReplyClaim, AutoReplyLease, AutoReplyState};
pub use due::DueEvent;
pub use place::InvalidCursor;
pub use progress::{ClaimResult, FailureRecord};
pub use range::{EventCursor, EventPage, EventRange};
pub use record::{EventPut, NewEvent, PutOutcome, Unreadable};

use super::{Table, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::VariableError;
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The events table.
#[derive(Clone, Debug)]
pub struct Events {
    pub(super) table: Table,
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
    /// What customer service answers to it, as the rules said when it came: a
    /// [`CustomerServiceMessage`](crate::wechat::customer_service::CustomerServiceMessage)
    /// in JSON.
    #[serde(default)]
    pub customer_service: Option<String>,
    /// How often it was tried, the try that is under way included.
    #[serde(default)]
    pub attempts: u64,
    /// Why the last try failed.
    #[serde(default)]
    pub problem: Option<String>,
    /// There while it has to take effect.
    #[serde(default)]
    pending: Option<AppId>,
    /// When it is tried next.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// When the try began that is under way; the stream's isn't noted.
    #[serde(default)]
    claimed_at: Option<Timestamp>,
    /// When it took effect.
    #[serde(default)]
    pub applied_at: Option<Timestamp>,
    /// When it was set aside, if it is.
    #[serde(default)]
    pub quarantined_at: Option<Timestamp>,
}

impl StoredEvent {
    /// Whether it still has to take effect.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// What log lines and listings call it: a hash of the user, and the sort key.
    /// It names nobody, and yet finds the row.
    pub fn name(&self) -> String {
        format!("{} {}", short_hash(&self.user), self.event)
    }

    /// The event as it stands when it was taken for a try.
    fn claimed(&self, attempts: u64, now: Timestamp) -> Box<Self> {
        let pending = Some(self.app_id.clone());
        Box::new(Self {
            attempts,
            pending,
            claimed_at: Some(now),
            quarantined_at: None,
            ..self.clone()
        })
    }

    /// The sort key of the event that has the same identity and came first, if
    /// this is another one.
    fn first_with_same_key(&self) -> Option<&str> {
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
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
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

/// The first 16 digits of the SHA-256 sum, as `sha256sum` prints it. An openid
/// has far too many forms for anybody to guess it from that.
fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_not_whose_event_it_is() {
        let event: StoredEvent = serde_json::from_value(serde_json::json!({
            "user": "wx1#oAnn", "event": "1795186923#24000000000000001", "app_id": "wx1",
            "body": "", "received_at": 1_795_186_924,
        }))
        .unwrap();
        // printf wx1#oAnn | sha256sum
        assert_eq!(event.name(), "6d94e8e5176c8cb2 1795186923#24000000000000001");
    }
}
