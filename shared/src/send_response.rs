//! The response of the function `send`, which the function also stores and the operator's
//! tool reads.

use crate::clock::Timestamp;
use crate::parameters::ChannelKind;
use crate::store::{NotificationRow, NotificationStatus};
use crate::wechat::push::receipt_advice;
use crate::wechat::refusal::{ErrorClass, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The reason of the outcome `cancelled`.
pub const CANCELLED_REASON: &str = "it was cancelled before it was sent";

/// The outcomes of a request.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendResponse {
    /// One for each recipient, in the order of the request.
    pub notifications: Vec<NotificationResult>,
}

/// The outcome of one notification. It is stored as JSON, so that a repeated request
/// gets the same response.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotificationResult {
    /// The id of the request; with several recipients, `#` and the recipient's index
    /// follow, counted from 0.
    pub id: String,
    /// The id of the notification that reaches the same person, who stands earlier among the
    /// recipients. The outcome is that of the earlier one; nothing is sent a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    #[expect(missing_docs, reason = "the schema describes the type")]
    pub outcome: NotificationStatus,
    /// The channel that the outcome is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelKind>,
    /// The app that sent through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// WeChat's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Why it wasn't sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// WeChat's error code, if that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// WeChat's request id, for WeChat's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// What to do about it, if WeChat's error code or receipt says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// When it will be sent or retried, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The channels that could not be used, in the order they were tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedChannel>,
    /// Only in a dry run: what would be sent, without the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// Only in a dry run: the channels after the selected one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Fallback>,
}

/// A channel that could not be used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkippedChannel {
    #[expect(missing_docs, reason = "the schema describes the type")]
    pub channel: ChannelKind,
    /// The app that sends through it.
    pub app: String,
    /// Why it could not be used.
    pub reason: String,
    /// WeChat's error code, if WeChat refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// WeChat's request id, for WeChat's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// A channel after the selected one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fallback {
    #[expect(missing_docs, reason = "the schema describes the type")]
    pub channel: ChannelKind,
    /// The app that sends through it.
    pub app: String,
    /// Why it could not be used either; absent if it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl NotificationResult {
    /// With the outcome only.
    pub fn new(id: &str, outcome: NotificationStatus) -> Self {
        Self {
            id: id.to_owned(),
            duplicate_of: None,
            outcome,
            channel: None,
            app: None,
            message_id: None,
            reason: None,
            code: None,
            rid: None,
            advice: None,
            retry_at: None,
            skipped: Vec::new(),
            message: None,
            fallbacks: Vec::new(),
        }
    }

    /// With the outcome and the reason for it.
    pub fn with_reason(id: &str, outcome: NotificationStatus, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(id, outcome) }
    }

    /// The outcome of a recipient that is the same person as this one.
    pub fn duplicate(&self, id: &str) -> Self {
        Self { id: id.to_owned(), duplicate_of: Some(self.id.clone()), ..self.clone() }
    }

    /// The response to a repeated request: the stored result with the present status.
    pub fn from_row(row: &NotificationRow) -> Self {
        let stored =
            row.report.as_deref().and_then(|stored| serde_json::from_str::<Self>(stored).ok());
        let mut result = stored.unwrap_or_else(|| Self::new(&row.id, row.status));
        result.outcome = row.status;
        result.retry_at = row.retry_at.filter(|_| {
            matches!(row.status, NotificationStatus::Retrying | NotificationStatus::Scheduled)
        });
        result.reason = match row.status {
            NotificationStatus::InProgress => {
                Some("another invocation is sending it now".to_owned())
            }
            NotificationStatus::Cancelled => Some(CANCELLED_REASON.to_owned()),
            _ => result.reason,
        };
        if row.has_receipt() {
            result.set_receipt(row.status, row.receipt.clone());
        }
        if let Some(message_id) = &row.message_id {
            result.message_id = Some(message_id.clone());
        }
        result
    }

    /// WeChat's receipt has come, which is newer than the response to the call. `text` says
    /// why the message did not arrive, if it didn't.
    pub fn set_receipt(&mut self, status: NotificationStatus, text: Option<String>) {
        self.outcome = status;
        (self.code, self.rid) = (None, None);
        let api = self.channel.unwrap_or(ChannelKind::Template).api();
        self.advice = text.as_deref().map(|text| receipt_advice(api, text));
        self.reason = text;
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a result is made of strings and numbers")
    }
}

impl SkippedChannel {
    /// Skipped without a call to WeChat.
    pub fn skipped_locally(channel: ChannelKind, app: &str, reason: impl Into<String>) -> Self {
        Self {
            channel,
            app: app.to_owned(),
            reason: reason.into(),
            code: None,
            rid: None,
            advice: None,
        }
    }

    /// Skipped as WeChat refused the message.
    pub fn refused(channel: ChannelKind, app: &str, refusal: &Refusal) -> Self {
        Self {
            channel,
            app: app.to_owned(),
            reason: refusal.message.clone(),
            code: Some(refusal.code),
            rid: refusal.rid.clone(),
            advice: Some(refusal.advice()),
        }
    }

    /// Whether the operator has to fix the template, the request or the account. A
    /// channel that was skipped locally has an advice only then.
    pub fn needs_operator_action(&self) -> bool {
        self.code
            .map_or(self.advice.is_some(), |code| needs_operator_action(self.channel.api(), code))
    }
}

/// Whether this error code stays until the operator fixes something, or may: it is neither
/// the person's state nor transient.
pub fn needs_operator_action(api: &'static str, code: i64) -> bool {
    matches!(
        Refusal::with_code(api, code).class(),
        ErrorClass::Configuration | ErrorClass::Fault | ErrorClass::Unknown
    )
}
