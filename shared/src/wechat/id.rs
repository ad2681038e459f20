//! The identifiers that WeChat assigns.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Makes an identifier: a string of printable ASCII without white space, `#`
/// (which separates the parts of a key in the tables) or `/`.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, personal: $personal:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(extend("pattern" = "^[A-Za-z0-9_@.-]{1,64}$"))
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses an identifier: 1 to 64 of the characters that WeChat uses.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'@' | b'.');
                if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
                    return Err(InvalidId($what));
                }
                Ok(Self(text))
            }

            /// The identifier as WeChat writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Identifiers of people stay out of logs, panics and errors.
                if $personal { f.write_str(concat!($what, "(…)")) } else { f.write_str(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier! {
    /// A user of one app. The same person has another one in every app.
    OpenId, "openid", personal: true
}
identifier! {
    /// A person in all apps that are bound to one open-platform account.
    UnionId, "unionid", personal: true
}
identifier! {
    /// An app, as WeChat calls it: `wx…`.
    AppId, "app_id", personal: false
}

impl OpenId {
    /// Stands for the user if WeChat didn't name one. Real openids are longer.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an identifier of the kind that it names.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {0}: it takes 1 to 64 letters, digits or any of - _ @ .")]
pub struct InvalidId(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_that_could_break_a_key_is_rejected() {
        for bad in ["", "a#b", "a b", "a/b", "é", &"x".repeat(65)] {
            assert!(OpenId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(OpenId::parse("oDemoUser_-0000000000000001").is_ok());
    }

    #[test]
    fn personal_identifiers_are_hidden_in_debug() {
        assert_eq!(format!("{:?}", OpenId::parse("oAnn").unwrap()), "openid(…)");
        assert_eq!(format!("{:?}", AppId::parse("wx1").unwrap()), "wx1");
    }
}
