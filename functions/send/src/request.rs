//! What the function is asked: which notification, to whom.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::parameters::{ChannelKind, Template};
use shared::wechat::id::{OpenId, UnionId};
use std::collections::BTreeMap;

/// The most recipients of one request.
const MOST_RECIPIENTS: usize = 1000;

/// One request: a notification to one person, or to each of several.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The caller's name for it. The same id never sends twice.
    pub(crate) id: RequestId,
    /// Who shall get it.
    pub(crate) to: Recipients,
    /// The code of the template, under `/templates`.
    pub(crate) template: TemplateCode,
    /// The template's fields.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, Field>,
    /// Only these channels, in this order, instead of the template's.
    #[serde(default)]
    pub(crate) channels: Option<Vec<ChannelKind>>,
}

/// 1 to 128 letters, digits, or any of `. _ : / -`.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

/// 1 to 64 letters, digits, or any of `_ -`: the last part of a parameter's
/// name.
#[derive(Clone, Debug)]
pub(crate) struct TemplateCode(String);

/// One recipient, or several.
#[derive(Debug)]
pub(crate) struct Recipients(pub(crate) Vec<Recipient>);

/// Who shall get it, in one of three ways.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Recipient {
    /// The owner of an account.
    Account { account: String },
    /// A person.
    Union { union_id: UnionId },
    /// A user of one app.
    User { app: String, open_id: OpenId },
}

/// What fills a field: a text or a number.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Field(String);

impl TemplateCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let allowed =
            |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'/' | b'-');
        if !(1..=128).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(serde::de::Error::custom(
                "an id has 1 to 128 letters, digits, or any of . _ : / -",
            ));
        }
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for TemplateCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        if !(1..=64).contains(&code.len()) || !code.bytes().all(allowed) {
            return Err(serde::de::Error::custom(
                "a template's code has 1 to 64 letters, digits, or any of _ -",
            ));
        }
        Ok(Self(code))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(serde::de::Error::custom("must be a text or a number")),
        }
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str =
            r#"expected {"account"}, {"union_id"} or {"app", "open_id"}, or a list of these"#;
        let value = Value::deserialize(deserializer)?;
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        if values.is_empty() {
            return Err(serde::de::Error::custom("a notification needs at least one recipient"));
        }
        if values.len() > MOST_RECIPIENTS {
            let message = format!(
                "{} recipients are more than {MOST_RECIPIENTS}; split the request",
                values.len()
            );
            return Err(serde::de::Error::custom(message));
        }
        // Which one is wrong is told by its place: its content is personal.
        let recipients = values.into_iter().enumerate().map(|(place, value)| {
            let recipient =
                serde_json::from_value::<Recipient>(value).ok().filter(Recipient::is_sound);
            recipient
                .ok_or_else(|| serde::de::Error::custom(format!("recipient {place}: {EXPECTED}")))
        });
        recipients.collect::<Result<_, _>>().map(Self)
    }
}

