//! A notification's history.

use crate::notification_text::{advice, meaning, write_skipped};
use crate::timestamp::format_time;
use serde::Serialize;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::send_response::{NotificationResult, SkippedChannel};
use shared::store::{NotificationRow, NotificationStatus};
use std::fmt;

/// A notification's history, without the recipient, and with the content on request only.
#[derive(Debug, Serialize)]
pub(super) struct History {
    id: String,
    status: NotificationStatus,
    /// Number of attempts to send it.
    attempts: u64,
    first_at: Option<Timestamp>,
    /// The earliest time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// Why it has this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// WeChat's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    receipt: ReceiptState,
    /// A send whose result is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    possibly_sent: Option<PossibleSend>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedChannel>,
    /// The request without the recipient. Stored only while it may have to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
    advice: String,
}

/// The state of WeChat's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ReceiptState {
    NotSent,
    /// WeChat sends none for this channel.
    NotSupported,
    Pending,
    Received,
}

#[derive(Debug, Serialize)]
struct PossibleSend {
    channel: ChannelKind,
    at: Timestamp,
}

impl History {
    pub(super) fn new(row: &NotificationRow, with_content: bool) -> Self {
        let result = NotificationResult::from_row(row);
        // These reasons only repeat what the status means.
        let repeats_status =
            matches!(row.status, NotificationStatus::InProgress | NotificationStatus::Cancelled);
        // What waits needs nothing, and can be cancelled.
        let known_advice = result.advice.filter(|_| result.retry_at.is_none() && !repeats_status);
        let intent = row.intent.as_ref();
        let channel = result.channel.or(intent.map(|it| it.channel));
        Self {
            id: row.id.clone(),
            status: row.status,
            attempts: row.attempts,
            first_at: row.first_at,
            retry_at: result.retry_at,
            receipt: receipt_state(row.status, channel, row.receipt.is_some()),
            channel,
            app: result.app,
            message_id: result.message_id,
            reason: result.reason.filter(|_| !repeats_status),
            code: result.code,
            rid: result.rid,
            possibly_sent: intent
                .filter(|_| row.status != NotificationStatus::Sent)
                .map(|it| PossibleSend { channel: it.channel, at: it.at }),
            skipped: result.skipped,
            content: with_content
                .then(|| row.content.as_deref().map_or(Value::Null, without_recipient)),
            advice: known_advice.unwrap_or_else(|| advice(row.status, &row.id)),
        }
    }
}

fn receipt_state(
    status: NotificationStatus,
    channel: Option<ChannelKind>,
    has_receipt: bool,
) -> ReceiptState {
    let unsupported =
        matches!(channel, Some(ChannelKind::CustomerService | ChannelKind::LegacyTemplate));
    match status {
        NotificationStatus::Delivered | NotificationStatus::Blocked => ReceiptState::Received,
        NotificationStatus::Failed | NotificationStatus::Sent if has_receipt => {
            ReceiptState::Received
        }
        NotificationStatus::Sent | NotificationStatus::Ambiguous if unsupported => {
            ReceiptState::NotSupported
        }
        NotificationStatus::Sent | NotificationStatus::Ambiguous => ReceiptState::Pending,
        _ => ReceiptState::NotSent,
    }
}

