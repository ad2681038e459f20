//! A notification's history, in sentences.

use crate::moment::written;
use crate::report::{Report, SkippedChannel, advice, meaning, tell_passed_over};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::store::{NotificationRow, NotificationStatus};
use std::fmt;

/// A notification's history: nothing of whom it is for, and of what it says only what
/// was asked for.
#[derive(Debug, Serialize)]
pub(super) struct History {
    id: String,
    status: NotificationStatus,
    /// So often somebody has begun to send it.
    attempts: u64,
    first_at: Option<Timestamp>,
    /// When it is sent, or tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// Why it stands so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// WeChat's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    receipt: Receipt,
    /// What may have been sent already, and nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    perhaps_sent: Option<PerhapsSent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedChannel>,
    /// What was asked, without whom it is for; only if it is asked for, and kept only
    /// as long as it may have to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
    advice: String,
}

/// Whether WeChat has said what became of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Receipt {
    /// There is nothing of which there could be one.
    NotSent,
    /// WeChat sends none through this channel.
    NeverComes,
    Awaited,
    Arrived,
}

#[derive(Debug, Serialize)]
struct PerhapsSent {
    channel: ChannelKind,
    at: Timestamp,
}

impl History {
    /// What a row says. `with_content` is whether it may say what was asked.
    pub(super) fn of(row: &NotificationRow, with_content: bool) -> Self {
        let report =
            row.report.as_deref().and_then(|report| serde_json::from_str::<Report>(report).ok());
        let waits =
            matches!(row.status, NotificationStatus::Retrying | NotificationStatus::Scheduled);
        let (channel, app, mut code, mut rid, said, skipped, message_id) = match report {
            Some(it) => (it.channel, it.app, it.code, it.rid, it.reason, it.skipped, it.message_id),
            None => (None, None, None, None, None, Vec::new(), None),
        };
        let reason = match row.status {
            // What WeChat's receipt says is newer than what sending said.
            NotificationStatus::Delivered | NotificationStatus::Blocked => {
                (code, rid) = (None, None);
                row.receipt.clone()
            }
            NotificationStatus::InProgress | NotificationStatus::Cancelled => None,
            _ => row.receipt.clone().or(said),
        };
        let announced = row.intent.as_ref();
        let channel = channel.or(announced.map(|it| it.channel));
        let perhaps_sent = announced.map(|it| PerhapsSent { channel: it.channel, at: it.at });
        let content = with_content.then(|| row.content.as_deref().map_or(Value::Null, shown));
        Self {
            id: row.id.clone(),
            status: row.status,
            attempts: row.attempts,
            first_at: row.first_at,
            retry_at: row.retry_at.filter(|_| waits),
            receipt: receipt(row.status, channel, row.receipt.is_some()),
            channel,
            app,
            message_id: row.message_id.clone().or(message_id),
            reason,
            code,
            rid,
            perhaps_sent,
            skipped,
            content,
            advice: advice(row.status, &row.id),
        }
    }
}

fn receipt(status: NotificationStatus, channel: Option<ChannelKind>, is_there: bool) -> Receipt {
    let never = matches!(channel, Some(ChannelKind::CustomerService | ChannelKind::LegacyTemplate));
    match status {
        NotificationStatus::Delivered | NotificationStatus::Blocked => Receipt::Arrived,
        NotificationStatus::Failed if is_there => Receipt::Arrived,
        NotificationStatus::Sent | NotificationStatus::Ambiguous if never => Receipt::NeverComes,
        NotificationStatus::Sent | NotificationStatus::Ambiguous => Receipt::Awaited,
        _ => Receipt::NotSent,
    }
}

