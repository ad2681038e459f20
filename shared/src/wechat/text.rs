//! Texts as WeChat and its readers take them: which characters they may have, and what a
//! text of a message is for.

use std::borrow::Cow;

/// WeChat's documentation names no limit; longer texts have been seen to fail.
const MAX_TEXT_BYTES: usize = 2048;

/// What a text of a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Shown as it is.
    Plain,
    /// Shown, with `<a href="…">` for links.
    Linked,
    /// An id that WeChat gave.
    Id,
    /// The address of a web page or a picture.
    Web,
    /// A page of a mini program, with its query.
    Page,
}

/// Whether this is a control character that no text may have: all but line breaks and tabs.
///
/// XML 1.0 has no way to write most of the others, U+FFFE and U+FFFF, not
/// even escaped (["Characters"](https://www.w3.org/TR/xml/#charsets)), so WeChat drops a reply
/// with one as a whole. Word and Excel paste U+000B for a line break.
pub fn is_forbidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        _ => c.is_control(),
    }
}

/// Why no text of a message can be this one, if none can.
pub fn character_problem(text: &str) -> Option<String> {
    let c = text.chars().find(|&c| is_forbidden(c))?;
    let code = u32::from(c);
    Some(format!(
        "it has the control character U+{code:04X}, which WeChat refuses; remove it, or type a line break anew"
    ))
}

/// Why an id, an alias or a key can't be this text, if it can't: it is empty, or has white
/// space in it, which is easily copied along and seldom seen.
pub fn id_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.chars().any(is_blank) {
        Some("it has white space in or around it; remove that")
    } else {
        None
    }
}

/// White space and controls, also those that have no width.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text of several lines without forbidden characters. What other programs write for a line
/// break becomes one.
pub fn clean(text: &str) -> Cow<'_, str> {
    replaced(text, '\n')
}

/// A text of one line without forbidden characters. Line breaks and tabs stay, for a rule to
/// refuse them: only [`one_line`] changes what the text says.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    replaced(text, ' ')
}

fn replaced(text: &str, line_break: char) -> Cow<'_, str> {
    let stays = |c: char| !(is_forbidden(c) || is_foreign_break(c) || c == '\r');
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // XML's readers make a line break of each of these.
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => clean.push('\n'),
            c if is_foreign_break(c) => clean.push(line_break),
            c if is_forbidden(c) => {}
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// Vertical tab, form feed, next line, and Unicode's separators.
fn is_foreign_break(c: char) -> bool {
    matches!(c, '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A text in one line: line breaks and tabs, with the white space around them, become a
/// space, and nothing at the ends.
pub fn one_line(text: &str) -> String {
    let text = clean(text);
    let parts = text.split(['\n', '\t']).map(str::trim).filter(|part| !part.is_empty());
    if text.contains(['\n', '\t']) { parts.collect::<Vec<_>>().join(" ") } else { text.into() }
}

/// Why WeChat would refuse this text of a reply or a customer-service message, if it would.
pub(super) fn text_problem(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("its text is empty")
    } else if text.len() > MAX_TEXT_BYTES {
        Some("its text has more than 2048 bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 93.
    #[test]
    fn forbidden_characters_are_removed_and_line_breaks_made_alike() {
        for (text, several_lines, line) in [
            ("a\u{b}b", "a\nb", "a b"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd", "a\nb\nc\nd"),
            ("a\u{2028}b\u{85}c", "a\nb\nc", "a b c"),
            ("\u{0}a\u{8}\u{1b}[1mb\u{7f}\u{9f}\u{fffe}\u{ffff}", "a[1mb", "a[1mb"),
            ("a\tb 你好 😀 \u{fffd}", "a\tb 你好 😀 \u{fffd}", "a\tb 你好 😀 \u{fffd}"),
        ] {
            assert_eq!(clean(text), several_lines, "{text:?}");
            assert_eq!(clean_line(text), line, "{text:?}");
        }
        assert!(character_problem("a\u{b}b").unwrap().contains("U+000B"));
        assert_eq!(character_problem("a\r\n\tb"), None);
    }

    #[test]
    fn one_line_keeps_the_words_apart() {
        for (text, line) in [
            ("two\nlines", "two lines"),
            ("two \r\n\r\n  lines\n", "two lines"),
            ("a\u{b}b\tc", "a b c"),
            (" a  b ", " a  b "),
            ("\n", ""),
        ] {
            assert_eq!(one_line(text), line, "{text:?}");
        }
    }

    #[test]
    fn id_has_no_white_space() {
        assert_eq!(id_problem("thing1"), None);
        for bad in ["", "thing1\t", "time2 ", "a b", "\u{feff}a", "a\u{200b}", "a\u{a0}"] {
            assert!(id_problem(bad).is_some(), "{bad:?}");
        }
    }
}
