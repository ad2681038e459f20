//! Outcomes of notifications, in words.

use crate::timestamp::format_time;
use shared::send_response::{NotificationResult, SkippedChannel};
use shared::store::NotificationStatus;
use std::fmt;

/// Whether the notification is sent, or will be.
pub(crate) fn is_accepted(outcome: NotificationStatus) -> bool {
    match outcome {
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

pub(crate) fn meaning(outcome: NotificationStatus) -> &'static str {
    match outcome {
        NotificationStatus::Scheduled => "it will be sent at its time",
        NotificationStatus::InProgress => "it is being sent now",
        NotificationStatus::Sent => "WeChat accepted it",
        NotificationStatus::Delivered => "WeChat's receipt says that it arrived",
        NotificationStatus::Blocked => {
            "WeChat accepted it, but the person rejects messages of the account"
        }
        NotificationStatus::Retrying => "it is not sent yet; the send function retries it",
        NotificationStatus::Ambiguous => {
            "it may or may not have been sent; another attempt could duplicate it"
        }
        NotificationStatus::NoConsent => {
            "the person has not consented to this message, or no longer does"
        }
        NotificationStatus::Unreachable => "no channel reaches the person",
        NotificationStatus::Failed => "it can't be sent",
        NotificationStatus::Expired => "it could not be sent before it expired",
        NotificationStatus::Cancelled => "it was cancelled before it was sent",
        NotificationStatus::WouldSend => "it could be sent; the dry run sent nothing",
    }
}

pub(crate) fn advice(outcome: NotificationStatus, id: &str) -> String {
    match outcome {
        NotificationStatus::Scheduled => format!("`hongyan send cancel {id}` cancels it"),
        NotificationStatus::Retrying => format!("nothing; `hongyan send cancel {id}` cancels it"),
        NotificationStatus::InProgress => {
            format!("run `hongyan notification show {id}` in a minute")
        }
        NotificationStatus::Sent => {
            format!(
                "nothing; `hongyan notification show {id}` shows WeChat's receipt once it is there"
            )
        }
        NotificationStatus::Delivered | NotificationStatus::Blocked => "nothing".to_owned(),
        NotificationStatus::Ambiguous => format!(
            "don't send it under another id unless a duplicate is better than a loss; for template, \
             subscribe and bizsend, WeChat's receipt decides: `hongyan notification show {id}`"
        ),
        NotificationStatus::NoConsent => {
            "ask the person for consent (wx.requestSubscribeMessage in the mini program), and send \
             it under a new id; `hongyan person` shows what is missing"
                .to_owned()
        }
        NotificationStatus::Unreachable => {
            "see `hongyan person` for what is missing; then send it under a new id".to_owned()
        }
        NotificationStatus::Failed => "fix the reason, and send it under a new id".to_owned(),
        NotificationStatus::Expired | NotificationStatus::Cancelled => {
            "send it under a new id if it is still useful".to_owned()
        }
        NotificationStatus::WouldSend => "run the command without --dry-run".to_owned(),
    }
}

/// WeChat's error code and request id.
fn wechat_code(code: Option<i64>, rid: Option<&str>) -> Option<String> {
    let rid = rid.map_or_else(String::new, |rid| format!(", rid {rid}"));
    code.map(|code| format!("{code}{rid}"))
}

pub(crate) fn write_skipped(f: &mut fmt::Formatter<'_>, it: &SkippedChannel) -> fmt::Result {
    write!(f, "  not through   {} of {}: {}", it.channel, it.app, it.reason)?;
    match wechat_code(it.code, it.rid.as_deref()) {
        Some(code) => writeln!(f, " (WeChat's {code})")?,
        None => writeln!(f)?,
    }
    match &it.advice {
        Some(advice) => writeln!(f, "                what to do: {advice}"),
        None => Ok(()),
    }
}

pub(crate) fn write_result(f: &mut fmt::Formatter<'_>, it: &NotificationResult) -> fmt::Result {
    writeln!(f, "{}: {}, {}", it.id, it.outcome.as_str(), meaning(it.outcome))?;
    if let (Some(channel), Some(app)) = (it.channel, &it.app) {
        writeln!(f, "  through       {channel} of {app}")?;
    }
    for (name, value) in [
        ("message id", it.message_id.clone()),
        ("reason", it.reason.clone()),
        ("WeChat's code", wechat_code(it.code, it.rid.as_deref())),
        ("advice", it.advice.clone()),
        ("not before", it.retry_at.map(format_time)),
    ] {
        if let Some(value) = value {
            writeln!(f, "  {name:<13} {value}")?;
        }
    }
    for it in &it.skipped {
        write_skipped(f, it)?;
    }
    for it in &it.fallbacks {
        let reason = it.reason.as_ref().map(|reason| format!("; unavailable: {reason}"));
        writeln!(f, "  fallback      {} of {}{}", it.channel, it.app, reason.unwrap_or_default())?;
    }
    if let Some(message) = &it.message {
        writeln!(f, "  message       {message}")?;
    }
    write!(f, "  what to do    {}", advice(it.outcome, &it.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn result_has_reason_and_advice() {
        struct Text(NotificationResult);
        impl fmt::Display for Text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_result(f, &self.0)
            }
        }
        let result: NotificationResult = serde_json::from_value(json!({
            "id": "order-17", "outcome": "failed", "reason": "skipped says why",
            "skipped": [{ "channel": "template", "app": "shop", "reason": "no such template",
                          "code": 40037, "rid": "6471-x", "advice": "correct the id" }],
        }))
        .unwrap();
        assert!(!is_accepted(result.outcome));
        let text = Text(result).to_string();
        for expected in [
            "order-17: failed, it can't be sent",
            "not through   template of shop: no such template (WeChat's 40037, rid 6471-x)",
            "what to do: correct the id",
            "what to do    fix the reason",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
