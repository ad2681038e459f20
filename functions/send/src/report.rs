//! What became of a notification, for the caller.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{Channel, ChannelKind};
use shared::store::Status;
use shared::wechat::refusal::Refusal;

/// What became of a whole request.
#[derive(Debug, Serialize)]
pub(crate) struct Reports {
    /// One for each recipient, in the order of the request.
    pub(crate) notifications: Vec<Report>,
}

/// What became of one notification. It's stored as it is answered, so that a
/// repeated request gets the same answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The caller's id; with several recipients, `#` and the place follow.
    pub(crate) id: String,
    /// How it stands.
    pub(crate) outcome: Status,
    /// The channel it went through.
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
    /// When it may be tried again (seconds since 1970), if it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    /// The channels that were passed over before, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) passed_over: Vec<PassedOver>,
}

/// A channel that didn't do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PassedOver {
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

impl Report {
    /// A report without anything but how it stands.
    pub(crate) fn new(id: &str, outcome: Status) -> Self {
        Self {
            id: id.to_owned(),
            outcome,
            channel: None,
            app: None,
            message_id: None,
            reason: None,
            retry_at: None,
            passed_over: Vec::new(),
        }
    }

    /// Names the channel that decided.
    pub(crate) fn through(&mut self, channel: &Channel) {
        self.channel = Some(channel.kind());
        self.app = Some(channel.app().to_owned());
    }

    /// As it is stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report is made of strings and numbers")
    }
}

impl PassedOver {
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
}
