//! Delivery receipts of messages, and users' decisions about consent.
//!
//! Source: WeChat's documentation, ["订阅通知"] (subscription notifications), ["模板消息"]
//! (template messages) and "群发接口" (mass messages), each under 事件推送 (events).
//!
//! ["订阅通知"]: https://developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html
//! ["模板消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html

use super::fields::Fields;

/// A user's decision about consent to a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentDecision {
    /// The template.
    pub template_id: String,
    /// Whether the user consented.
    pub accepted: bool,
    /// Where the user was asked: `0` in a mini program, `1` on a web page, `2`
    /// in an article.
    pub scene: Option<String>,
}

/// The receipt of a sent message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The `msgid` from the response to sending it, in decimal.
    pub message_id: String,
    /// The template, which only receipts of subscription messages name.
    pub template_id: Option<String>,
    /// The delivery status.
    pub status: DeliveryStatus,
}

/// The delivery status of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// WeChat delivered it.
    Delivered,
    /// The user rejects messages of this account.
    Blocked,
    /// WeChat failed to deliver it. Contains WeChat's reason.
    Failed(String),
}

/// The receipt of a mass message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MassDeliveryReceipt {
    /// The `msg_id` from the response to sending it, in decimal.
    pub message_id: String,
    /// `send success`, `send fail` or `err(…)`.
    pub status: String,
    /// Number of recipients.
    pub total: Option<u64>,
    /// Number of recipients after WeChat's filters and the users' settings.
    pub filtered: Option<u64>,
    /// Number of deliveries.
    pub sent: Option<u64>,
    /// Number of failures.
    pub failed: Option<u64>,
}

/// The receipt of a service card.
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
    /// The reason in words.
    pub error: String,
}

impl ConsentDecision {
    pub(super) fn read(fields: Fields<'_>) -> Result<Vec<Self>, &'static str> {
        let items = fields.items();
        if items.is_empty() {
            return Err("its List is missing or empty");
        }
        let decision = |item: Fields<'_>| {
            let template_id = item.word("TemplateId").ok_or("TemplateId is missing")?;
            let status = item.word("SubscribeStatusString").unwrap_or_default();
            let accepted = status.eq_ignore_ascii_case("accept");
            Ok(Self { template_id, accepted, scene: item.word("PopupScene") })
        };
        items.into_iter().map(decision).collect()
    }
}

impl DeliveryReceipt {
    pub(super) fn from_template_event(fields: Fields<'_>) -> Result<Self, &'static str> {
        let status = fields.word("Status").ok_or("Status is missing")?;
        let reason = status.split_once(':').map(|(_, reason)| reason.trim().to_ascii_lowercase());
        let status = match reason.as_deref() {
            None if status.eq_ignore_ascii_case("success") => DeliveryStatus::Delivered,
            Some("user block") => DeliveryStatus::Blocked,
            _ => DeliveryStatus::Failed(status),
        };
        Ok(Self { message_id: message_id(fields)?, template_id: None, status })
    }

    pub(super) fn from_subscription_event(fields: Fields<'_>) -> Result<Vec<Self>, &'static str> {
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

    fn from_template_event(tree: &Value) -> Result<DeliveryStatus, &'static str> {
        DeliveryReceipt::from_template_event(Fields(tree)).map(|delivery| {
            assert_eq!(delivery.message_id, "3300000000000000001");
            delivery.status
        })
    }

    #[test]
    fn template_message_receipt_has_a_status() {
        let status = |status: &str| {
            from_template_event(
                &json!({ "MsgID": 3_300_000_000_000_000_001_u64, "Status": status }),
            )
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
    fn receipt_without_id_or_status_is_an_error() {
        assert!(from_template_event(&json!({ "MsgID": "3300000000000000001" })).is_err());
        assert!(from_template_event(&json!({ "Status": "success" })).is_err());
        assert!(from_template_event(&json!({ "MsgID": "a#b", "Status": "success" })).is_err());
        for item in [
            json!({ "ErrorCode": 0 }),
            json!({ "MsgID": 1 }),
            json!({ "MsgID": 1, "ErrorStatus": "failed" }),
        ] {
            assert!(
                DeliveryReceipt::from_subscription_event(Fields(&json!({ "List": item }))).is_err(),
                "{item}"
            );
        }
        assert!(DeliveryReceipt::from_subscription_event(Fields(&json!({}))).is_err());
    }

    #[test]
    fn subscription_message_receipt_has_a_status() {
        let status = |item: Value| {
            let deliveries =
                DeliveryReceipt::from_subscription_event(Fields(&json!({ "List": item }))).unwrap();
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
    fn consent_decisions_are_read() {
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
