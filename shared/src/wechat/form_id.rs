//! Form ids: what a mini program gets when its user submits a form, and what a
//! template message of the mini program's old kind is sent with.
//!
//! Source: protocol page "发送模板消息" (templateMessage.send) of mini programs,
//! which WeChat retired on 10 January 2020.

use serde::{Deserialize, Deserializer};
use std::fmt;

/// What WeChat's developer tools give instead of a form id.
const OF_THE_DEVTOOLS: &str = "the formId is a mock one";

/// The right to send one message to the user who submitted a form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = r##"^[!"$-~]{1,128}$"##))
)]
pub struct FormId(String);

impl FormId {
    /// WeChat takes a form id for this many seconds after the user submitted the
    /// form: 7 days.
    pub const LIFE: u64 = 7 * 24 * 3600;

    /// Takes a form id in.
    ///
    /// # Errors
    ///
    /// When it hasn't 1 to 128 printable ASCII characters, has a `#` (which
    /// separates the parts of a key in the tables), or is none at all but what
    /// the developer tools give.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidFormId> {
        let text = text.into();
        if text == OF_THE_DEVTOOLS {
            return Err(InvalidFormId::OfTheDevtools);
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
        // Whoever has it could use it up.
        f.write_str("form id(…)")
    }
}

impl<'de> Deserialize<'de> for FormId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What was given is no form id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormId {
    /// WeChat writes none like it.
    #[error("a form id has 1 to 128 printable ASCII characters without spaces and #")]
    Characters,
    /// The developer tools give a text that says that it is none.
    #[error(
        "WeChat's developer tools give no form ids, only this text; submit the form on a phone"
    )]
    OfTheDevtools,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wechat_never_writes_is_refused() {
        for bad in ["", "a#b", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert_eq!(FormId::parse(bad), Err(InvalidFormId::Characters), "{bad:?}");
        }
        for good in ["1571378438394", "wx2014102720_-/+=", &"x".repeat(128)] {
            assert_eq!(FormId::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_text_of_the_developer_tools_is_told_apart() {
        let refused = FormId::parse("the formId is a mock one").unwrap_err();
        assert_eq!(refused, InvalidFormId::OfTheDevtools);
        assert!(refused.to_string().contains("on a phone"));
    }

    #[test]
    fn it_does_not_show_in_debug() {
        assert_eq!(format!("{:?}", FormId::parse("1571378438394").unwrap()), "form id(…)");
    }
}
