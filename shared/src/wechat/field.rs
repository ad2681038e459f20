//! The keys of WeChat's templates, and what each of them may show.
//!
//! `thing1` is a key of the type `thing`. WeChat refuses the whole message if
//! one value breaks the rule of its type (47003), so it is better known before.
//! Where WeChat's documentation leaves something open, a value passes here:
//! WeChat then decides, and a refusal costs no more than the call. Only lengths
//! are counted strictly, in UTF-16 units: an emoji has two or more.
//!
//! Source: WeChat's documentation, "订阅消息参数值内容限制说明" (limits of the
//! values of subscription messages) and "类目模板" (category templates, for the
//! template messages of Official Accounts).

mod amount;
mod date_time;
mod field_type;
#[cfg(test)]
mod tests;
mod truncate;
mod violation;

pub use field_type::{FieldType, MessageKind};
pub use violation::RuleViolation;

use violation::Violation;

impl FieldType {
    /// Checks a value.
    ///
    /// # Errors
    ///
    /// When WeChat would refuse it.
    pub fn check(self, value: &str) -> Result<(), RuleViolation> {
        if matches!(self, Self::Keyword | Self::Hidden) {
            return Ok(());
        }
        let problem = |violation| Err(self.problem(violation));
        if value.is_empty() {
            return problem(Violation::Empty);
        }
        if value.chars().any(char::is_control) {
            return problem(Violation::Control);
        }
        let length = length(value);
        if self.limit(value).is_some_and(|limit| length > limit) {
            return problem(Violation::Long(length));
        }
        let all = |test: fn(char) -> bool| {
            if value.chars().all(test) { Ok(()) } else { Err(Violation::Character) }
        };
        let formed = |formed| if formed { Ok(()) } else { Err(Violation::Form) };
        let checked = match self {
            Self::Number => formed(amount::is_decimal(value)),
            Self::Amount => formed(amount::is_amount(value)),
            Self::Letter => all(|c| c.is_ascii_alphabetic()),
            Self::Symbol => all(is_symbol),
            Self::CharacterString => all(|c| !is_chinese(c)),
            Self::PhoneNumber => all(|c| c.is_ascii_digit() || is_symbol(c)),
            Self::CarNumber => formed(is_car_number(value)),
            Self::Name => all(|c| !c.is_ascii_digit()),
            Self::Phrase => all(is_chinese),
            Self::Time => date_time::time(value),
            Self::Date => date_time::date(value),
            Self::Thing
            | Self::ShortThing
            | Self::Listed
            | Self::Keyword
            | Self::Hidden
            | Self::Unknown => Ok(()),
        };
        checked.or_else(problem)
    }

    /// The text as it is, or cut with an ellipsis so that it has as many
    /// characters as WeChat takes. What looks like one character stays whole. A
    /// type [that can't be cut](Self::can_be_truncated) gives every text as it is.
    pub fn truncate(self, text: String) -> String {
        let fits = |text: &str| self.limit(text).is_none_or(|limit| length(text) <= limit);
        if !self.can_be_truncated() || fits(&text) {
            return text;
        }
        // `…` is written among Chinese, which a `character_string` doesn't take.
        let ellipsis = if self == Self::CharacterString { "..." } else { "…" };
        truncate::longest(&text, ellipsis, fits)
    }

    /// The most UTF-16 units that this value may have.
    fn limit(self, value: &str) -> Option<usize> {
        match self {
            Self::Thing | Self::Keyword => Some(20),
            Self::Name if value.chars().any(is_chinese) => Some(10),
            Self::Name => Some(20),
            Self::ShortThing | Self::Symbol | Self::Phrase => Some(5),
            Self::Number | Self::Letter | Self::CharacterString => Some(32),
            Self::PhoneNumber => Some(17),
            Self::CarNumber => Some(8),
            Self::Time
            | Self::Date
            | Self::Amount
            | Self::Listed
            | Self::Hidden
            | Self::Unknown => None,
        }
    }

    fn problem(self, violation: Violation) -> RuleViolation {
        RuleViolation { violation, kind: self }
    }
}

/// Writes day and time as WeChat shows them: `2026-11-20T15:04:09+08:00` becomes
/// `2026年11月20日 15:04`.
///
/// They are those that are written: nothing is converted to another time zone.
/// Seconds are left out. What is in another of WeChat's own forms stays.
///
/// # Errors
///
/// When it's neither, or there is no such day or time.
pub fn time(moment: &str) -> Result<String, RuleViolation> {
    date_time::format_time(moment).map_err(|violation| FieldType::Time.problem(violation))
}

/// Writes the day of a moment as WeChat shows it: `2026-11-20` and
/// `2026-11-20 15:04` become `2026年11月20日`.
///
/// Otherwise as [`time`].
///
/// # Errors
///
/// As [`time`].
pub fn date(moment: &str) -> Result<String, RuleViolation> {
    date_time::format_date(moment).map_err(|violation| FieldType::Date.problem(violation))
}

/// Writes a number as an amount of money, with so many decimals: with `¥` and
/// 2, `12.5` becomes `¥12.50`.
///
/// Nothing is rounded. What has a currency already stays as it is.
///
/// # Errors
///
/// When it's no number, or has more decimals.
pub fn amount(number: &str, currency: char, decimals: u8) -> Result<String, RuleViolation> {
    amount::format(number, currency, decimals)
        .map_err(|violation| FieldType::Amount.problem(violation))
}

/// Whether WeChat may take this as the symbol of a currency.
pub fn is_currency(symbol: char) -> bool {
    amount::is_currency(symbol)
}

/// How long WeChat may take a text to be.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Han, as far as Unicode has them.
fn is_chinese(c: char) -> bool {
    matches!(c,
        '〇' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// Neither letter nor digit of any script. The space counts.
fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric()
}

fn is_car_number(text: &str) -> bool {
    let last = text.chars().count() - 1;
    text.chars()
        .enumerate()
        .all(|(at, c)| c.is_ascii_alphanumeric() || (is_chinese(c) && (at == 0 || at == last)))
}
