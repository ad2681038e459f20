//! Parses the JSON of others: as RFC 8259 says, and without a name that occurs twice, which
//! readers understand differently.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Parses a document. The error is for the developer who wrote it.
pub(crate) fn parse(document: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(document)
        .map(|Strict(value)| value)
        .map_err(|error| format!("invalid JSON: {error}"))
}

/// A value in which each name occurs once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<Value, E> {
        Ok(bool.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the name {name:?} occurs twice")));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn valid_document_is_a_value() {
        let text =
            r#"{"a": [null, true, -1, 18446744073709551615, 0.5, "\u5927"], "b": {"a": {}}}"#;
        let value = json!({"a": [null, true, -1, u64::MAX, 0.5, "大"], "b": {"a": {}}});
        assert_eq!(parse(text.as_bytes()), Ok(value));
    }

    #[test]
    fn invalid_document_is_refused_with_the_reason() {
        let documents: [(&[u8], &str); 8] = [
            (br#"{"a": 1, "b": {"c": 1, "c": 2}}"#, "\"c\" occurs twice"),
            (b"{\"a\": \"\x0b\"}", "control character"),
            (br#"{"a": "\ud83d"}"#, "hex escape"),
            (b"{\"a\": \"\xff\"}", "invalid unicode"),
            (b"\xef\xbb\xbf{}", "expected value"),
            (b"{} {}", "trailing"),
            (br#"{"a": 1e400}"#, "out of range"),
            (b"", "EOF"),
        ];
        for (document, reason) in documents {
            let error = parse(document).unwrap_err();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}
