//! An app's alias, as callers write it.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::ops::Deref;

/// Maximum number of characters.
const MAX_LENGTH: usize = 64;

/// The name of an app under `/apps`: 1 to 64 characters, without `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[^#]{1,64}$"))
)]
pub struct AppAlias(String);

impl AppAlias {
    /// Whether this text can be one.
    pub fn is_valid(text: &str) -> bool {
        (1..=MAX_LENGTH).contains(&text.chars().count()) && !text.contains('#')
    }
}

impl Deref for AppAlias {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AppAlias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if Self::is_valid(&text) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("an app's alias has 1 to 64 characters, without #"))
        }
    }
}
