//! The keys of WeChat's templates, and what each of them may show.
//!
//! `thing1` is a key of the type `thing`. WeChat refuses the whole message if one value breaks
//! the rule of its type (47003), so values are checked before the call. Where WeChat's
//! documentation is unclear, a value passes and WeChat decides. Only lengths are counted
//! strictly, in UTF-16 units: an emoji has two or more.
//!
//! The two kinds of message differ. Subscription messages: WeChat's documentation,
//! ["发送订阅消息"], "订阅消息参数值内容限制说明" (limits of the values). Template messages of Official
//! Accounts: the console's rules of 类目模板 (category templates), which have no public page; they
//! allow an `amount` 12 digits and a `const` to be empty, and are otherwise the same.
//!
//! ["发送订阅消息"]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html

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
    /// Checks that WeChat would accept a value.
    pub fn check(self, value: &str) -> Result<(), RuleViolation> {
        if matches!(self, Self::Keyword | Self::Hidden) {
            return Ok(());
        }
        let problem = |violation| Err(self.problem(violation));
        if value.is_empty() && self == Self::OptionalListed {
            return Ok(());
        }
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
            Self::Amount => formed(amount::is_amount(value, 10)),
            Self::LongAmount => formed(amount::is_amount(value, amount::MAX_DIGITS)),
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
            | Self::OptionalListed
            | Self::Keyword
            | Self::Hidden
            | Self::Unknown => Ok(()),
        };
        checked.or_else(problem)
    }

    /// The text, truncated with an ellipsis if it is longer than WeChat accepts. Grapheme
    /// clusters stay whole. A type that [can't be truncated](Self::can_be_truncated) returns
    /// every text unchanged.
    pub fn truncate(self, text: String) -> String {
        let fits = |text: &str| self.limit(text).is_none_or(|limit| length(text) <= limit);
        if !self.can_be_truncated() || fits(&text) {
            return text;
        }
        // `…` counts as Chinese, which a `character_string` doesn't accept.
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
            | Self::LongAmount
            | Self::Listed
            | Self::OptionalListed
            | Self::Hidden
            | Self::Unknown => None,
        }
    }

    fn problem(self, violation: Violation) -> RuleViolation {
        RuleViolation { violation, kind: self }
    }
}

/// Formats day and time as WeChat shows them: `2026-11-20T15:04:09+08:00` becomes
/// `2026年11月20日 15:04`.
///
/// The offset is ignored: the result has the local time as it is written, without seconds. A
/// text in another of WeChat's own forms stays. Any other text, or a day or time that doesn't
/// exist, is an error.
pub fn time(text: &str) -> Result<String, RuleViolation> {
    date_time::format_time(text).map_err(|violation| FieldType::Time.problem(violation))
}

/// Formats the day of a time as WeChat shows it: `2026-11-20` and
/// `2026-11-20 15:04` become `2026年11月20日`.
///
/// Otherwise as [`time`].
pub fn date(text: &str) -> Result<String, RuleViolation> {
    date_time::format_date(text).map_err(|violation| FieldType::Date.problem(violation))
}

/// Formats a number as an amount of money: with `¥` and 2 decimals, `12.5` becomes `¥12.50`.
///
/// Nothing is rounded: more decimals are an error. A text that has a currency already stays.
pub fn amount(number: &str, currency: char, decimals: u8) -> Result<String, RuleViolation> {
    amount::format(number, currency, decimals)
        .map_err(|violation| FieldType::Amount.problem(violation))
}

/// Whether WeChat may accept this as a currency symbol.
pub fn is_currency(symbol: char) -> bool {
    amount::is_currency(symbol)
}

/// The length of a text as WeChat may count it.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Han characters of Unicode.
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
