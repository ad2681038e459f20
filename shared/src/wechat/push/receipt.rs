//! What became of messages, and what users say to getting more of them.
//!
//! Source: WeChat's documentation, "订阅消息" (subscription messages), "模板消息"
//! (template messages) and "群发接口" (messages to many), each under 事件推送
//! (events).

use super::fields::Fields;

/// Consent to one message of a template, or its refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentDecision {
    /// The template.
    pub template_id: String,
    /// Whether the user said yes.
    pub accepted: bool,
    /// Where the user was asked: `0` in a mini program, `1` on a web page, `2`
    /// in an article.
    pub scene: Option<String>,
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The `msgid` that sending answered with, in decimal.
    pub message_id: String,
    /// The template, which only receipts of subscription messages name.
    pub template_id: Option<String>,
    /// What happened to it.
    pub status: DeliveryStatus,
}

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It arrived.
    Delivered,
    /// The user rejects messages of this account.
    Blocked,
    /// WeChat failed, in WeChat's words.
    Failed(String),
}

/// What became of a message to many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MassDeliveryReceipt {
    /// The `msg_id` that sending answered with, in decimal.
    pub message_id: String,
    /// `send success`, `send fail` or `err(…)`.
    pub status: String,
    /// How many it was for.
    pub total: Option<u64>,
    /// How many were left after WeChat's filters and the users' own.
    pub filtered: Option<u64>,
    /// How many got it.
    pub sent: Option<u64>,
    /// How many it failed for.
    pub failed: Option<u64>,
}

/// What became of a service card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDeliveryReceipt {
    /// WeChat's code of the card.
    pub code: String,
    /// Its kind, by WeChat's numbers.
    pub card_type: String,
    /// What it shows, by WeChat's numbers.
    pub status: String,
    /// Why it failed, by WeChat's numbers.
    pub error_code: String,
    /// The same in words.
    pub error: String,
}

impl ConsentDecision {
    pub(super) fn read(fields: Fields<'_>) -> Result<Vec<Self>, &'static str> {
        let items = fields.items();
        if items.is_empty() {
            return Err("its List is missing or empty");
        }
        let answer = |item: Fields<'_>| {
            let template_id = item.word("TemplateId").ok_or("TemplateId is missing")?;
            let status = item.word("SubscribeStatusString").unwrap_or_default();
            let accepted = status.eq_ignore_ascii_case("accept");
            Ok(Self { template_id, accepted, scene: item.word("PopupScene") })
        };
        items.into_iter().map(answer).collect()
    }
}

