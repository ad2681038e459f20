//! Messages: as they are sent, as they wait, as they are received.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::digest;
use crate::services::account::{ACCOUNT, REGION};
use crate::services::refusal::Refusal;

/// The most attributes that a message has (SQS message metadata: 10).
const ATTRIBUTES: usize = 10;

/// A message to be sent.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// `AWSTraceHeader`, the one system attribute that a sender may set.
    pub(super) trace: Option<String>,
    /// Of fair queues; handed on to the receiver, without their order.
    pub(super) group: Option<String>,
    /// Seconds; the queue's own if not given.
    pub(super) delay: Option<u64>,
}

/// A message attribute, in the shape that requests and answers have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, perhaps with a label after a dot.
    pub data_type: String,
    /// The value, unless it is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value in base64, if it is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// A message in its queue.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) body: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    /// The queue that this message was moved out of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// Times in milliseconds since 1970.
    pub(super) sent: u64,
    /// When it can be received next.
    pub(super) visible: u64,
    pub(super) receives: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first_received: Option<u64>,
    /// Part of the latest receipt handle; only that one deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) receipt: Option<String>,
}

/// A message as it was received. Has no `Debug`, so that its body is never logged.
#[derive(Clone)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What deletes it, or changes its visibility.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    /// The MD5 sum of the body, in hexadecimal.
    pub md5: String,
    /// System attributes, as `ApproximateReceiveCount` and `SentTimestamp` (milliseconds), all as text.
    pub attributes: BTreeMap<&'static str, String>,
    /// What the sender attached.
    pub message_attributes: BTreeMap<String, Attribute>,
    /// The ARN of the queue that it was received from.
    pub queue_arn: String,
}

impl Message {
    /// The record of an SQS event, as Lambda hands it to a function.
    pub fn event_record(&self) -> Value {
        let attributes: Map<String, Value> = self
            .message_attributes
            .iter()
            .map(|(name, attribute)| {
                let mut value = json!({
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": attribute.data_type,
                });
                if let Some(text) = &attribute.string_value {
                    value["stringValue"] = json!(text);
                }
                if let Some(bytes) = &attribute.binary_value {
                    value["binaryValue"] = json!(bytes);
                }
                (name.clone(), value)
            })
            .collect();
        let mut record = json!({
            "messageId": self.id,
            "receiptHandle": self.receipt_handle,
            "body": self.body,
            "attributes": self.attributes,
            "messageAttributes": attributes,
            "md5OfBody": self.md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": REGION,
        });
        if !self.message_attributes.is_empty() {
            record["md5OfMessageAttributes"] = json!(digest::attributes(&self.message_attributes));
        }
        record
    }
}

impl Stored {
    /// What the receiver of this sees. `key` is its place in the queue.
    pub(super) fn received(&self, key: u64, queue: &str) -> Message {
        let mut attributes = BTreeMap::from([
            ("ApproximateReceiveCount", self.receives.to_string()),
            ("SentTimestamp", self.sent.to_string()),
            ("SenderId", ACCOUNT.to_owned()),
        ]);
        let optional = [
            ("ApproximateFirstReceiveTimestamp", self.first_received.map(|at| at.to_string())),
            ("AWSTraceHeader", self.trace.clone()),
            ("MessageGroupId", self.group.clone()),
            ("DeadLetterQueueSourceArn", self.source.as_deref().map(super::arn)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                attributes.insert(name, value);
            }
        }
        let receipt = Receipt { key, secret: self.receipt.clone().unwrap_or_default() }.to_string();
        Message {
            id: self.id.clone(),
            receipt_handle: receipt,
            body: self.body.clone(),
            md5: digest::body(&self.body),
            attributes,
            message_attributes: self.attributes.clone(),
            queue_arn: super::arn(queue),
        }
    }
}

/// What a receipt handle says: which message, and which receipt of it.
pub(super) struct Receipt {
    pub(super) key: u64,
    pub(super) secret: String,
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&STANDARD.encode(format!("{}:{}", self.key, self.secret)))
    }
}

