//! What fills one of WeChat's keys.

use super::fill::{Fields, UnknownField, fields_of, fill};
use crate::wechat::field::{self, FieldType, MessageKind, RuleViolation};
use crate::wechat::text::{clean_line, one_line};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Samples that few values are longer than.
const SAMPLE_TIME: &str = "2026-12-31T23:59";
const SAMPLE_NUMBER: &str = "1234567890";

/// What fills one of WeChat's keys: a text with `{field}` in it, or an object
/// that says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// `"{product}"`, or `{"text": "{product}", "truncate": true}`: too long a text
    /// is cut with an ellipsis then, and refused otherwise.
    Text {
        /// Text with `{field}` in it.
        text: String,
        /// Whether it may be cut.
        truncate: bool,
    },
    /// `{"time": "{at}"}`: day and time of an ISO 8601 time, see [`field::time`].
    Time(String),
    /// `{"date": "{at}"}`: the day of an ISO 8601 time, see [`field::date`].
    Date(String),
    /// `{"amount": "{price}"}`, with `"currency": "$"` and `"decimals": 0` if
    /// they aren't `¥` and 2: a number as money, see [`field::amount`].
    Amount {
        /// The number, with `{field}` in it.
        amount: String,
        /// The symbol of its currency.
        currency: char,
        /// Number of decimals, at most 3.
        decimals: u8,
    },
}

/// The object form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceObject {
    text: Option<String>,
    truncate: Option<bool>,
    time: Option<String>,
    date: Option<String>,
    amount: Option<String>,
    currency: Option<char>,
    decimals: Option<u8>,
}

/// Reads WeChat's keys and what fills them.
pub(super) fn data<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, FieldSource>, D::Error> {
    let data = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let read = data.into_iter().map(|(key, value)| {
        let content = FieldSource::read(value)
            .map_err(|error| D::Error::custom(format!("{key}: {error}")))?;
        Ok((key, content))
    });
    read.collect()
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for FieldSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let object = |name: &str, more: Value| {
            let mut properties = serde_json::json!({ name: { "type": "string" } });
            for (name, schema) in more.as_object().into_iter().flatten() {
                properties[name] = schema.clone();
            }
            serde_json::json!({ "type": "object", "properties": properties, "required": [name],
                "additionalProperties": false })
        };
        schemars::json_schema!({
            "description": "What fills one of WeChat's keys. Every text may have {field} in it.",
            "anyOf": [
                { "type": "string" },
                object("text", serde_json::json!({ "truncate": {
                    "description": "Whether too long a text is cut with an ellipsis; otherwise it is refused.",
                    "type": ["boolean", "null"] } })),
                object("time", serde_json::json!({})),
                object("date", serde_json::json!({})),
                object("amount", serde_json::json!({
                    "currency": { "type": ["string", "null"], "minLength": 1, "maxLength": 1 },
                    "decimals": { "type": ["integer", "null"], "minimum": 0, "maximum": 3 } })),
            ],
        })
    }
}

