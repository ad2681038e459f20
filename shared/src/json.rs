//! The one reader of the JSON that callers and operators write: invocations, messages on
//! the queue, bodies of requests, parameters.
//!
//! It is exact, as WeChat's own answers need not be. A number keeps its digits: the order
//! 20261201123456789012 has more of them than a JSON number can hold elsewhere. A name
//! that stands twice, a list in the place of an object, and a number out of range are
//! errors that name their place and quote no value. Only half of a surrogate pair, which
//! JavaScript's `slice` leaves of an emoji, is no error: it becomes U+FFFD.
//!
//! The digits are those of [`RawValue`]. The feature `arbitrary_precision` of `serde_json`
//! would keep them too, but it would hold for the whole workspace, and breaks numbers
//! behind `flatten` and untagged enums.

mod deserializer;

pub use deserializer::{BoundedText, TextOrNumber};

use crate::surrogates::whole_characters;
use deserializer::Strict;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// Levels of objects and lists. Every level costs a pass over what is in it.
const MAX_DEPTH: usize = 64;

/// What a document is made of.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Self>),
    /// An object, in its order, without a name that stands twice.
    Object(Vec<(String, Self)>),
}

/// A document that can't be read. It quotes names, but no value: those may be personal or
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It isn't well-formed.
    #[error("it is not JSON")]
    Malformed,
    /// It is JSON, and not what was expected.
    #[error("{}{problem}", place(path))]
    Invalid {
        /// The place, as in `data.price` or `channels[0]`; empty for the whole.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Reads a document as a type.
///
/// # Errors
///
/// The place that is wrong, and what is wrong there.
pub fn read<T: DeserializeOwned>(document: &str) -> Result<T, JsonError> {
    Json::parse(document)?.read()
}

impl Json {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// When it isn't JSON, is too deep, or has a name twice.
    pub fn parse(document: &str) -> Result<Self, JsonError> {
        let json = Self::parse_with_repeats(document)?;
        json.check_names()?;
        Ok(json)
    }

    /// As [`Json::parse`], with names that stand twice, for a reader that refuses a part of
    /// the document for it instead of the whole.
    pub(crate) fn parse_with_repeats(document: &str) -> Result<Self, JsonError> {
        let document = document.trim_start_matches('\u{feff}');
        let whole: &RawValue = serde_json::from_str(document).map_err(|_| JsonError::Malformed)?;
        level(whole, MAX_DEPTH)
    }

    /// Refuses a name that stands twice.
    pub(crate) fn check_names(&self) -> Result<(), JsonError> {
        let mut path = Vec::new();
        let Some(name) = self.repeated_name(&mut path) else { return Ok(()) };
        path.reverse();
        let path = path.concat().trim_start_matches('.').to_owned();
        Err(JsonError::Invalid { path, problem: format!("the name {name:?} stands twice") })
    }

    /// A name that stands twice, and the way to it from the inside out.
    fn repeated_name(&self, path: &mut Vec<String>) -> Option<&str> {
        match self {
            Self::Array(elements) => elements.iter().enumerate().find_map(|(index, element)| {
                let name = element.repeated_name(path)?;
                path.push(format!("[{index}]"));
                Some(name)
            }),
            Self::Object(members) => {
                let mut names = HashSet::with_capacity(members.len());
                members.iter().find_map(|(name, value)| {
                    if !names.insert(name.as_str()) {
                        return Some(name.as_str());
                    }
                    let repeated = value.repeated_name(path)?;
                    path.push(format!(".{name}"));
                    Some(repeated)
                })
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => None,
        }
    }

    /// As [`Json::parse`], for bytes.
    ///
    /// # Errors
    ///
    /// As there, and when they aren't UTF-8.
    pub fn parse_bytes(document: &[u8]) -> Result<Self, JsonError> {
        Self::parse(str::from_utf8(document).map_err(|_| JsonError::Malformed)?)
    }

    /// The member of this name, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Reads it as a type.
    ///
    /// # Errors
    ///
    /// The place that is wrong, and what is wrong there.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        serde_path_to_error::deserialize(Strict(self)).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => path,
            };
            JsonError::Invalid { path, problem: error.into_inner().to_string() }
        })
    }

    /// Each text of it with its path, the names of members included.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        self.collect_texts("", &mut found);
        found
    }

    fn collect_texts<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a str)>) {
        match self {
            Self::String(text) => found.push((path.to_owned(), text)),
            Self::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    element.collect_texts(&format!("{path}[{index}]"), found);
                }
            }
            Self::Object(members) => {
                for (name, value) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{name}");
                    found.push((path.clone(), name));
                    value.collect_texts(&path, found);
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

/// Reads one level; each is read for itself, so that numbers keep their spelling.
fn level(raw: &RawValue, depth: usize) -> Result<Json, JsonError> {
    let inner = |raw: &RawValue| {
        let depth = depth.checked_sub(1).ok_or_else(|| JsonError::Invalid {
            path: String::new(),
            problem: format!("it has more than {MAX_DEPTH} levels"),
        })?;
        level(raw, depth)
    };
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Members(raw) = serde_json::from_str(text).map_err(|_| JsonError::Malformed)?;
            let members = raw.into_iter().map(|(name, raw)| Ok((name, inner(raw)?)));
            Json::Object(members.collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let raw: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| JsonError::Malformed)?;
            Json::Array(raw.into_iter().map(inner).collect::<Result<_, _>>()?)
        }
        Some(b'"') => {
            let Text(text) = serde_json::from_str(text).map_err(|_| JsonError::Malformed)?;
            Json::String(text)
        }
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => Json::Number(text.to_owned()),
    })
}

/// One level of an object, in order and with repeated names.
struct Members<'d>(Vec<(String, &'d RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), raw)) = map.next_entry()? {
                    members.push((name, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A string, in which half of a surrogate pair becomes the replacement character.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(whole_characters(bytes)))
            }
        }
        // As bytes: as a string, serde_json rejects half a pair.
        deserializer.deserialize_bytes(Reader)
    }
}

#[cfg(test)]
mod tests;
