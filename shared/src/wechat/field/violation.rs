//! What is wrong with a value, in words.

use super::FieldType;
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
    NoSuchMoment,
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
            Self::NoSuchMoment => f.write_str("there is no such day or time"),
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
            (Violation::Form, FieldType::Amount) => {
                r#"give it in that form, or a plain number and let the template write it: {"amount": "…"}"#
            }
            (Violation::NoSuchMoment, _) => "correct the day or the time",
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

impl FieldType {
    /// The rule in words.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Thing => "a thing has at most 20 characters",
            Self::ShortThing => "a short_thing has at most 5 characters",
            Self::Number => "a number has at most 32 digits, with at most one point between them",
            Self::Letter => "a letter has at most 32 letters from A to Z, and nothing else",
            Self::Symbol => "a symbol has at most 5 symbols, and no letters, digits or Chinese",
            Self::CharacterString => {
                "a character_string has at most 32 letters, digits and symbols, and no Chinese"
            }
            Self::Time => {
                "a time is like 15:04 or 2026年11月20日 15:04, or two of these with ~ between"
            }
            Self::Date => {
                "a date is like 2026年11月20日 or 2026-11-20, with a time or not, or two of these with ~ between"
            }
            Self::Amount => "an amount is like ¥12.50, 12.50 or 12.50元, with at most 10 digits",
            Self::PhoneNumber => "a phone_number has at most 17 digits and symbols",
            Self::CarNumber => {
                "a car_number has at most 8 letters and digits; its first and its last may be Chinese"
            }
            Self::Name => {
                "a name has at most 10 characters, or 20 if none of them is Chinese, and no digits"
            }
            Self::Phrase => "a phrase has at most 5 characters, all of them Chinese",
            Self::Listed => "it has one of the values that were chosen with WeChat's template",
            Self::Keyword | Self::Hidden | Self::Unknown => "WeChat takes a line of text",
        }
    }
}
