//! Event filtering: which records of a stream or a queue a function wants.
//!
//! Rules: Lambda developer guide, "Using event filtering with a DynamoDB event
//! source" and "Filter rule syntax". A pattern names fields; a field's rule is
//! a list of which one must hold. A record passes if any pattern fits.

use serde_json::{Map, Value as Json};

/// The patterns of one mapping. Without any, everything passes.
#[derive(Clone, Debug, Default)]
pub struct Filters(Vec<Pattern>);

#[derive(Clone, Debug)]
enum Pattern {
    /// Every field must fit.
    Fields(Vec<(String, Self)>),
    /// One of these rules must hold for the value.
    OneOf(Vec<Rule>),
}

#[derive(Clone, Debug)]
enum Rule {
    Equals(Json),
    Exists(bool),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Json>),
    EqualsIgnoreCase(String),
}

impl Filters {
    /// Reads patterns, each a text of JSON. The error says what isn't supported.
    pub(crate) fn parse(patterns: &[&str]) -> Result<Self, String> {
        let parse = |text: &&str| {
            let json: Json = serde_json::from_str(text)
                .map_err(|error| format!("holds a Pattern that isn't JSON: {error}"))?;
            Pattern::parse(&json)
        };
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a record passes.
    pub fn pass(&self, record: &Json) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.fits(Some(record)))
    }

    /// Whether a message passes. A pattern that looks into `body` wants it to
    /// be JSON; one that compares it takes it as text.
    pub(crate) fn pass_message(&self, record: &Json) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let body = record
            .get("body")
            .and_then(Json::as_str)
            .and_then(|body| serde_json::from_str(body).ok());
        let opened = body.map(|body: Json| {
            let mut opened = record.clone();
            opened["body"] = body;
            opened
        });
        self.0.iter().any(|pattern| {
            if pattern.looks_into("body") {
                opened.as_ref().is_some_and(|record| pattern.fits(Some(record)))
            } else {
                pattern.fits(Some(record))
            }
        })
    }
}

impl Pattern {
    fn parse(json: &Json) -> Result<Self, String> {
        match json {
            Json::Object(fields) => {
                let parse = |(name, pattern): (&String, &Json)| {
                    if name == "$or" {
                        return Err("uses $or, which isn't supported on this machine".to_owned());
                    }
                    Ok((name.clone(), Self::parse(pattern)?))
                };
                fields.iter().map(parse).collect::<Result<_, _>>().map(Self::Fields)
            }
            Json::Array(rules) if !rules.is_empty() => {
                rules.iter().map(Rule::parse).collect::<Result<_, _>>().map(Self::OneOf)
            }
            other => Err(format!("holds a rule that isn't a list: {other}")),
        }
    }

    fn fits(&self, value: Option<&Json>) -> bool {
        match self {
            Self::Fields(fields) => fields
                .iter()
                .all(|(name, pattern)| pattern.fits(value.and_then(|value| value.get(name)))),
            Self::OneOf(rules) => match value {
                // A list fits if one of its items does.
                Some(Json::Array(items)) => {
                    rules.iter().any(|rule| items.iter().any(|item| rule.holds(Some(item))))
                }
                value => rules.iter().any(|rule| rule.holds(value)),
            },
        }
    }

    fn looks_into(&self, name: &str) -> bool {
        match self {
            Self::Fields(fields) => fields
                .iter()
                .any(|(field, pattern)| field == name && matches!(pattern, Self::Fields(_))),
            Self::OneOf(_) => false,
        }
    }
}

