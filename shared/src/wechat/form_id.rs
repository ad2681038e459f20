//! Form ids: what a mini program gets when its user submits a form, and what a
//! template message of the mini program's old kind is sent with.
//!
//! Source: WeChat's page "发送模板消息" (templateMessage.send) of mini programs,
//! which WeChat retired on 10 January 2020.

use serde::{Deserialize, Deserializer};
use std::fmt;

/// What WeChat's developer tools give instead of a form id.
const DEVTOOLS_PLACEHOLDER: &str = "the formId is a mock one";

/// The right to send one message to the user who submitted a form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = r##"^[!"$-~]{1,128}$"##))
)]
pub struct FormId(String);

impl FormId {
    /// In seconds, from when the user submitted the form: 7 days.
    pub const TTL: u64 = 7 * 24 * 3600;

    /// Parses a form id: 1 to 128 printable ASCII characters without `#`, which separates the
    /// parts of a key in the tables. The placeholder of the developer tools is rejected.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidFormId> {
        let text = text.into();
        if text == DEVTOOLS_PLACEHOLDER {
            return Err(InvalidFormId::FromDevtools);
        }
        let allowed = |c: u8| c.is_ascii_graphic() && c != b'#';
        if !(1..=128).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(InvalidFormId::Characters);
        }
        Ok(Self(text))
    }

    /// The form id as WeChat writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FormId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A form id works once, for anybody who has it.
        f.write_str("form id(…)")
    }
}

impl<'de> Deserialize<'de> for FormId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The text is not a form id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormId {
    /// It has characters or a length that form ids don't have.
    #[error("a form id has 1 to 128 printable ASCII characters without spaces and #")]
    Characters,
    /// It is the placeholder of the developer tools.
    #[error(
        "WeChat's developer tools give no form ids, only this text; submit the form on a phone"
    )]
    FromDevtools,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_form_id_is_rejected() {
        for bad in ["", "a#b", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert_eq!(FormId::parse(bad), Err(InvalidFormId::Characters), "{bad:?}");
        }
        for good in ["1571378438394", "wx2014102720_-/+=", &"x".repeat(128)] {
            assert_eq!(FormId::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn placeholder_of_the_developer_tools_has_its_own_error() {
        let refused = FormId::parse("the formId is a mock one").unwrap_err();
        assert_eq!(refused, InvalidFormId::FromDevtools);
        assert!(refused.to_string().contains("on a phone"));
    }

    #[test]
    fn form_id_is_hidden_in_debug() {
        assert_eq!(format!("{:?}", FormId::parse("1571378438394").unwrap()), "form id(…)");
    }
}