impl DeliveryReceipt {
    pub(super) fn of_template(fields: Fields<'_>) -> Result<Self, &'static str> {
        let status = fields.word("Status").ok_or("Status is missing")?;
        let reason = status.split_once(':').map(|(_, reason)| reason.trim().to_ascii_lowercase());
        let status = match reason.as_deref() {
            None if status.eq_ignore_ascii_case("success") => DeliveryStatus::Delivered,
            Some("user block") => DeliveryStatus::Blocked,
            _ => DeliveryStatus::Failed(status),
        };
        Ok(Self { message_id: message_id(fields)?, template_id: None, status })
    }

    pub(super) fn of_subscription(fields: Fields<'_>) -> Result<Vec<Self>, &'static str> {
        let items = fields.items();
        if items.is_empty() {
            return Err("its List is missing or empty");
        }
        let delivery = |item: Fields<'_>| {
            let status = item.text("ErrorStatus");
            let status = match item.word("ErrorCode").as_deref() {
                Some("0") => DeliveryStatus::Delivered,
                Some(code) => {
                    DeliveryStatus::Failed(format!("{status} ({code})").trim().to_owned())
                }
                None if status.eq_ignore_ascii_case("success") => DeliveryStatus::Delivered,
                None => return Err("ErrorCode is missing"),
            };
            let template_id = item.word("TemplateId");
            Ok(Self { message_id: message_id(item)?, template_id, status })
        };
        items.into_iter().map(delivery).collect()
    }
}

fn message_id(fields: Fields<'_>) -> Result<String, &'static str> {
    fields
        .id("MsgID")
        .or_else(|| fields.id("MsgId"))
        .ok_or("MsgID is missing, or none that WeChat could have given")
}

impl MassDeliveryReceipt {
    pub(super) fn read(fields: Fields<'_>) -> Self {
        Self {
            message_id: message_id(fields).unwrap_or_default(),
            status: fields.text("Status"),
            total: fields.number("TotalCount"),
            filtered: fields.number("FilterCount"),
            sent: fields.number("SentCount"),
            failed: fields.number("ErrorCount"),
        }
    }
}

impl ServiceDeliveryReceipt {
    pub(super) fn read(fields: Fields<'_>) -> Self {
        Self {
            code: fields.text("notify_code"),
            card_type: fields.text("notify_type"),
            status: fields.text("card_status"),
            error_code: fields.text("fail_ret"),
            error: fields.text("fail_msg"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of_template(tree: &Value) -> Result<DeliveryStatus, &'static str> {
        DeliveryReceipt::of_template(Fields(tree)).map(|delivery| {
            assert_eq!(delivery.message_id, "3300000000000000001");
            delivery.status
        })
    }

    #[test]
    fn template_messages() {
        let status = |status: &str| {
            of_template(&json!({ "MsgID": 3_300_000_000_000_000_001_u64, "Status": status }))
                .unwrap()
        };
        assert_eq!(status("success"), DeliveryStatus::Delivered);
        for blocked in ["failed:user block", "failed: user block", "Failed: User Block"] {
            assert_eq!(status(blocked), DeliveryStatus::Blocked);
        }
        for failed in ["failed: system failed", "failed:system failed", "failed", "fail: success"] {
            assert_eq!(status(failed), DeliveryStatus::Failed(failed.to_owned()));
        }
    }

    #[test]
    fn a_receipt_without_number_or_fate_is_none() {
        assert!(of_template(&json!({ "MsgID": "3300000000000000001" })).is_err());
        assert!(of_template(&json!({ "Status": "success" })).is_err());
        assert!(of_template(&json!({ "MsgID": "a#b", "Status": "success" })).is_err());
        for item in [
            json!({ "ErrorCode": 0 }),
            json!({ "MsgID": 1 }),
            json!({ "MsgID": 1, "ErrorStatus": "failed" }),
        ] {
            assert!(
                DeliveryReceipt::of_subscription(Fields(&json!({ "List": item }))).is_err(),
                "{item}"
            );
        }
        assert!(DeliveryReceipt::of_subscription(Fields(&json!({}))).is_err());
    }

    #[test]
    fn subscription_messages() {
        let status = |item: Value| {
            let deliveries =
                DeliveryReceipt::of_subscription(Fields(&json!({ "List": item }))).unwrap();
            assert_eq!(deliveries.len(), 1);
            assert_eq!(deliveries[0].message_id, "7");
            deliveries[0].status.clone()
        };
        assert_eq!(status(json!({ "MsgID": "7", "ErrorCode": "0" })), DeliveryStatus::Delivered);
        assert_eq!(status(json!({ "MsgID": 7, "ErrorCode": 0 })), DeliveryStatus::Delivered);
        assert_eq!(
            status(json!({ "MsgID": 7, "ErrorStatus": "success" })),
            DeliveryStatus::Delivered
        );
        assert_eq!(
            status(json!({ "MsgID": 7, "ErrorCode": 43101, "ErrorStatus": "system error" })),
            DeliveryStatus::Failed("system error (43101)".to_owned())
        );
    }

    #[test]
    fn answers() {
        let answers = |tree: Value| ConsentDecision::read(Fields(&tree));
        let found = answers(json!({ "List": [
            { "TemplateId": "A", "SubscribeStatusString": "accept", "PopupScene": 0 },
            { "TemplateId": "B", "SubscribeStatusString": "reject" },
            { "TemplateId": "C" },
        ] }));
        let answer = |template: &str, accepted, scene: Option<&str>| ConsentDecision {
            template_id: template.to_owned(),
            accepted,
            scene: scene.map(str::to_owned),
        };
        let expected =
            vec![answer("A", true, Some("0")), answer("B", false, None), answer("C", false, None)];
        assert_eq!(found, Ok(expected));
        assert!(answers(json!({})).is_err());
        assert!(answers(json!({ "List": [] })).is_err());
        assert!(answers(json!({ "List": { "SubscribeStatusString": "accept" } })).is_err());
    }
}
