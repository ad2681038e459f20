//! What a command tells when it is done.

use serde::Serialize;
use serde_json::Value;
use std::fmt::Display;

/// What a command tells when it is done: the same thing for machines, by its
/// `Serialize`, and for people, by its `Display`.
#[derive(Debug)]
pub(crate) struct Answer {
    json: Value,
    text: String,
    well: bool,
}

impl Answer {
    /// All is well.
    pub(crate) fn of(told: &(impl Serialize + Display)) -> Self {
        let json = serde_json::to_value(told).expect("an answer is made of strings and numbers");
        Self { json, text: told.to_string(), well: true }
    }

    /// The command did its work, and whether all is well is what it found out:
    /// if not, the program ends with status 1.
    pub(crate) fn found(told: &(impl Serialize + Display), well: bool) -> Self {
        Self { well, ..Self::of(told) }
    }

    pub(crate) fn json(&self) -> &Value {
        &self.json
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_well(&self) -> bool {
        self.well
    }
}
