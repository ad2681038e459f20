//! What one recipient is to get: a notification before it has a channel. It is
//! stored as long as it may have to be sent.

use crate::request::{Recipient, TemplateCode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::clock::Timestamp;
use shared::parameters::{ChannelKind, Template};
use shared::store::NotificationRow;
use shared::timestamp;
use std::collections::BTreeMap;

/// What one recipient is to get.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// Who shall get it.
    pub(crate) to: Recipient,
    /// The code of the template, under `/templates`.
    pub(crate) template: TemplateCode,
    /// The template's fields.
    pub(crate) data: BTreeMap<String, Field>,
    /// Only these channels, in this order, instead of the template's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channels: Option<Vec<ChannelKind>>,
    /// Not before then.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::deserialize_optional"
    )]
    pub(crate) send_at: Option<Timestamp>,
    /// Not after then.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::deserialize_optional"
    )]
    pub(crate) expires_at: Option<Timestamp>,
}

/// What fills a field: a text or a number.
#[derive(Clone, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("type" = ["string", "number"]))
)]
#[serde(transparent)]
pub(crate) struct Field(String);

impl Content {
    /// As it is stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a request is made of strings and numbers")
    }

    /// Reads what was stored.
    ///
    /// # Errors
    ///
    /// When another version has stored it, and this one can't read it.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Whether it is worth nothing any more.
    pub(crate) fn is_past(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// What was stored of a notification, if this version can read it.
    pub(crate) fn of(row: &NotificationRow) -> Option<Self> {
        Self::read(row.content.as_deref()?).ok()
    }

    /// What tells another content under the same id.
    pub(crate) fn hash(&self) -> String {
        Sha256::digest(self.to_json()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The template's fields as texts.
    ///
    /// # Errors
    ///
    /// As [`fit`]'s.
    pub(crate) fn fields(&self, template: &Template) -> Result<BTreeMap<String, String>, String> {
        fit(&self.template, &self.data, template)?;
        Ok(self.data.iter().map(|(name, field)| (name.clone(), field.0.clone())).collect())
    }
}

/// Checks that these are the template's fields.
///
/// # Errors
///
/// The name of a field that is missing, or one too many.
pub(crate) fn fit(
    code: &TemplateCode,
    data: &BTreeMap<String, Field>,
    template: &Template,
) -> Result<(), String> {
    let code = code.as_str();
    if let Some(missing) = template.fields.iter().find(|field| !data.contains_key(*field)) {
        return Err(format!("data.{missing}: missing; the template {code} needs it"));
    }
    if let Some(extra) = data.keys().find(|field| !template.fields.contains(field)) {
        return Err(format!("data.{extra}: the template {code} has no such field"));
    }
    Ok(())
}

impl Field {
    /// Bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
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

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Field(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use serde_json::json;

    fn content(name: &str, value: Value) -> Content {
        let mut request = json!({
            "id": "order-17-shipped", "to": {"account": "ann"}, "template": "order_shipped",
            "data": {"product": "Blue kettle", "time": "2026-11-20 15:04"}
        });
        request[name] = value;
        Request::read(&request).unwrap().contents().next().unwrap().1
    }

    #[test]
    fn another_content_has_another_hash() {
        let good = content("id", json!("order-17")).hash();
        assert_eq!(good, content("id", json!("order-18")).hash());
        for (name, value) in [
            ("to", json!({"account": "bob"})),
            ("data", json!({"product": "x", "time": "y"})),
            ("channels", json!(["subscribe"])),
            ("send_at", json!(1_795_158_240)),
            ("expires_at", json!(1_795_158_240)),
        ] {
            assert_ne!(good, content(name, value).hash(), "{name}");
        }
    }

    /// Fault 84.
    #[test]
    fn what_is_stored_is_read_as_it_was() {
        for (name, value) in [
            ("to", json!({"app": "shop", "open_id": "oAnn"})),
            ("channels", json!(["subscribe", "template"])),
            ("send_at", json!("2026-11-20T15:04:00+08:00")),
            ("data", json!({"product": 17, "time": "y"})),
        ] {
            let content = content(name, value);
            assert_eq!(Content::read(&content.to_json()).unwrap().to_json(), content.to_json());
        }
    }
}
