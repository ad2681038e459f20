//! What became of a notification, for the caller.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::store::{NotificationRow, NotificationStatus};
use shared::wechat::refusal::{ErrorClass, Refusal};

/// What became of a whole request.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Reports {
    /// One for each recipient, in the order of the request.
    pub(crate) notifications: Vec<Report>,
}

/// What became of one notification. It's stored as it is answered, so that a
/// repeated request gets the same answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// The id of the request; with several recipients, `#` and the place follow,
    /// counted from 0.
    pub(crate) id: String,
    /// How it stands.
    pub(crate) outcome: NotificationStatus,
    /// The channel that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<ChannelKind>,
    /// The app that spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
    /// WeChat's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    /// Why it stands so, if it wasn't sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// WeChat's error code, if that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    /// What WeChat's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    /// When it will be sent, or tried again (seconds since 1970), if it will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    /// The channels that didn't do, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SkippedChannel>,
    /// Only in a dry run: what would be sent, without whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Value>,
    /// Only in a dry run: the channels after the one that does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallbacks: Vec<Fallback>,
}

/// A channel that didn't do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SkippedChannel {
    /// Which one.
    pub(crate) channel: ChannelKind,
    /// The app that would have spoken.
    pub(crate) app: String,
    /// Why it didn't do.
    pub(crate) reason: String,
    /// WeChat's error code, if WeChat refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    /// What WeChat's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// A channel that comes after the one that does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Fallback {
    /// Which one.
    pub(crate) channel: ChannelKind,
    /// The app that would have spoken.
    pub(crate) app: String,
    /// Why it would not have done either, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Report {
    /// A report without anything but how it stands.
    pub(crate) fn new(id: &str, outcome: NotificationStatus) -> Self {
        Self {
            id: id.to_owned(),
            outcome,
            channel: None,
            app: None,
            message_id: None,
            reason: None,
            code: None,
            rid: None,
            retry_at: None,
            skipped: Vec::new(),
            message: None,
            fallbacks: Vec::new(),
        }
    }

    /// A report with a reason.
    pub(crate) fn because(
        id: &str,
        outcome: NotificationStatus,
        reason: impl Into<String>,
    ) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(id, outcome) }
    }

    /// What a repeated request is answered: what was stored, as it stands now.
    pub(crate) fn of(row: &NotificationRow) -> Self {
        let stored =
            row.report.as_deref().and_then(|report| serde_json::from_str::<Self>(report).ok());
        let mut report = stored.unwrap_or_else(|| Self::new(&row.id, row.status));
        report.outcome = row.status;
        report.retry_at = row.retry_at.filter(|_| {
            matches!(row.status, NotificationStatus::Retrying | NotificationStatus::Scheduled)
        });
        report.reason = match row.status {
            NotificationStatus::InProgress => Some("somebody is sending it right now".to_owned()),
            NotificationStatus::Cancelled => {
                Some("it was called off before it was sent".to_owned())
            }
            // What WeChat's receipt says is newer than what sending said.
            NotificationStatus::Delivered | NotificationStatus::Blocked => {
                (report.code, report.rid) = (None, None);
                row.receipt.clone()
            }
            _ => row.receipt.clone().or(report.reason),
        };
        if let Some(message_id) = &row.message_id {
            report.message_id = Some(message_id.clone());
        }
        report
    }

    /// As it is stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report is made of strings and numbers")
    }
}

impl SkippedChannel {
    /// Passed over without asking WeChat.
    pub(crate) fn unasked(channel: ChannelKind, app: &str, reason: impl Into<String>) -> Self {
        Self {
            channel,
            app: app.to_owned(),
            reason: reason.into(),
            code: None,
            rid: None,
            advice: None,
        }
    }

    /// WeChat refused.
    pub(crate) fn refused(channel: ChannelKind, app: &str, refusal: &Refusal) -> Self {
        Self {
            channel,
            app: app.to_owned(),
            reason: refusal.message.clone(),
            code: Some(refusal.code),
            rid: refusal.rid.clone(),
            advice: Some(refusal.advice()),
        }
    }

    /// Whether somebody has to mend the template, the request or the account. What
    /// is passed over without asking WeChat has an advice only then.
    pub(crate) fn is_ours_to_mend(&self) -> bool {
        self.code.map_or(self.advice.is_some(), is_ours_to_mend)
    }
}

/// Whether this code of WeChat's names a fault of ours, and nothing that lies in
/// the person or passes by itself.
pub(crate) fn is_ours_to_mend(code: i64) -> bool {
    let refusal = Refusal { code, message: String::new(), rid: None };
    matches!(refusal.class(), ErrorClass::Configuration | ErrorClass::Fault)
}