/// What was asked, without whom it is for: of the recipient, only an account's name or
/// an app's alias.
fn shown(content: &str) -> Value {
    let Ok(Value::Object(content)) = serde_json::from_str::<Value>(content) else {
        return Value::Null;
    };
    let mut shown = Map::new();
    for (name, value) in content {
        let value = if name == "to" {
            let named: Map<_, _> = ["account", "app"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), value.get(name)?.clone())))
                .collect();
            json!(named)
        } else {
            value
        };
        shown.insert(name, value);
    }
    Value::Object(shown)
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}, {}.", self.id, self.status.as_str(), meaning(self.status))?;
        match (self.attempts, self.first_at) {
            (0, _) | (_, None) => writeln!(f, "  Nobody has begun to send it.")?,
            (1, Some(at)) => writeln!(f, "  It was tried once, {}.", written(at))?,
            (attempts, Some(at)) => {
                writeln!(f, "  It was tried {attempts} times, first {}.", written(at))?;
            }
        }
        if let Some(channel) = self.channel {
            let app = self.app.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
            writeln!(f, "  The channel that decided is {channel}{app}.")?;
        }
        if let Some(message_id) = &self.message_id {
            writeln!(f, "  WeChat calls the message {message_id}.")?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "  Why: {reason}")?;
        }
        match (self.code, &self.rid) {
            (Some(code), Some(rid)) => writeln!(f, "  WeChat's code is {code}, its rid {rid}.")?,
            (Some(code), None) => writeln!(f, "  WeChat's code is {code}.")?,
            _ => {}
        }
        for it in &self.skipped {
            tell_passed_over(f, it)?;
        }
        if let Some(PerhapsSent { channel, at }) = &self.perhaps_sent {
            writeln!(f, "  Perhaps it was sent through {channel}, {}.", written(*at))?;
        }
        if let Some(at) = self.retry_at {
            let what =
                if self.status == NotificationStatus::Scheduled { "sent" } else { "tried again" };
            writeln!(f, "  It is {what} within the minute after {}.", written(at))?;
        }
        match self.receipt {
            Receipt::NotSent => {}
            Receipt::NeverComes => writeln!(f, "  WeChat sends no receipt for such a message.")?,
            Receipt::Awaited => writeln!(f, "  WeChat's receipt has not come so far.")?,
            Receipt::Arrived => writeln!(f, "  WeChat's receipt has come.")?,
        }
        match &self.content {
            None => {}
            Some(Value::Null) => {
                writeln!(
                    f,
                    "  What was to be sent is no longer kept: nobody will send it any more."
                )?;
            }
            Some(content) => writeln!(f, "  What is to be sent: {content}")?,
        }
        write!(f, "  What to do: {}", self.advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    /// A row as it is stored.
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
    fn what_waits_says_why_and_until_when_and_nothing_of_whom() {
        let report = r#"{"id":"order-17","outcome":"retrying","channel":"template","app":"shop",
            "reason":"the day's quota","code":45009,"rid":"6471-x"}"#;
        let content =
            r#"{"to":{"app":"shop","open_id":"oAnn"},"template":"t","data":{"a":"Kettle"}}"#;
        let waiting = [("status", "retrying"), ("report", report), ("content", content)];
        let times = [("attempts", 3), ("first_at", 1_795_158_000), ("retry_at", 1_795_158_240)];
        let history = History::of(&row(&waiting, &times), false);
        let told = format!("{history}{}", serde_json::to_string(&history).unwrap());
        for words in [
            "It was tried 3 times, first 2026-11-20T07:00:00Z.",
            "The channel that decided is template of shop.",
            "Why: the day's quota",
            "WeChat's code is 45009, its rid 6471-x.",
            "tried again within the minute after 2026-11-20T07:04:00Z",
            "hongyan send cancel order-17",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("Kettle") && !told.contains("oAnn"), "{told}");
        let history = History::of(&row(&waiting, &times), true);
        let told = format!("{history}{}", serde_json::to_string(&history).unwrap());
        assert!(told.contains("Kettle") && !told.contains("oAnn"), "{told}");
    }

    #[test]
    fn a_receipt_is_awaited_only_where_there_is_one() {
        use ChannelKind::{CustomerService, Template};
        assert_eq!(receipt(NotificationStatus::Sent, Some(Template), false), Receipt::Awaited);
        assert_eq!(
            receipt(NotificationStatus::Sent, Some(CustomerService), false),
            Receipt::NeverComes
        );
        assert_eq!(receipt(NotificationStatus::Failed, Some(Template), false), Receipt::NotSent);
        assert_eq!(receipt(NotificationStatus::Failed, Some(Template), true), Receipt::Arrived);
        let blocked = History::of(
            &row(&[("status", "blocked"), ("reason", "the person rejects")], &[("attempts", 1)]),
            true,
        );
        let told = blocked.to_string();
        assert!(told.contains("WeChat's receipt has come"), "{told}");
        assert!(told.contains("Why: the person rejects") && told.contains("no longer kept"));
    }
}
