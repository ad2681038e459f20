//! What became of a notification, as the send function says, and in words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::store::NotificationStatus;
use std::fmt;

use crate::moment::written;

/// What became of one notification. Its fields are those of the send function's
/// answer (`functions/send/schema/response.json`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) id: String,
    pub(crate) outcome: NotificationStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<ChannelKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SkippedChannel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallbacks: Vec<Fallback>,
}

/// A channel that didn't do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SkippedChannel {
    pub(crate) channel: ChannelKind,
    pub(crate) app: String,
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// A channel that comes after the one that does.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Fallback {
    pub(crate) channel: ChannelKind,
    pub(crate) app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Report {
    /// Whether somebody sees to it, or has: it is sent, or waits to be.
    pub(crate) fn is_accepted(&self) -> bool {
        match self.outcome {
            NotificationStatus::Scheduled
            | NotificationStatus::InProgress
            | NotificationStatus::Sent
            | NotificationStatus::Delivered
            | NotificationStatus::Retrying
            | NotificationStatus::WouldSend => true,
            NotificationStatus::Blocked
            | NotificationStatus::Ambiguous
            | NotificationStatus::NoConsent
            | NotificationStatus::Unreachable
            | NotificationStatus::Failed
            | NotificationStatus::Expired
            | NotificationStatus::Cancelled => false,
        }
    }
}

/// What an outcome means.
pub(crate) fn meaning(outcome: NotificationStatus) -> &'static str {
    match outcome {
        NotificationStatus::Scheduled => "it waits for its time",
        NotificationStatus::InProgress => "somebody is sending it right now",
        NotificationStatus::Sent => "WeChat has taken it on",
        NotificationStatus::Delivered => "it arrived, as WeChat's receipt says",
        NotificationStatus::Blocked => {
            "WeChat took it on, but the person rejects messages of the account"
        }
        NotificationStatus::Retrying => "it isn't sent yet, and is tried again by itself",
        NotificationStatus::Ambiguous => {
            "it may or may not have been sent, and a repeat could double it"
        }
        NotificationStatus::NoConsent => {
            "the person has not consented to this message, or no longer does"
        }
        NotificationStatus::Unreachable => "no channel reaches the person",
        NotificationStatus::Failed => "it can't be sent",
        NotificationStatus::Expired => "it could not be sent before it was worth nothing",
        NotificationStatus::Cancelled => "it was called off before it was sent",
        NotificationStatus::WouldSend => "nothing keeps it from being sent; nothing was sent",
    }
}

/// What to do about an outcome.
pub(crate) fn advice(outcome: NotificationStatus, id: &str) -> String {
    match outcome {
        NotificationStatus::Scheduled => format!("`hongyan send cancel {id}` calls it off"),
        NotificationStatus::Retrying => format!("nothing; `hongyan send cancel {id}` calls it off"),
        NotificationStatus::InProgress => {
            format!("`hongyan notification show {id}` tells a moment later")
        }
        NotificationStatus::Sent => format!(
            "nothing; `hongyan notification show {id}` tells once WeChat's receipt is there"
        ),
        NotificationStatus::Delivered | NotificationStatus::Blocked => "nothing".to_owned(),
        NotificationStatus::Ambiguous => format!(
            "don't send it again under another id unless twice is better than never; for template, \
             subscribe and bizsend WeChat's receipt settles it: `hongyan notification show {id}`"
        ),
        NotificationStatus::NoConsent => {
            "have the person consent (wx.requestSubscribeMessage in the mini program), and send it \
             under a new id; `hongyan person` says what is missing"
                .to_owned()
        }
        NotificationStatus::Unreachable => {
            "`hongyan person` says what is missing; send it under a new id then".to_owned()
        }
        NotificationStatus::Failed => "mend what is named, and send it under a new id".to_owned(),
        NotificationStatus::Expired | NotificationStatus::Cancelled => {
            "send it under a new id, if it is still worth something".to_owned()
        }
        NotificationStatus::WouldSend => "say the same without --dry-run".to_owned(),
    }
}

