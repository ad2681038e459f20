//! What is wrong with a value, in words.

use super::field_type::FieldType;
use std::fmt;

/// A value that WeChat would refuse. Says what is wrong and what the rule is,
/// never the value itself: that may be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{violation}; {}", kind.rule())]
pub struct RuleViolation {
    pub(super) violation: Violation,
    pub(super) kind: FieldType,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Empty,
    Control,
    Long(usize),
    Character,
    Form,
    NoSuchTime,
    NoTimeOfDay,
    Decimals(u8),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Control => f.write_str("it has a line break or another control character"),
            Self::Long(length) => {
                write!(f, "it has {length} characters (UTF-16 units; an emoji has two or more)")
            }
            Self::Character => f.write_str("it has a character that has no place there"),
            Self::Form => f.write_str("it has another form"),
            Self::NoSuchTime => f.write_str("there is no such day or time"),
            Self::NoTimeOfDay => f.write_str("it has a day but no time of day"),
            Self::Decimals(most) => {
                write!(f, "it has more than {most} decimals, and nothing is rounded")
            }
        }
    }
}

impl RuleViolation {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match (&self.violation, self.kind) {
            (Violation::Empty, _) => "give it something to show; WeChat takes no empty value",
            (Violation::Control, _) => "give it in one line; WeChat takes no control characters",
            (Violation::Long(_), kind) if kind.can_be_truncated() => {
                r#"shorten it, or let the template cut it: {"text": "…", "truncate": true}"#
            }
            (Violation::Form, FieldType::Time) => {
                r#"give it in that form, or an ISO value and let the template write it: {"time": "…"}"#
            }
            (Violation::Form, FieldType::Date) => {
                r#"give it in that form, or an ISO value and let the template write it: {"date": "…"}"#
            }
            (Violation::Form, FieldType::Amount | FieldType::LongAmount) => {
                r#"give it in that form, or a plain number and let the template write it: {"amount": "…"}"#
            }
            (Violation::NoSuchTime, _) => "correct the day or the time",
            (Violation::NoTimeOfDay, _) => {
                r#"add the time of day, or use one of WeChat's date keys with {"date": "…"}"#
            }
            (Violation::Decimals(_), _) => {
                r#"round it before, or give the template more "decimals", up to 3"#
            }
            (Violation::Long(_) | Violation::Character | Violation::Form, _) => {
                "correct it, or choose a thing instead of this key in WeChat's template"
            }
        }
    }
}
