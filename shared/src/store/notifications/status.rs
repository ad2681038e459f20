//! The status of a notification.

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

/// The status of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// It waits for the time at which it is to be sent.
    Scheduled,
    /// It is being sent.
    InProgress,
    /// WeChat has accepted it.
    Sent,
    /// It arrived.
    Delivered,
    /// WeChat accepted it, but the person rejects messages of the account.
    Blocked,
    /// It was not sent, and is retried automatically.
    Retrying,
    /// It may or may not have been sent, and a repetition could double it.
    Ambiguous,
    /// The person has not consented to this message.
    NoConsent,
    /// No channel reaches the person.
    Unreachable,
    /// WeChat refused it for good.
    Failed,
    /// It could not be sent before its deadline.
    Expired,
    /// It was cancelled before it was sent.
    Cancelled,
    /// The result of a dry run: nothing keeps it from being sent.
    WouldSend,
}

impl NotificationStatus {
    /// The word for it, in the table and in responses.
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