/// Why a channel didn't do, and what to do about it.
pub(crate) fn tell_passed_over(f: &mut fmt::Formatter<'_>, it: &SkippedChannel) -> fmt::Result {
    write!(f, "  not through   {} of {}: {}", it.channel, it.app, it.reason)?;
    match (it.code, &it.rid) {
        (Some(code), Some(rid)) => writeln!(f, " (WeChat's {code}, rid {rid})")?,
        (Some(code), None) => writeln!(f, " (WeChat's {code})")?,
        _ => writeln!(f)?,
    }
    if let Some(advice) = &it.advice {
        writeln!(f, "                what to do: {advice}")?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}, {}", self.id, self.outcome.as_str(), meaning(self.outcome))?;
        if let (Some(channel), Some(app)) = (self.channel, &self.app) {
            writeln!(f, "  through       {channel} of {app}")?;
        }
        if let Some(message_id) = &self.message_id {
            writeln!(f, "  message       {message_id}, as WeChat calls it")?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "  why           {reason}")?;
        }
        match (self.code, &self.rid) {
            (Some(code), Some(rid)) => writeln!(f, "  WeChat says   {code}, rid {rid}")?,
            (Some(code), None) => writeln!(f, "  WeChat says   {code}")?,
            _ => {}
        }
        if let Some(at) = self.retry_at {
            writeln!(f, "  not before    {}", written(at))?;
        }
        for it in &self.skipped {
            tell_passed_over(f, it)?;
        }
        for it in &self.fallbacks {
            let reason = it.reason.as_deref().map(|reason| format!("; it would not do: {reason}"));
            let reason = reason.unwrap_or_default();
            writeln!(f, "  not needed    {} of {}{reason}", it.channel, it.app)?;
        }
        if let Some(message) = &self.message {
            writeln!(f, "  the message   {message}")?;
        }
        write!(f, "  what to do    {}", advice(self.outcome, &self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ANSWER: &str = include_str!("../../../functions/send/schema/response.json");

    #[test]
    fn it_has_what_the_send_function_answers_and_nothing_else() {
        let schema: Value = serde_json::from_str(ANSWER).unwrap();
        let names = |of: &str| -> Vec<String> {
            schema["$defs"][of]["properties"].as_object().unwrap().keys().cloned().collect()
        };
        let skipped = json!({ "channel": "template", "app": "shop", "reason": "r", "code": 1,
                                  "rid": "r", "advice": "a" });
        let fallbacks = json!({ "channel": "template", "app": "shop", "reason": "r" });
        let whole = json!({
            "id": "a", "outcome": "sent", "channel": "template", "app": "shop", "message_id": "3",
            "reason": "r", "code": 1, "rid": "r", "retry_at": 1, "skipped": [skipped],
            "message": {}, "fallbacks": [fallbacks],
        });
        for (value, of) in
            [(&whole, "NotificationResult"), (&skipped, "SkippedChannel"), (&fallbacks, "Fallback")]
        {
            let here: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            assert_eq!(here, names(of), "{of}");
        }
        let report: Report = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(&report).unwrap(), whole);
    }

    #[test]
    fn people_read_what_became_of_it_and_what_to_do() {
        let report: Report = serde_json::from_value(json!({
            "id": "order-17", "outcome": "failed", "reason": "skipped says why",
            "skipped": [{ "channel": "template", "app": "shop", "reason": "no such template",
                              "code": 40037, "rid": "6471-x", "advice": "correct the id" }],
        }))
        .unwrap();
        let told = report.to_string();
        for words in [
            "order-17: failed, it can't be sent",
            "not through   template of shop: no such template (WeChat's 40037, rid 6471-x)",
            "what to do: correct the id",
            "what to do    mend what is named",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!report.is_accepted());
    }
}
