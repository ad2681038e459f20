//! Numbers and amounts of money.

use super::violation::Violation;

/// Of an amount, without decimals: what the most generous kind of message takes.
pub(super) const MAX_DIGITS: usize = 12;

/// Digits with at most one point between them.
pub(super) fn is_decimal(text: &str) -> bool {
    parts(text).is_some()
}

/// One currency symbol, which may be missing, digits with or without decimals,
/// and 元 at the end if one likes. No kind of message takes a minus.
pub(super) fn is_amount(text: &str, max_digits: usize) -> bool {
    let text = text.strip_suffix('元').unwrap_or(text);
    let number = text.strip_prefix(is_currency).unwrap_or(text);
    parts(number).is_some_and(|(whole, _)| whole.len() <= max_digits)
}

/// The signs of Unicode's category Sc that a shop may have.
pub(super) fn is_currency(c: char) -> bool {
    matches!(c, '$' | '¢'..='¥' | '฿' | '៛' | '₠'..='⃏' | '﷼' | '﹩' | '＄' | '￠' | '￡' | '￥' | '￦')
}

/// Formats a number with its currency and decimals.
pub(super) fn format(text: &str, currency: char, decimals: u8) -> Result<String, Violation> {
    let Some((whole, fraction)) = parts(text) else {
        return if is_amount(text, MAX_DIGITS) {
            Ok(text.to_owned())
        } else {
            Err(Violation::Form)
        };
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = fraction.trim_end_matches('0');
    let width = usize::from(decimals);
    if fraction.len() > width {
        return Err(Violation::Decimals(decimals));
    }
    Ok(match decimals {
        0 => format!("{currency}{whole}"),
        _ => format!("{currency}{whole}.{fraction:0<width$}"),
    })
}

/// The digits before and behind the point.
fn parts(text: &str) -> Option<(&str, &str)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => (digits(whole) && digits(fraction)).then_some((whole, fraction)),
        None => digits(text).then_some((text, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_becomes_an_amount() {
        for (number, amount) in [
            ("12.5", "¥12.50"),
            ("12", "¥12.00"),
            ("12.5000", "¥12.50"),
            ("0", "¥0.00"),
            ("007.10", "¥7.10"),
            ("0.01", "¥0.01"),
        ] {
            assert_eq!(format(number, '¥', 2).unwrap(), amount, "{number}");
        }
        assert_eq!(format("1980", '¥', 0).unwrap(), "¥1980");
        assert_eq!(format("1980.0", '￥', 0).unwrap(), "￥1980");
        assert_eq!(format("1.5", '€', 3).unwrap(), "€1.500");
    }

    #[test]
    fn text_with_a_currency_stays() {
        for amount in ["¥12.5", "￥19.90", "12.50元", "$0.99", "€3"] {
            assert_eq!(format(amount, '¥', 2).unwrap(), amount);
        }
    }

    #[test]
    fn amount_is_neither_rounded_nor_guessed() {
        assert_eq!(format("12.345", '¥', 2), Err(Violation::Decimals(2)));
        assert_eq!(format("1.5", '¥', 0), Err(Violation::Decimals(0)));
        for number in ["", "-1", "1e9", "1,000", ".5", "5.", "1.2.3", "NaN", "１２", "12 "] {
            assert_eq!(format(number, '¥', 2), Err(Violation::Form), "{number}");
        }
    }

    #[test]
    fn amount_has_one_symbol_and_so_many_digits() {
        for amount in ["0.01", "¥1234567890.12", "100元", "￥100元"] {
            assert!(is_amount(amount, 10), "{amount}");
        }
        for amount in [
            "",
            "¥",
            "元",
            "¥¥1",
            "12345678901",
            "USD 1",
            "¥-1",
            "-5.00",
            "−5.00",
            "1.元",
            "¥1,000",
        ] {
            assert!(!is_amount(amount, 10), "{amount}");
        }
        assert!(is_amount("¥123456789012.00", 12) && !is_amount("1234567890123", 12));
    }
}
