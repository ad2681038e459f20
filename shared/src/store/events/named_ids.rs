//! The ids that the body of an event names, also in an escaped form.
//!
//! An event that can't be read has no fields. To erase what it says of a person, it is found
//! by the person's openid, wherever that stands in it: as it is, or as XML, JSON or an address
//! write the same characters.

use crate::wechat::id::OpenId;
use std::collections::BTreeSet;

/// How often what is unescaped may be escaped itself, as a JSON document in an XML element.
const MAX_ROUNDS: usize = 4;
/// WeChat's openids have this many characters, and begin with an o.
const OPEN_ID_LENGTH: usize = 28;

/// Whether a body names this id, and not one that is longer.
pub(in crate::store) fn names(body: &str, id: &str) -> bool {
    readings(body).iter().any(|text| {
        text.match_indices(id).any(|(place, found)| {
            !text[..place].ends_with(is_of_id) && !text[place + found.len()..].starts_with(is_of_id)
        })
    })
}

/// All words of a body that can be ids.
pub(in crate::store) fn words(body: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in readings(body) {
        let is_between = |c: char| !is_of_id(c) && !matches!(c, '.' | '@');
        // An openid may have a dot in it, or end a sentence.
        for word in text.split(is_between).chain(text.split(|c| !is_of_id(c))) {
            let word = word.trim_matches(['.', '@']);
            if !word.is_empty() && OpenId::parse(word).is_ok() {
                words.insert(word.to_owned());
            }
        }
    }
    words
}

/// The openid that a body names, if it names one of WeChat's shape and no second one.
pub(super) fn only_open_id(body: &str) -> Option<OpenId> {
    let mut open_ids = words(body).into_iter().filter(|word| is_open_id(word));
    let open_id = open_ids.next()?;
    if open_ids.next().is_some() { None } else { OpenId::parse(open_id).ok() }
}

/// Whether a word looks like an openid of WeChat's.
pub(super) fn is_open_id(word: &str) -> bool {
    word.len() == OPEN_ID_LENGTH && word.starts_with('o') && word.chars().all(is_of_id)
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// A body as it is, and what it says once its escapes are resolved, as often as they are
/// nested.
fn readings(body: &str) -> Vec<String> {
    let mut readings = vec![body.to_owned()];
    for _ in 0..MAX_ROUNDS {
        let last = readings.last().map(String::as_str).unwrap_or_default();
        let next = unescaped(last);
        if next == last {
            break;
        }
        readings.push(next);
    }
    readings
}

/// A text with the escapes of XML, JSON and addresses resolved, and with sections of CDATA
/// that follow each other joined.
fn unescaped(text: &str) -> String {
    let text = text.replace("]]><![CDATA[", "");
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(place) = rest.find(['&', '\\', '%']) {
        let (before, escape) = rest.split_at(place);
        unescaped.push_str(before);
        let (c, after) = reference(escape)
            .or_else(|| backslash(escape))
            .or_else(|| percent(escape))
            .unwrap_or_else(|| {
                let mut characters = escape.chars();
                (characters.next().unwrap_or_default(), characters.as_str())
            });
        unescaped.push(c);
        rest = after;
    }
    unescaped.push_str(rest);
    unescaped
}

/// `&#111;`, `&#x6f;` or `&amp;`, and what follows.
fn reference(text: &str) -> Option<(char, &str)> {
    let (name, after) = text.strip_prefix('&')?.split_once(';')?;
    let c = match name.strip_prefix('#') {
        Some(code) => {
            let code = match code.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => code.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        },
    };
    Some((c, after))
}

/// `\u006f`, `\n` or `\/`, and what follows.
fn backslash(text: &str) -> Option<(char, &str)> {
    let mut characters = text.strip_prefix('\\')?.chars();
    match characters.next()? {
        'u' => hexadecimal(characters.as_str(), 4),
        'b' | 'f' | 'n' | 'r' | 't' => Some((' ', characters.as_str())),
        c @ ('\\' | '/' | '"') => Some((c, characters.as_str())),
        _ => None,
    }
}

/// `%6f`, and what follows.
fn percent(text: &str) -> Option<(char, &str)> {
    hexadecimal(text.strip_prefix('%')?, 2)
}

fn hexadecimal(text: &str, digits: usize) -> Option<(char, &str)> {
    let (code, after) = text.split_at_checked(digits)?;
    let is_digits = code.bytes().all(|c| c.is_ascii_hexdigit());
    let code = u32::from_str_radix(code, 16).ok().filter(|_| is_digits)?;
    Some((char::from_u32(code)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "oAnn_-3456789012345678901234";

    fn escaped(each: impl Fn(char) -> String) -> String {
        ANN.chars().map(each).collect()
    }

    /// Fault 114.
    #[test]
    fn id_is_found_in_every_escaped_form() {
        assert_eq!(ANN.len(), OPEN_ID_LENGTH);
        let code = u32::from;
        let json = escaped(|c| format!("\\u{:04x}", code(c)));
        for form in [
            ANN.to_owned(),
            escaped(|c| format!("&#{};", code(c))),
            escaped(|c| format!("&#x{:X};", code(c))),
            json.clone(),
            escaped(|c| format!("%{:02X}", code(c))),
            escaped(|c| format!("&amp;#{};", code(c))),
            json.replace('\\', "\\\\"),
            json.replace('\\', "&#92;"),
            format!("oAnn]]><![CDATA[{}", &ANN[4..]),
            format!("&#111;{}", &ANN[1..]),
        ] {
            for body in [
                format!("<xml><FromUserName>{form}</FromUserName>&nbsp;"),
                format!(r#"{{"FromUserName":"{form}","Content":"hi"#),
                format!(r"hello\n{form}\nbye"),
                format!("?openid={form}&x=%zz\\"),
                form.clone(),
            ] {
                assert!(names(&body, ANN), "{body}");
                assert!(words(&body).contains(ANN), "{body}");
                assert_eq!(only_open_id(&body).unwrap().as_str(), ANN, "{body}");
            }
        }
    }

    /// Fault 114.
    #[test]
    fn longer_id_is_another_one() {
        for body in ["oAnnabel", "noAnn", "or-oAnn", "oAnn_", "oAn", ""] {
            assert!(!names(body, "oAnn"), "{body}");
        }
        assert!(names("I am oAnn.", "oAnn") && words("I am oAnn.").contains("oAnn"));
        assert!(words("me@o.Ann, 1").contains("me@o.Ann"));
        let two = format!("{ANN} {}", ANN.replace('3', "4"));
        assert_eq!(only_open_id(&two), None);
        assert_eq!(only_open_id("<xml><FromUserName>oAnn</FromUserName></xml>"), None);
    }

    #[test]
    fn text_without_escapes_stays() {
        for text in ["100 % & more; \\ \\x %zz &#; &#x; &#xd800; &unknown;", "&", "%", "\\u12"] {
            assert_eq!(unescaped(text), text);
        }
    }
}