/// The request, with the recipient reduced to an account's name or an app's alias.
fn without_recipient(content: &str) -> Value {
    let Ok(Value::Object(mut content)) = serde_json::from_str::<Value>(content) else {
        return Value::Null;
    };
    if let Some(to) = content.get_mut("to") {
        let names = ["account", "app"].into_iter();
        let names = names.filter_map(|name| Some((name.to_owned(), to.get(name)?.clone())));
        *to = Value::Object(names.collect());
    }
    Value::Object(content)
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}, {}.", self.id, self.status.as_str(), meaning(self.status))?;
        match (self.attempts, self.first_at.map(format_time)) {
            (0, _) | (_, None) => writeln!(f, "  No attempt to send it yet.")?,
            (1, Some(at)) => writeln!(f, "  One attempt, {at}.")?,
            (attempts, Some(at)) => writeln!(f, "  {attempts} attempts, the first {at}.")?,
        }
        if let Some(channel) = self.channel {
            let app = self.app.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
            writeln!(f, "  The deciding channel is {channel}{app}.")?;
        }
        if let Some(message_id) = &self.message_id {
            writeln!(f, "  WeChat's message id is {message_id}.")?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "  Reason: {reason}")?;
        }
        match (self.code, &self.rid) {
            (Some(code), Some(rid)) => writeln!(f, "  WeChat's code is {code}, its rid {rid}.")?,
            (Some(code), None) => writeln!(f, "  WeChat's code is {code}.")?,
            _ => {}
        }
        for it in &self.skipped {
            write_skipped(f, it)?;
        }
        if let Some(PossibleSend { channel, at }) = &self.possibly_sent {
            writeln!(f, "  It may have been sent through {channel}, {}.", format_time(*at))?;
        }
        if let Some(at) = self.retry_at {
            let what =
                if self.status == NotificationStatus::Scheduled { "sent" } else { "retried" };
            writeln!(f, "  It will be {what} within a minute after {}.", format_time(at))?;
        }
        match self.receipt {
            ReceiptState::NotSent => {}
            ReceiptState::NotSupported => {
                writeln!(f, "  WeChat sends no receipt for this channel.")?;
            }
            ReceiptState::Pending => writeln!(f, "  WeChat's receipt has not arrived yet.")?,
            ReceiptState::Received => writeln!(f, "  WeChat's receipt has arrived.")?,
        }
        match &self.content {
            None => {}
            Some(Value::Null) => {
                writeln!(f, "  The content is deleted, because it won't be sent again.")?;
            }
            Some(content) => writeln!(f, "  The content to be sent: {content}")?,
        }
        write!(f, "  What to do: {}", self.advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    fn row(texts: &[(&str, &str)], numbers: &[(&str, u64)]) -> NotificationRow {
        let texts = [("id", "order-17"), ("request_hash", "h")].iter().chain(texts);
        let texts =
            texts.map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())));
        let numbers = numbers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), AttributeValue::N(value.to_string())));
        NotificationRow::read(&texts.chain(numbers).collect()).unwrap()
    }

    #[test]
    fn retrying_notification_shows_reason_and_time_but_no_recipient() {
        let report = r#"{"id":"order-17","outcome":"retrying","channel":"template","app":"shop",
            "reason":"the day's quota","code":45009,"rid":"6471-x"}"#;
        let content =
            r#"{"to":{"app":"shop","open_id":"oAnn"},"template":"t","data":{"a":"Kettle"}}"#;
        let retrying = [("status", "retrying"), ("report", report), ("content", content)];
        let times = [("attempts", 3), ("first_at", 1_795_158_000), ("retry_at", 1_795_158_240)];
        let history = History::new(&row(&retrying, &times), false);
        let text = format!("{history}{}", serde_json::to_string(&history).unwrap());
        for expected in [
            "3 attempts, the first 2026-11-20T07:00:00Z.",
            "The deciding channel is template of shop.",
            "Reason: the day's quota",
            "WeChat's code is 45009, its rid 6471-x.",
            "retried within a minute after 2026-11-20T07:04:00Z",
            "hongyan send cancel order-17",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("Kettle") && !text.contains("oAnn"), "{text}");
        let history = History::new(&row(&retrying, &times), true);
        let text = format!("{history}{}", serde_json::to_string(&history).unwrap());
        assert!(text.contains("Kettle") && !text.contains("oAnn"), "{text}");
    }

    #[test]
    fn receipt_is_pending_only_when_the_channel_has_receipts() {
        use ChannelKind::{CustomerService, Template};
        assert_eq!(
            receipt_state(NotificationStatus::Sent, Some(Template), false),
            ReceiptState::Pending
        );
        assert_eq!(
            receipt_state(NotificationStatus::Sent, Some(CustomerService), false),
            ReceiptState::NotSupported
        );
        assert_eq!(
            receipt_state(NotificationStatus::Failed, Some(Template), false),
            ReceiptState::NotSent
        );
        assert_eq!(
            receipt_state(NotificationStatus::Failed, Some(Template), true),
            ReceiptState::Received
        );
        let blocked = History::new(
            &row(&[("status", "blocked"), ("reason", "the person rejects")], &[("attempts", 1)]),
            true,
        );
        let text = blocked.to_string();
        assert!(text.contains("WeChat's receipt has arrived"), "{text}");
        assert!(
            text.contains("Reason: the person rejects") && text.contains("The content is deleted")
        );
    }
}
