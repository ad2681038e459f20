//! What goes out, and what became of it.
//!
//! A notification is one row, and its life a few writes, each conditional on the
//! one before:
//!
//! ```text
//! (no row) ──► in_progress ──► sent ──► delivered, blocked, failed   (by WeChat's receipt)
//!    │           │  ▲   └────► no_consent, unreachable, failed, expired
//!    │           ▼  │   └────► ambiguous ──► delivered, blocked, failed   (by the receipt)
//!    └──► retry_at, scheduled ──► cancelled
//! ```
//!
//! Whoever is sending has claimed the row under a random name, and nobody else's
//! write gets past that name. What is about to be sent is announced in the row
//! before it is sent; so whoever finds a row left behind knows what a repeat could
//! double. Rows that somebody has to come back to stand in the index `due`.
//! Nothing is ever deleted but by its age.

mod change;
mod forget;
mod receipts;
mod row;
mod several;
mod waiting;

pub use change::{Expected, Lease, MessageId, Transition, WriteResult};
pub use receipts::{Receipt, ReceiptResolution};
pub use row::{NextAction, NotificationRow, SendIntent};
pub use waiting::CancelResult;

use super::Table;
use crate::aws::AwsError;
use crate::config::VariableError;
use aws_sdk_dynamodb::Client;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

/// The notifications table.
#[derive(Clone, Debug)]
pub struct Notifications {
    pub(super) table: Table,
}

/// How a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// It waits for the time at which it is to be sent.
    Scheduled,
    /// Somebody is sending it right now.
    InProgress,
    /// WeChat has taken it on.
    Sent,
    /// It arrived.
    Delivered,
    /// WeChat took it on, but the person rejects messages of the account.
    Blocked,
    /// It was not sent, and will be tried again by itself.
    Retrying,
    /// It may or may not have been sent, and a repeat could double it.
    Ambiguous,
    /// The person has not consented to this message.
    NoConsent,
    /// There is no channel through which the person can be reached.
    Unreachable,
    /// WeChat refused it for good.
    Failed,
    /// It could not be sent before it was worth nothing.
    Expired,
    /// Somebody called it off before it was sent.
    Cancelled,
    /// Only a dry run says so: nothing keeps it from being sent.
    WouldSend,
}

impl NotificationStatus {
    /// The word for it, in the table and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Blocked => "blocked",
            Self::Retrying => "retrying",
            Self::Ambiguous => "ambiguous",
            Self::NoConsent => "no_consent",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::WouldSend => "would_send",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        Self::deserialize(text).ok()
    }
}

impl Notifications {
    /// Reads `NOTIFICATIONS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "NOTIFICATIONS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or may not be looked at.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }
}