impl Recipient {
    fn is_sound(&self) -> bool {
        match self {
            Self::Account { account: name } | Self::User { app: name, .. } => {
                (1..=64).contains(&name.chars().count()) && !name.contains('#')
            }
            Self::Union { .. } => true,
        }
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient(…)")
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Field(…)")
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the field's name.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.into_inner().to_string();
            // serde quotes a value of the wrong type; it may be personal.
            let problem = if problem.starts_with("invalid type") {
                "has the wrong type".to_owned()
            } else {
                problem
            };
            if path == "." { problem } else { format!("{path}: {problem}") }
        })
    }

    /// The template's fields as texts.
    ///
    /// # Errors
    ///
    /// The name of a field that is missing, or one too many.
    pub(crate) fn fields(&self, template: &Template) -> Result<BTreeMap<String, String>, String> {
        if let Some(missing) = template.fields.iter().find(|field| !self.data.contains_key(*field))
        {
            return Err(format!(
                "data.{missing}: missing; the template {} needs it",
                self.template.as_str()
            ));
        }
        if let Some(extra) = self.data.keys().find(|field| !template.fields.contains(field)) {
            return Err(format!(
                "data.{extra}: the template {} has no such field",
                self.template.as_str()
            ));
        }
        Ok(self.data.iter().map(|(name, field)| (name.clone(), field.0.clone())).collect())
    }

    /// The id of the notification to the recipient at `place`. A request to one
    /// person has one notification of the same name.
    pub(crate) fn notification_id(&self, place: usize) -> String {
        if self.to.0.len() == 1 { self.id.0.clone() } else { format!("{}#{place}", self.id.0) }
    }

    /// What tells another content under the same id.
    pub(crate) fn hash(&self, recipient: &Recipient) -> String {
        let content = (recipient, self.template.as_str(), &self.data, &self.channels);
        let content =
            serde_json::to_vec(&content).expect("a request is made of strings and numbers");
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "id": "order-17-shipped", "to": {"account": "ann"}, "template": "order_shipped",
            "data": {"product": "Blue kettle", "time": "2026-11-20 15:04"}
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut request = good();
        request[field] = value;
        request
    }

    fn problem(request: &Value) -> String {
        Request::read(request).unwrap_err()
    }

    #[test]
    fn one_or_several_recipients_in_three_ways() {
        assert_eq!(Request::read(&good()).unwrap().notification_id(0), "order-17-shipped");
        let several =
            json!([{"account": "ann"}, {"union_id": "uBob"}, {"app": "shop", "open_id": "oCarol"}]);
        let several = Request::read(&with("to", several)).unwrap();
        assert_eq!(several.to.0.len(), 3);
        assert_eq!(several.notification_id(2), "order-17-shipped#2");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut without_id = good();
        without_id.as_object_mut().unwrap().remove("id");
        assert_eq!(problem(&without_id), "missing field `id`");
        assert_eq!(
            problem(&with("id", json!("a#b"))),
            "id: an id has 1 to 128 letters, digits, or any of . _ : / -"
        );
        assert_eq!(problem(&with("id", json!(17))), "id: has the wrong type");
        assert!(
            problem(&with("colour", json!("red"))).starts_with("colour: unknown field `colour`")
        );
        assert_eq!(
            problem(&with("to", json!([]))),
            "to: a notification needs at least one recipient"
        );
        assert!(
            problem(&with("to", json!({"name": "ann"}))).starts_with("to: recipient 0: expected")
        );
        assert!(
            problem(&with("to", json!({"account": "a", "union_id": "u"})))
                .starts_with("to: recipient 0")
        );
        assert!(
            problem(&with("to", json!(vec![json!({"account": "a"}); 1001])))
                .contains("1001 recipients")
        );
        assert!(
            problem(&with("channels", json!(["pigeon"])))
                .starts_with("channels[0]: unknown variant `pigeon`")
        );
        assert_eq!(
            problem(&with("data", json!({"time": ["x"]}))),
            "data.time: must be a text or a number"
        );
    }

    #[test]
    fn fields_are_neither_missing_nor_too_many() {
        let template: Template = serde_json::from_value(json!({
            "fields": ["product", "time"],
            "channels": [{"channel": "customer_service", "app": "shop", "text": "{product} {time}"}]
        }))
        .unwrap();
        let fields = |data: Value| Request::read(&with("data", data)).unwrap().fields(&template);
        assert_eq!(fields(json!({"product": "kettle", "time": 17})).unwrap()["time"], "17");
        assert!(
            fields(json!({"product": "kettle"})).unwrap_err().starts_with("data.time: missing")
        );
        let extra = fields(json!({"product": "kettle", "time": "t", "x": "y"})).unwrap_err();
        assert!(
            extra.starts_with("data.x: the template order_shipped has no such field"),
            "{extra}"
        );
    }

    #[test]
    fn another_content_has_another_hash() {
        let hash = |request: &Value| {
            let request = Request::read(request).unwrap();
            request.hash(&request.to.0[0])
        };
        assert_eq!(hash(&good()), hash(&good()));
        assert_ne!(hash(&good()), hash(&with("to", json!({"account": "bob"}))));
        assert_ne!(hash(&good()), hash(&with("data", json!({"product": "x", "time": "y"}))));
        assert_ne!(hash(&good()), hash(&with("channels", json!(["subscribe"]))));
    }
}