impl FieldSource {
    fn read(value: Value) -> Result<Self, String> {
        let object = match value {
            Value::String(text) => return Ok(Self::Text { text, truncate: false }),
            object @ Value::Object(_) => object,
            _ => return Err("expected a text or an object".to_owned()),
        };
        let object = SourceObject::deserialize(object).map_err(|error| error.to_string())?;
        if object.truncate.is_some() && object.text.is_none() {
            return Err(r#""truncate" goes with "text""#.to_owned());
        }
        if (object.currency.is_some() || object.decimals.is_some()) && object.amount.is_none() {
            return Err(r#""currency" and "decimals" go with "amount""#.to_owned());
        }
        match (object.text, object.time, object.date, object.amount) {
            (Some(text), None, None, None) => {
                Ok(Self::Text { text, truncate: object.truncate.unwrap_or_default() })
            }
            (None, Some(time), None, None) => Ok(Self::Time(time)),
            (None, None, Some(date), None) => Ok(Self::Date(date)),
            (None, None, None, Some(amount)) => {
                let currency = object.currency.unwrap_or('¥');
                if !field::is_currency(currency) {
                    return Err(format!(
                        "{currency:?} is no symbol of a currency; write one such as ¥, $ or €"
                    ));
                }
                let decimals = object.decimals.unwrap_or(2);
                if decimals > 3 {
                    return Err(r#""decimals" are at most 3"#.to_owned());
                }
                Ok(Self::Amount { amount, currency, decimals })
            }
            _ => Err(r#"expected one of "text", "time", "date" and "amount""#.to_owned()),
        }
    }

    /// Its text, with `{field}` in it.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text { text, .. } | Self::Time(text) | Self::Date(text) => text,
            Self::Amount { amount, .. } => amount,
        }
    }

    /// The text that every notification shows, if it names no field.
    pub fn literal(&self) -> Option<String> {
        let Self::Text { text, .. } = self else { return None };
        fill(text, &BTreeMap::new()).ok()
    }

    /// What a key of this kind of message shows.
    ///
    /// Fails when WeChat would refuse it, or the text names a field that isn't there.
    pub fn fill(
        &self,
        key: &str,
        message: MessageKind,
        fields: &Fields,
    ) -> Result<String, InvalidValue> {
        let kind = FieldType::for_key(key, message);
        let invalid = |reason| {
            let fields = fields_of(self.text()).map(str::to_owned).collect();
            InvalidValue { key: key.to_owned(), fields, reason }
        };
        let filled = fill(self.text(), fields).map_err(|error| invalid(Reason::Field(error)))?;
        let shown = self.shape(kind, &filled).map_err(|problem| invalid(Reason::Value(problem)))?;
        kind.check(&shown).map_err(|problem| invalid(Reason::Value(problem)))?;
        Ok(shown)
    }

    /// Line breaks are for the caller to decide on: they are folded only where the text may be
    /// changed anyway, and else refused by the rule of the key.
    fn shape(&self, kind: FieldType, filled: &str) -> Result<String, RuleViolation> {
        let filled = match self {
            Self::Text { truncate: false, .. } => clean_line(filled).into_owned(),
            _ => one_line(filled),
        };
        match self {
            Self::Text { truncate: true, .. } => Ok(kind.truncate(filled)),
            Self::Text { truncate: false, .. } => Ok(filled),
            Self::Time(_) => field::time(&filled),
            Self::Date(_) => field::date(&filled),
            Self::Amount { currency, decimals, .. } => field::amount(&filled, *currency, *decimals),
        }
    }

    /// Checks what doesn't depend on the fields.
    pub(super) fn check(&self, key: &str, message: MessageKind) -> Result<(), String> {
        if let Some(bare) = key.strip_suffix(".DATA") {
            return Err(format!("the key {key} is written without .DATA: {bare}"));
        }
        let kind = FieldType::for_key(key, message);
        let (name, sample) = match self {
            Self::Text { truncate: true, .. } if !kind.can_be_truncated() => {
                return Err(format!(
                    r#"the key {key} can't be cut, so it can't have "truncate"; things, names, short_things, character_strings and keywords can"#
                ));
            }
            Self::Text { .. } => ("text", None),
            Self::Time(_) => ("time", Some(SAMPLE_TIME)),
            Self::Date(_) => ("date", Some(SAMPLE_TIME)),
            Self::Amount { .. } => ("amount", Some(SAMPLE_NUMBER)),
        };
        if let Some(sample) = sample {
            let never =
                |problem| format!(r#"the key {key} never takes what "{name}" writes: {problem}"#);
            let shown = self.shape(kind, sample).map_err(never)?;
            kind.check(&shown).map_err(never)?;
        }
        // What has no fields is the same for every notification.
        if fields_of(self.text()).next().is_none() {
            let invalid = |invalid: InvalidValue| format!("{invalid}: {}", invalid.advice());
            self.fill(key, message, &BTreeMap::new()).map_err(invalid)?;
        }
        Ok(())
    }
}

/// A key can't show what it was to be filled with. Names the key, the fields
/// and the rule, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue {
    key: String,
    fields: Vec<String>,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Field(UnknownField),
    Value(RuleViolation),
}

impl InvalidValue {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match &self.reason {
            Reason::Field(_) => "correct the name, or add the field to the template",
            Reason::Value(problem) => problem.advice(),
        }
    }
}

impl std::error::Error for InvalidValue {}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.key)?;
        for (at, field) in self.fields.iter().enumerate() {
            let before = if at == 0 { ", filled by" } else { " and" };
            write!(f, "{before} {{{field}}}")?;
        }
        match &self.reason {
            Reason::Field(error) => write!(f, ": {error}"),
            Reason::Value(problem) => write!(f, ": {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> BTreeMap<String, String> {
        [
            ("product", "A kettle with a long name"),
            ("time", "2026-11-20T15:04:00+08:00"),
            ("day", "2026-02-30"),
            ("price", "12.5"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    fn shown(key: &str, content: Value) -> Result<String, InvalidValue> {
        FieldSource::read(content).unwrap().fill(key, MessageKind::Subscribe, &fields())
    }

    #[test]
    fn texts_are_truncated_and_times_and_amounts_formatted() {
        for (key, content, value) in [
            ("thing1", json!({ "text": "{product}", "truncate": true }), "A kettle with a lon…"),
            ("thing1", json!({ "text": "short", "truncate": true }), "short"),
            ("time2", json!({ "time": "{time}" }), "2026年11月20日 15:04"),
            ("date3", json!({ "time": "{time}" }), "2026年11月20日 15:04"),
            ("date3", json!({ "date": "{time}" }), "2026年11月20日"),
            ("thing1", json!({ "date": "{time}" }), "2026年11月20日"),
            ("time2", json!({ "time": "2026-11-20 {clock}" }), ""),
            ("amount4", json!({ "amount": "{price}" }), "¥12.50"),
            ("amount4", json!({ "amount": "{price}", "currency": "$", "decimals": 1 }), "$12.5"),
            ("character_string5", json!("{price}/{price}"), "12.5/12.5"),
        ] {
            let filled = shown(key, content.clone());
            if value.is_empty() {
                let invalid = filled.unwrap_err();
                assert_eq!(
                    invalid.to_string(),
                    "the key time2, filled by {clock}: there is no field {clock}"
                );
            } else {
                assert_eq!(filled.unwrap(), value, "{key}: {content}");
            }
        }
    }

    #[test]
    fn invalid_value_error_names_key_fields_and_rule_but_no_value() {
        let invalid = shown("thing1", json!("{product} {price}")).unwrap_err();
        assert_eq!(
            invalid.to_string(),
            "the key thing1, filled by {product} and {price}: it has 30 characters (UTF-16 units; an emoji has two or more); a thing has at most 20 characters"
        );
        assert!(invalid.advice().contains(r#""truncate": true"#));
        let invalid = shown("date3", json!({ "date": "{day}" })).unwrap_err();
        assert!(
            invalid.to_string().contains("date3") && invalid.to_string().contains("no such day")
        );
        assert!(!invalid.to_string().contains("02-30"), "{invalid}");
        // A plain text is not written anew.
        let invalid = shown("time2", json!("{time}")).unwrap_err();
        assert!(invalid.advice().contains(r#"{"time": "…"}"#), "{}", invalid.advice());
    }

    #[test]
    fn ambiguous_or_incomplete_object_is_rejected() {
        for (content, words) in [
            (json!(17), "expected a text or an object"),
            (json!({}), "expected one of"),
            (json!({ "text": "a", "time": "b" }), "expected one of"),
            (json!({ "truncate": true }), "goes with"),
            (json!({ "time": "{time}", "truncate": true }), "goes with"),
            (json!({ "text": "a", "currency": "$" }), "go with"),
            (json!({ "time": "{time}", "decimals": 0 }), "go with"),
            (json!({ "amount": "{price}", "currency": "x" }), "symbol of a currency"),
            (json!({ "amount": "{price}", "decimals": 4 }), "at most 3"),
            (json!({ "text": "a", "fti": true }), "unknown field `fti`"),
        ] {
            let error = FieldSource::read(content.clone()).unwrap_err();
            assert!(error.contains(words), "{content}: {error}");
        }
    }

    #[test]
    fn key_that_can_never_be_filled_is_an_error_when_the_template_is_read() {
        let check = |key: &str, content: Value| {
            FieldSource::read(content).unwrap().check(key, MessageKind::Subscribe)
        };
        for (key, content, words) in [
            ("time2", json!({ "text": "{time}", "truncate": true }), "the key time2 can't be cut"),
            (
                "amount4",
                json!({ "text": "{price}", "truncate": true }),
                "the key amount4 can't be cut",
            ),
            ("odd6", json!({ "text": "{price}", "truncate": true }), "the key odd6 can't be cut"),
            ("time2", json!({ "date": "{time}" }), "the key time2 never takes"),
            ("number7", json!({ "amount": "{price}" }), "the key number7 never takes"),
            ("character_string5", json!({ "date": "{time}" }), "the key character_string5 never"),
            ("phrase8", json!("shipped"), "the key phrase8: it has 7 characters"),
            ("thing1", json!(""), "the key thing1: it is empty"),
            ("date3", json!({ "date": "2026-02-30" }), "the key date3: there is no such day"),
            ("thing1.DATA", json!("{product}"), "without .DATA: thing1"),
        ] {
            let error = check(key, content.clone()).unwrap_err();
            assert!(error.contains(words), "{key}: {content}: {error}");
        }
        for (key, content) in [
            ("thing1", json!({ "text": "{product}", "truncate": true })),
            ("phrase8", json!("已发货")),
            ("odd6", json!("anything")),
            ("enum_string9", json!("大")),
            ("date3", json!({ "time": "{time}" })),
            ("amount4", json!({ "amount": "{price}", "decimals": 3 })),
        ] {
            assert_eq!(check(key, content), Ok(()), "{key}");
        }
    }
}
