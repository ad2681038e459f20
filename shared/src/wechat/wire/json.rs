//! Reads JSON as a tree, without losing a digit.

use super::document::trimmed;
use crate::surrogates::whole_characters;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::fmt;

/// WeChat's pushes and answers are less deep.
const MAX_DEPTH: usize = 8;
/// WeChat's pushes have fewer members and elements. An answer with a list of followers has
/// more.
pub(crate) const MAX_PUSH_ELEMENTS: usize = 2048;

/// Reads a document. Names are trimmed: some have white space around them in WeChat's
/// documentation.
pub(crate) fn read(document: &str, max_elements: usize) -> Result<Value, &'static str> {
    let document = within_bounds(trimmed(document), max_elements)?;
    let whole: &RawValue =
        serde_json::from_str(&document).map_err(|_| "the JSON is not well-formed")?;
    value(whole)
}

/// Rejects a document that is too deep or too wide before anything is built from it.
///
/// It also escapes control characters: users can type them, and WeChat sends them without
/// escapes, which JSON doesn't allow. Such a message must not be lost.
fn within_bounds(document: &str, max_elements: usize) -> Result<Cow<'_, str>, &'static str> {
    let (mut in_string, mut after_backslash) = (false, false);
    let (mut depth, mut width) = (0_usize, 0_usize);
    let mut escaped = String::new();
    let mut copied = 0;
    for (place, byte) in document.bytes().enumerate() {
        if in_string {
            if byte < b' ' {
                escaped.push_str(&document[copied..place]);
                copied = place + 1;
                let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
                escaped.extend(['\\', 'u', '0', '0', digit(byte >> 4), digit(byte & 15)]);
            }
            in_string = byte != b'"' || after_backslash;
            after_backslash = byte == b'\\' && !after_backslash;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => width += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || width > max_elements {
            return Err("the JSON is nested too deeply, or has too much in it");
        }
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(document));
    }
    escaped.push_str(&document[copied..]);
    Ok(Cow::Owned(escaped))
}

/// Each level is read separately, so that numbers keep their spelling.
fn value(raw: &RawValue) -> Result<Value, &'static str> {
    const ODD: &str = "the JSON has a name twice, or one that is no text";
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(|_| ODD)?;
            let mut object = Map::new();
            for (name, raw) in members {
                if object.insert(name.trim().to_owned(), value(raw)?).is_some() {
                    return Err(ODD);
                }
            }
            Value::Object(object)
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| "the JSON is not well-formed")?;
            elements.into_iter().map(value).collect::<Result<_, _>>()?
        }
        Some(b'"') => {
            let Text(text) =
                serde_json::from_str(text).map_err(|_| "the JSON has a string that is no text")?;
            Value::String(text)
        }
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => number(text),
    })
}

/// A number if that keeps its spelling, else its digits as a string: WeChat's ids may have
/// more digits than a number can hold.
fn number(digits: &str) -> Value {
    let number = digits.parse::<Number>().ok().filter(|number| number.to_string() == digits);
    number.map_or_else(|| Value::String(digits.to_owned()), Value::Number)
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
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A string. Half of a surrogate pair, left by cutting a text, becomes the replacement
/// character.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
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
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: &str) -> Result<Value, &'static str> {
        super::read(document, MAX_PUSH_ELEMENTS)
    }

    #[test]
    fn numbers_keep_every_digit() {
        let document = "{\"a\": 9007199254740993, \"b\": 18446744073709551615,\
                        \"c\": 18446744073709551616, \"d\": 31.230416, \"e\": 1.50,\
                        \"f\": -7, \"g\": 1e400}";
        let expected = json!({
            "a": 9_007_199_254_740_993_u64, "b": u64::MAX, "c": "18446744073709551616",
            "d": 31.230_416, "e": "1.50", "f": -7, "g": "1e400",
        });
        assert_eq!(read(document), Ok(expected));
    }

    #[test]
    fn names_are_trimmed_and_values_are_not() {
        let document = r#" { " MsgType ": " event ", "L" : [ {"x": null}, [true, false] ] } "#;
        let expected = json!({ "MsgType": " event ", "L": [{ "x": null }, [true, false]] });
        assert_eq!(read(document), Ok(expected));
    }

    #[test]
    fn control_characters_of_users_are_kept() {
        let document = "{\"a\": \"x\u{8}y\nz\", \"b\": \"\\\\\u{1}\\\"\u{0}\", \"c\": \"\\ud83d!\",\
                        \"d\": \"\\ud83d\\ude00\", \"e\": \"你好\"\n}";
        let read = read(document).unwrap();
        assert_eq!(read["a"], "x\u{8}y\nz");
        assert_eq!(read["b"], "\\\u{1}\"\u{0}");
        assert_eq!(read["c"], "\u{fffd}!");
        assert_eq!(read["d"], "😀");
        assert_eq!(read["e"], "你好");
    }

    /// Fault 21.
    #[test]
    fn malformed_or_oversized_json_is_rejected() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(&deep(MAX_DEPTH)).is_ok());
        assert!(read("[\"[[[[[[[[[,\\\"[[[[\"]").is_ok());
        let wide = |commas: usize| format!("[{}0]", "0,".repeat(commas));
        assert!(read(&wide(MAX_PUSH_ELEMENTS)).is_ok());
        for document in [
            "",
            "{",
            "{\"a\":1}}",
            "{\"a\":1} x",
            "{\"a\":1,}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":\"\\x\"}",
            "{\u{1}}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"a\":1,\" a\":2}",
            "{\"l\":{\"a\":1,\"a\":1}}",
            &deep(MAX_DEPTH + 1),
            &deep(30_000),
            &wide(MAX_PUSH_ELEMENTS + 1),
        ] {
            assert!(read(document).is_err(), "{document:.40}");
        }
    }
}
