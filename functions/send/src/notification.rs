//! A notification before it has a channel: the recipient, the template and its data.

use crate::recipient::Recipient;
use crate::recipient_routes::RecipientRoutes;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use shared::clock::Timestamp;
use shared::json::TextOrNumber;
use shared::parameters::{Apps, ChannelKind, Template};
use shared::store::NotificationRow;
use shared::timestamp;
use std::collections::BTreeMap;

/// Of all fields together: WeChat shows some hundred characters, and the data of
/// scheduled notifications is stored.
pub(crate) const MAX_DATA_BYTES: usize = 32 * 1024;

/// A notification, with all that its delivery reads from the Parameter Store.
#[derive(Debug)]
pub(crate) struct Notification<'a> {
    pub(crate) id: &'a str,
    pub(crate) spec: &'a NotificationSpec,
    pub(crate) template: &'a Template,
    pub(crate) apps: &'a Apps,
    /// The template's fields as texts.
    pub(crate) fields: &'a BTreeMap<String, String>,
    /// What was looked up of the recipient.
    pub(crate) routes: RecipientRoutes<'a>,
}

/// What a caller asks to send to one recipient. It is stored as JSON while the
/// notification may still be sent.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationSpec {
    pub(crate) to: Recipient,
    /// The code of the template, under `/templates`.
    pub(crate) template: TemplateCode,
    /// The template's fields.
    pub(crate) data: BTreeMap<String, Field>,
    /// Only these channels, in this order, instead of the template's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channels: Option<Vec<ChannelKind>>,
    /// The earliest time of sending.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::deserialize_optional"
    )]
    pub(crate) send_at: Option<Timestamp>,
    /// The latest time of sending.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::deserialize_optional"
    )]
    pub(crate) expires_at: Option<Timestamp>,
}

/// 1 to 64 letters, digits, or any of `_ -`: the last part of a parameter's
/// name.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))
)]
#[serde(transparent)]
pub(crate) struct TemplateCode(String);

/// What fills a field: a text, or a number with its digits as they are written.
#[derive(Clone, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("type" = ["string", "number"], "maxLength" = MAX_DATA_BYTES))
)]
#[serde(transparent)]
pub(crate) struct Field(String);

impl NotificationSpec {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a request is made of strings and numbers")
    }

    /// Whether `expires_at` is past.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The stored spec; none if another version of the function stored it and this one
    /// can't read it.
    pub(crate) fn from_row(row: &NotificationRow) -> Option<Self> {
        serde_json::from_str(row.content.as_deref()?).ok()
    }

    /// Tells apart two notifications under the same id.
    pub(crate) fn hash(&self) -> String {
        Sha256::digest(self.to_json()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// See [`template_fields`].
    pub(crate) fn fields(&self, template: &Template) -> Result<BTreeMap<String, String>, String> {
        template_fields(&self.template, &self.data, template)
    }
}

impl TemplateCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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

/// The fields that a template is filled with, as texts.
///
/// The name of a field that is missing, or that the template doesn't have.
pub(crate) fn template_fields(
    code: &TemplateCode,
    data: &BTreeMap<String, Field>,
    template: &Template,
) -> Result<BTreeMap<String, String>, String> {
    let code = code.as_str();
    if let Some(missing) = template.fields.iter().find(|field| !data.contains_key(*field)) {
        return Err(format!("data.{missing}: missing; the template {code} needs it"));
    }
    if let Some(extra) = data.keys().find(|field| !template.fields.contains(field)) {
        return Err(format!("data.{extra}: the template {code} has no such field"));
    }
    Ok(data.iter().map(|(name, field)| (name.clone(), field.0.clone())).collect())
}

impl Field {
    /// In bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextOrNumber::deserialize(deserializer).map(|TextOrNumber(text)| Self(text))
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Field(…)")
    }
}
