//! Delivery receipts of messages, and users' decisions about consent.
//!
//! Source: WeChat's documentation, ["订阅通知"] (subscription notifications), ["模板消息"]
//! (template messages) and "群发接口" (mass messages), each under 事件推送 (events).
//!
//! ["订阅通知"]: https://developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html
//! ["模板消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html

use crate::wechat::refusal::Refusal;
use crate::wechat::wire::fields::Fields;

/// A user's decision about consent to a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentDecision {
    /// The template.
    pub template_id: String,
    /// What the user decided.
    pub answer: ConsentAnswer,
    /// Where the user was asked: `0` in a mini program, `1` on a web page, `2`
    /// in an article.
    pub scene: Option<String>,
}

/// What a user decided. WeChat's list of words is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// `accept`, or with how it is shown: `acceptWithAudio`, `acceptWithAlert`,
    /// `acceptWithForcePush`.
    Accepted,
    /// `reject`; or WeChat did: `ban` is a template that it has banned, `filter` one that it
    /// did not ask about, as another has the same title.
    Refused,
    /// Another word, which may mean either. Empty if there is none.
    Unknown(String),
}

impl ConsentAnswer {
    fn read(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "reject" | "ban" | "filter" => Self::Refused,
            _ if lower.starts_with("accept") => Self::Accepted,
            _ => Self::Unknown(word.to_owned()),
        }
    }
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
    /// WeChat's text says neither. WeChat has accepted the message, which is all that is
    /// certain.
    Unknown(String),
}

impl DeliveryStatus {
    /// `success`, `failed:user block`, `failed: system failed`, `failed:freq limit`, and what
    /// WeChat may add.
    fn read(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        match lower.split_once(':').map(|(word, reason)| (word.trim(), reason.trim())) {
            None if lower == "success" => Self::Delivered,
            Some(("failed", "user block")) => Self::Blocked,
            _ if lower.starts_with("fail") => Self::Failed(text.to_owned()),
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

/// What to do about a message that its receipt says did not arrive, by the text of that.
/// `api` is the one that sent it.
pub fn receipt_advice(api: &'static str, text: &str) -> String {
    let code = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    if let Some(code) = code.and_then(|(_, code)| code.parse().ok()) {
        return Refusal::with_code(api, code).advice();
    }
    let lower = text.to_ascii_lowercase();
    let advice = if lower.contains("freq limit") {
        "the account sends to this person too often; WeChat publishes no limit, so send them fewer messages, and this one later under a new id"
    } else if lower.contains("system fail") || lower.contains("system error") {
        "WeChat has trouble of its own; send it again under a new id"
    } else if text == BLOCKED_REASON {
        "only the person can change that, in the account's settings in WeChat; use another channel"
    } else {
        "this text of a receipt is not known here; look it up in WeChat's documentation, and see whether the person has the message"
    };
    advice.to_owned()
}

/// Why a message did not arrive that the user rejects.
pub const BLOCKED_REASON: &str = "the person rejects messages of this account";

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
        let decision = |item: Fields<'_>| {
            let template_id = item.word("TemplateId").ok_or("TemplateId is missing")?;
            let status = item.word("SubscribeStatusString").unwrap_or_default();
            let answer = ConsentAnswer::read(&status);
            Ok(Self { template_id, answer, scene: item.word("PopupScene") })
        };
        readable(fields, decision)
    }
}

