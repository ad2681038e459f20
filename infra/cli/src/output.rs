//! What a command prints.

use serde::Serialize;
use serde_json::Value;
use std::fmt::Display;

/// What a command prints: JSON for programs, from `Serialize`, and text for people, from
/// `Display`.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) json: Value,
    pub(crate) text: String,
    /// Otherwise the tool exits with status 1.
    pub(crate) success: bool,
}

impl CommandOutput {
    pub(crate) fn success(content: &(impl Serialize + Display)) -> Self {
        Self::new(content, true)
    }

    pub(crate) fn new(content: &(impl Serialize + Display), success: bool) -> Self {
        let json = serde_json::to_value(content).expect("outputs have string keys only");
        Self { json, text: content.to_string(), success }
    }
}