impl Rule {
    fn parse(json: &Json) -> Result<Self, String> {
        let Json::Object(rule) = json else {
            return match json {
                Json::Array(_) => Err("holds a list within a list".to_owned()),
                value => Ok(Self::Equals(value.clone())),
            };
        };
        let wrong = || format!("uses {json}, which isn't supported on this machine");
        let (name, argument) = single(rule).ok_or_else(wrong)?;
        let text = || argument.as_str().map(str::to_owned).ok_or_else(wrong);
        match name {
            "exists" => argument.as_bool().map(Self::Exists).ok_or_else(wrong),
            "prefix" => text().map(Self::Prefix),
            "suffix" => text().map(Self::Suffix),
            "equals-ignore-case" => text().map(Self::EqualsIgnoreCase),
            "anything-but" => match argument {
                Json::Array(values) => Ok(Self::AnythingBut(values.clone())),
                Json::String(_) | Json::Number(_) => Ok(Self::AnythingBut(vec![argument.clone()])),
                Json::Null | Json::Bool(_) | Json::Object(_) => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }

    fn holds(&self, value: Option<&Json>) -> bool {
        let text = || value.and_then(Json::as_str);
        match self {
            Self::Equals(wanted) => value == Some(wanted),
            // Only a leaf exists: a field that holds further fields doesn't.
            Self::Exists(wanted) => value.is_some_and(|value| !value.is_object()) == *wanted,
            Self::Prefix(prefix) => text().is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text().is_some_and(|text| text.ends_with(suffix)),
            Self::EqualsIgnoreCase(wanted) => {
                text().is_some_and(|text| text.to_lowercase() == wanted.to_lowercase())
            }
            Self::AnythingBut(unwanted) => value.is_some_and(|value| !unwanted.contains(value)),
        }
    }
}

fn single(object: &Map<String, Json>) -> Option<(&str, &Json)> {
    match object.iter().collect::<Vec<_>>()[..] {
        [(name, argument)] => Some((name, argument)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(pattern: &Json, record: &Json) -> bool {
        Filters::parse(&[&pattern.to_string()]).unwrap().pass(record)
    }

    #[test]
    fn every_field_must_fit_and_one_rule_of_each() {
        let insert = json!({"eventName": "INSERT", "dynamodb": {"NewImage": {"kind": {"S": "follow"}, "n": {"N": "1"}}}});
        assert!(passes(&json!({"eventName": ["INSERT"]}), &insert));
        assert!(!passes(&json!({"eventName": ["MODIFY", "REMOVE"]}), &insert));
        let nested = |rule: Json| json!({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": [rule]}}}});
        for (rule, fits) in [
            (json!("follow"), true),
            (json!({"prefix": "fol"}), true),
            (json!({"prefix": "ol"}), false),
            (json!({"suffix": "low"}), true),
            (json!({"equals-ignore-case": "FOLLOW"}), true),
            (json!({"anything-but": ["text", "follow"]}), false),
            (json!({"anything-but": "text"}), true),
            (json!({"exists": true}), true),
            (json!({"exists": false}), false),
        ] {
            assert_eq!(passes(&nested(rule.clone()), &insert), fits, "{rule}");
        }
        assert!(passes(
            &json!({"dynamodb": {"OldImage": {"kind": {"S": [{"exists": false}]}}}}),
            &insert
        ));
    }

    #[test]
    fn any_of_several_patterns_is_enough_and_none_lets_everything_pass() {
        let filters = Filters::parse(&[r#"{"a": [1]}"#, r#"{"b": [2]}"#]).unwrap();
        assert!(filters.pass(&json!({"b": 2})));
        assert!(!filters.pass(&json!({"a": 2, "b": 1})));
        assert!(Filters::default().pass(&json!({})));
    }

    #[test]
    fn a_message_body_is_opened_for_patterns_that_look_into_it() {
        let filters = Filters::parse(&[r#"{"body": {"kind": ["order"]}}"#]).unwrap();
        assert!(filters.pass_message(&json!({"body": r#"{"kind": "order"}"#})));
        assert!(!filters.pass_message(&json!({"body": "kind"})));
        let filters = Filters::parse(&[r#"{"body": ["plain"]}"#]).unwrap();
        assert!(filters.pass_message(&json!({"body": "plain"})));
    }

    #[test]
    fn unsupported_pattern_is_refused() {
        for pattern in [
            r#"{"a": [{"numeric": [">", 1]}]}"#,
            r#"{"$or": [{"a": [1]}]}"#,
            r#"{"a": 1}"#,
            r#"{"a": []}"#,
            r#"{"a": [{"anything-but": {"prefix": "x"}}]}"#,
            "not JSON",
        ] {
            assert!(Filters::parse(&[pattern]).is_err(), "{pattern}");
        }
    }
}
