//! A template in an app's own library.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind of messages that a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    /// A template message of an Official Account; followers need no consent.
    Template,
    /// A subscription message; each consent allows one message. WeChat's type 2.
    OneTime,
    /// A subscription message; a consent is valid until it is withdrawn. WeChat's type 3.
    LongTerm,
    /// A template message of a Mini Program, as it was until 2020; each submitted form
    /// allows one.
    Legacy,
}

impl TemplateKind {
    /// Whether it needs the person's consent.
    pub(crate) fn is_subscription(self) -> bool {
        matches!(self, Self::OneTime | Self::LongTerm)
    }
}

/// A template in an app's own library.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// 43 characters.
    pub template_id: String,
    /// The title on the card.
    pub title: String,
    /// The kind of messages that it is for.
    pub kind: TemplateKind,
    /// Lines like `Product:{{thing1.DATA}}`.
    pub content: String,
    /// The same lines with samples in place of the keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub example: String,
    /// The allowed values of each `enum…` or `const…` key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Vec<String>>,
    /// The industry of a template from the library of before 2023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<u8>,
}
