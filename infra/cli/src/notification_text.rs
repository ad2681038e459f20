//! Outcomes of notifications, in words.

use crate::send_response::{NotificationResult, SkippedChannel};
use crate::timestamp::format_time;
use shared::store::Status;
use std::fmt;

/// Whether the notification is sent, or will be.
pub(crate) fn is_accepted(outcome: Status) -> bool {
    match outcome {
        Status::Scheduled
        | Status::InProgress
        | Status::Sent
        | Status::Delivered
        | Status::Retrying
        | Status::WouldSend => true,
        Status::Blocked
        | Status::Ambiguous
        | Status::NoConsent
        | Status::Unreachable
        | Status::Failed
        | Status::Expired
        | Status::Cancelled => false,
    }
}

pub(crate) fn meaning(outcome: Status) -> &'static str {
    match outcome {
        Status::Scheduled => "it will be sent at its time",
        Status::InProgress => "it is being sent now",
        Status::Sent => "WeChat accepted it",
        Status::Delivered => "WeChat's receipt says that it arrived",
        Status::Blocked => "WeChat accepted it, but the person rejects messages of the account",
        Status::Retrying => "it is not sent yet; the send function retries it",
        Status::Ambiguous => "it may or may not have been sent; another attempt could duplicate it",
        Status::NoConsent => "the person has not consented to this message, or no longer does",
        Status::Unreachable => "no channel reaches the person",
        Status::Failed => "it can't be sent",
        Status::Expired => "it could not be sent before it expired",
        Status::Cancelled => "it was cancelled before it was sent",
        Status::WouldSend => "it could be sent; the dry run sent nothing",
    }
}

pub(crate) fn advice(outcome: Status, id: &str) -> String {
    match outcome {
        Status::Scheduled => format!("`hongyan send cancel {id}` cancels it"),
        Status::Retrying => format!("nothing; `hongyan send cancel {id}` cancels it"),
        Status::InProgress => {
            format!("run `hongyan notification show {id}` in a minute")
        }
        Status::Sent => {
            format!(
                "nothing; `hongyan notification show {id}` shows WeChat's receipt once it is there"
            )
        }
        Status::Delivered | Status::Blocked => "nothing".to_owned(),
        Status::Ambiguous => format!(
            "don't send it under another id unless a duplicate is better than a loss; for template, \
             subscribe and bizsend, WeChat's receipt decides: `hongyan notification show {id}`"
        ),
        Status::NoConsent => {
            "ask the person for consent (wx.requestSubscribeMessage in the mini program), and send \
             it under a new id; `hongyan person` shows what is missing"
                .to_owned()
        }
        Status::Unreachable => {
            "see `hongyan person` for what is missing; then send it under a new id".to_owned()
        }
        Status::Failed => "fix the reason, and send it under a new id".to_owned(),
        Status::Expired | Status::Cancelled => {
            "send it under a new id if it is still useful".to_owned()
        }
        Status::WouldSend => "run the command without --dry-run".to_owned(),
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
