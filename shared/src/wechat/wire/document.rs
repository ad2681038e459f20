//! What is true of every document, whatever its format.

use std::borrow::Cow;

/// The text of a document. Bytes that aren't UTF-8 become the replacement character: WeChat
/// cuts texts between bytes (w7corp/easywechat #989).
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The document without what may stand around it: white space, and a byte-order mark in
/// front.
pub(crate) fn trimmed(document: &str) -> &str {
    let document = document.trim_ascii();
    document.strip_prefix('\u{feff}').unwrap_or(document).trim_ascii()
}

/// As [`text`], for bytes that are no longer needed.
pub(crate) fn owned_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
