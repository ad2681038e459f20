//! The one reader of everything that WeChat sends: pushes in XML and JSON, and the answers
//! of its API.
//!
//! WeChat's writers are looser than its documentation. The reader is tolerant: it ignores
//! unknown fields, takes a number for a string and a string for a number, treats null and
//! an empty string as missing, and survives a byte-order mark, white space, control
//! characters, half an emoji and invalid UTF-8. A side field that is odd never loses the
//! rest. The reader is also exact: no digit of a number is lost.
//!
//! What callers and operators send is read by `serde`, which is strict.

pub(crate) mod answer;
pub(crate) mod document;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod xml;
