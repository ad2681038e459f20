//! The answers of WeChat's API.

use super::fields::{Fields, MissingField};
use super::{document, json};
use serde_json::Value;

/// An answer of WeChat's API.
pub(crate) trait ApiResponse: Sized {
    /// Reads the answer. Fails only if a required field is missing or has no usable value.
    fn read(fields: Fields<'_>) -> Result<Self, MissingField>;
}

/// Reads the body of an answer as a tree. Its size is bounded by the client, its width is
/// not: a list of followers has 10,000 elements.
pub(crate) fn tree(body: &[u8]) -> Result<Value, &'static str> {
    let tree = json::read(&document::text(body), usize::MAX)?;
    if tree.is_object() { Ok(tree) } else { Err("the JSON is no object") }
}