impl DeliveryReceipt {
    pub(super) fn from_template_event(fields: Fields<'_>) -> Result<Self, &'static str> {
        let status = fields.word("Status").ok_or("Status is missing")?;
        let status = DeliveryStatus::read(&status);
        Ok(Self { message_id: message_id(fields)?, template_id: None, status })
    }

    pub(super) fn from_subscription_event(fields: Fields<'_>) -> Result<Vec<Self>, &'static str> {
        let delivery = |item: Fields<'_>| {
            let status = item.text("ErrorStatus");
            let status = match item.word("ErrorCode").as_deref() {
                Some("0") => DeliveryStatus::Delivered,
                Some(code) => {
                    DeliveryStatus::Failed(format!("{status} ({code})").trim().to_owned())
                }
                None if status.is_empty() => return Err("ErrorCode is missing"),
                None => DeliveryStatus::read(&status),
            };
            let template_id = item.word("TemplateId");
            Ok(Self { message_id: message_id(item)?, template_id, status })
        };
        readable(fields, delivery)
    }
}

/// The items of a List that can be read: an odd one costs no other. An error if there is none.
fn readable<T>(
    fields: Fields<'_>,
    read: impl Fn(Fields<'_>) -> Result<T, &'static str>,
) -> Result<Vec<T>, &'static str> {
    let (mut items, mut problem) = (Vec::new(), "its List is missing or empty");
    for item in fields.items() {
        match read(item) {
            Ok(item) => items.push(item),
            Err(odd) => problem = odd,
        }
    }
    if items.is_empty() { Err(problem) } else { Ok(items) }
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
    use crate::wechat::api;
    use serde_json::{Value, json};

    #[test]
    fn only_documented_words_accept_or_refuse() {
        for word in [
            "accept",
            "Accept",
            "acceptWithAudio",
            "acceptWithAlert",
            "acceptWithForcePush",
            "acceptX",
        ] {
            assert_eq!(ConsentAnswer::read(word), ConsentAnswer::Accepted, "{word}");
        }
        for word in ["reject", "ban", "filter", "REJECT"] {
            assert_eq!(ConsentAnswer::read(word), ConsentAnswer::Refused, "{word}");
        }
        for word in ["", "cancel", "rejectX", "later", "always", "接受"] {
            assert_eq!(ConsentAnswer::read(word), ConsentAnswer::Unknown(word.to_owned()));
        }
    }

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
        for failed in [
            "failed: system failed",
            "failed:system failed",
            "failed:freq limit",
            "failed: something new",
            "failed",
            "fail: success",
        ] {
            assert_eq!(status(failed), DeliveryStatus::Failed(failed.to_owned()));
        }
        for unknown in ["queued", "success: partly", "blocked:user block", "完成"] {
            assert_eq!(status(unknown), DeliveryStatus::Unknown(unknown.to_owned()));
        }
    }

    #[test]
    fn receipt_without_id_or_status_is_an_error() {
        assert!(from_template_event(&json!({ "MsgID": "3300000000000000001" })).is_err());
        assert!(from_template_event(&json!({ "Status": "success" })).is_err());
        assert!(from_template_event(&json!({ "MsgID": "a#b", "Status": "success" })).is_err());
        for item in [json!({ "ErrorCode": 0 }), json!({ "MsgID": 1 })] {
            assert!(
                DeliveryReceipt::from_subscription_event(Fields(&json!({ "List": item }))).is_err(),
                "{item}"
            );
        }
        assert!(DeliveryReceipt::from_subscription_event(Fields(&json!({}))).is_err());
        let list =
            json!({ "List": [{ "ErrorCode": 0 }, { "MsgID": 8, "ErrorCode": 0 }, { "MsgID": 9 }] });
        let read = DeliveryReceipt::from_subscription_event(Fields(&list)).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].message_id, "8");
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
        let without_code = |text: &str| status(json!({ "MsgID": 7, "ErrorStatus": text }));
        assert_eq!(without_code("failed"), DeliveryStatus::Failed("failed".to_owned()));
        assert_eq!(without_code("on hold"), DeliveryStatus::Unknown("on hold".to_owned()));
    }

    #[test]
    fn every_text_of_a_receipt_has_advice() {
        let advice = |text: &str| receipt_advice(api::SUBSCRIBE, text);
        assert!(advice("failed:freq limit").contains("fewer messages"));
        assert!(advice("Failed: Freq Limit").contains("fewer messages"));
        assert!(advice("failed: system failed").contains("new id"));
        assert!(advice(BLOCKED_REASON).contains("another channel"));
        assert!(advice("system error (43101)").contains("consent"));
        assert!(advice("new (99999)").contains("not known"));
        for text in ["", "queued", "failed", "(x)", "failed: something new"] {
            assert!(advice(text).contains("not known"), "{text}");
        }
    }

    #[test]
    fn consent_decisions_are_read() {
        let answers = |tree: Value| ConsentDecision::read(Fields(&tree));
        let found = answers(json!({ "List": [
            { "TemplateId": "A", "SubscribeStatusString": "accept", "PopupScene": 0 },
            { "TemplateId": "B", "SubscribeStatusString": "reject" },
            { "TemplateId": "C" },
        ] }));
        let decision = |template: &str, answer, scene: Option<&str>| ConsentDecision {
            template_id: template.to_owned(),
            answer,
            scene: scene.map(str::to_owned),
        };
        let expected = vec![
            decision("A", ConsentAnswer::Accepted, Some("0")),
            decision("B", ConsentAnswer::Refused, None),
            decision("C", ConsentAnswer::Unknown(String::new()), None),
        ];
        assert_eq!(found, Ok(expected));
        let odd = answers(
            json!({ "List": [null, {}, "x", { "TemplateId": "A", "SubscribeStatusString": "accept" }] }),
        );
        assert_eq!(
            odd,
            Ok(vec![decision("A", ConsentAnswer::Accepted, None)]),
            "an odd item costs no other"
        );
        assert!(answers(json!({})).is_err());
        assert!(answers(json!({ "List": [] })).is_err());
        assert!(answers(json!({ "List": { "SubscribeStatusString": "accept" } })).is_err());
    }
}