impl Receipt {
    /// Reads a receipt handle.
    pub(super) fn parse(handle: &str) -> Result<Self, Refusal> {
        let parsed = STANDARD.decode(handle).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            let (key, secret) = text.split_once(':')?;
            Some(Self { key: key.parse().ok()?, secret: secret.to_owned() })
        });
        parsed.ok_or_else(|| {
            Refusal::new("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        })
    }
}

impl Draft {
    /// How much it counts, in bytes: body, and names, types and values of attributes.
    pub(super) fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let text = attribute.string_value.as_ref().map_or(0, String::len);
            let bytes = attribute.binary_value.as_ref().map_or(0, |it| it.len() / 4 * 3);
            name.len() + attribute.data_type.len() + text + bytes
        });
        self.body.len() + attributes.sum::<usize>()
    }

    /// Checks what SQS checks of every message (`SendMessage`, "Amazon SQS message metadata").
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.body.is_empty() {
            return Err(Refusal::new(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            ));
        }
        if !self.body.chars().all(is_allowed) {
            return Err(Refusal::new(
                "InvalidMessageContents",
                "The message contains characters outside the allowed set: control characters but tab and line ends, U+FFFE or U+FFFF.",
            ));
        }
        let invalid = |reason: String| Err(Refusal::invalid_parameter(reason));
        if self.attributes.len() > ATTRIBUTES {
            return invalid(format!("a message has at most {ATTRIBUTES} attributes"));
        }
        for (name, attribute) in &self.attributes {
            let symbols = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let lower = name.to_ascii_lowercase();
            if name.is_empty()
                || name.len() > 256
                || !name.chars().all(symbols)
                || name.starts_with('.')
                || name.ends_with('.')
                || name.contains("..")
                || lower.starts_with("aws.")
                || lower.starts_with("amazon.")
            {
                return invalid(format!("the message attribute name '{name}' is invalid"));
            }
            let kind = attribute.data_type.split('.').next().unwrap_or_default();
            let text = attribute.string_value.as_deref().is_some_and(|text| !text.is_empty());
            let bytes = attribute
                .binary_value
                .as_deref()
                .is_some_and(|bytes| STANDARD.decode(bytes).is_ok_and(|bytes| !bytes.is_empty()));
            let fits = match kind {
                "String" | "Number" => text && attribute.binary_value.is_none(),
                "Binary" => bytes && attribute.string_value.is_none(),
                _ => {
                    return invalid(format!(
                        "the message attribute '{name}' has an invalid type: String, Number or Binary is one"
                    ));
                }
            };
            if !fits {
                return invalid(format!(
                    "the message attribute '{name}' must have a non-empty value of its type, {kind}"
                ));
            }
        }
        Ok(())
    }
}

/// The characters of XML 1.0, which are those of SQS.
fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(body: &str) -> Draft {
        Draft { body: body.to_owned(), ..Draft::default() }
    }

    #[test]
    fn control_characters_are_no_message() {
        for body in ["\0", "a\u{8}", "\u{fffe}", "\u{1b}[0m"] {
            assert_eq!(draft(body).check().unwrap_err().code, "InvalidMessageContents");
        }
        for body in ["\t\r\n", "留言🪿", "{}"] {
            assert!(draft(body).check().is_ok(), "{body}");
        }
    }

    #[test]
    fn an_attribute_needs_a_value_of_its_type() {
        let with = |kind: &str, text: Option<&str>, bytes: Option<&str>| {
            let attribute = Attribute {
                data_type: kind.to_owned(),
                string_value: text.map(str::to_owned),
                binary_value: bytes.map(str::to_owned),
            };
            Draft { attributes: BTreeMap::from([("a".to_owned(), attribute)]), ..draft("x") }
        };
        assert!(with("String", Some("x"), None).check().is_ok());
        assert!(with("Number.int", Some("1"), None).check().is_ok());
        assert!(with("Binary", None, Some("AQI=")).check().is_ok());
        assert!(with("String", Some(""), None).check().is_err());
        assert!(with("String", None, Some("AQI=")).check().is_err());
        assert!(with("Binary", None, Some("!")).check().is_err());
        assert!(with("Text", Some("x"), None).check().is_err());
    }
}
