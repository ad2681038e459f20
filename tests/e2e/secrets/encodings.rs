//! The ways in which a secret may be written, and the search for all of them at once.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A longer secret is looked for by this many bytes of its beginning and of its end: a
/// log that cuts it off betrays enough.
const PIECE: usize = 32;

/// Looks for secrets in all their disguises.
pub(super) struct Search {
    automaton: AhoCorasick,
    /// Which secret each pattern is of, and how it is written there.
    of: Vec<(usize, &'static str)>,
}

impl Search {
    pub(super) fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let (mut patterns, mut of) = (Vec::new(), Vec::new());
        for (number, secret) in secrets.into_iter().enumerate() {
            for (written, how) in pieces(secret.as_bytes()).into_iter().flat_map(disguises) {
                patterns.push(written);
                of.push((number, how));
            }
        }
        Self { automaton: AhoCorasick::new(&patterns).unwrap(), of }
    }

    /// The secrets that are in a text, by their numbers, and how the first of each is
    /// written.
    pub(super) fn find(&self, text: &[u8]) -> BTreeMap<usize, &'static str> {
        let mut found = BTreeMap::new();
        for one in self.automaton.find_overlapping_iter(text) {
            let (number, how) = self.of[one.pattern().as_usize()];
            found.entry(number).or_insert(how);
        }
        found
    }
}

fn pieces(secret: &[u8]) -> Vec<&[u8]> {
    if secret.len() <= 2 * PIECE {
        return vec![secret];
    }
    vec![&secret[..PIECE], &secret[secret.len() - PIECE..]]
}

/// How it may be written, each way once.
fn disguises(secret: &[u8]) -> BTreeMap<Vec<u8>, &'static str> {
    let mut all = BTreeMap::new();
    let mut add = |written: &[u8], how| {
        all.entry(written.to_vec()).or_insert(how);
    };
    add(secret, "as it is");
    let in_json = serde_json::to_string(&String::from_utf8_lossy(secret)).unwrap();
    add(in_json.trim_matches('"').as_bytes(), "in JSON");
    for is_upper in [false, true] {
        let digits =
            |byte: u8| if is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        add(secret.iter().map(|byte| digits(*byte)).collect::<String>().as_bytes(), "in hex");
        for space in ["%20", "+"] {
            let mut coded = String::new();
            for byte in secret {
                // What a query may have without a code ("RFC 3986", 2.3).
                let _ = match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        write!(coded, "{}", char::from(*byte))
                    }
                    b' ' => write!(coded, "{space}"),
                    _ => write!(coded, "%{}", digits(*byte)),
                };
            }
            add(coded.as_bytes(), "percent-coded");
        }
        let every: String = secret.iter().map(|byte| format!("%{}", digits(*byte))).collect();
        add(every.as_bytes(), "percent-coded");
    }
    // Of what surrounds it depend the first and the last digit.
    for before in 0..3 {
        let bytes = [&[0; 3][..before], secret].concat();
        let digits = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            add(&engine.encode(&bytes).as_bytes()[digits.clone()], "in base64");
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    /// With bytes that base64 writes with its last digits, and some that a query codes.
    const SECRET: &str = "a/secret+key, ~?ÿÿ>>";

    fn is_found(text: &str) -> bool {
        let search = Search::new(["another one", SECRET]);
        search.find(text.as_bytes()).contains_key(&1)
    }

    /// Fault 75.
    #[test]
    fn secret_is_found_in_every_encoding() {
        let written = [
            format!("key={SECRET}&"),
            "key=a%2Fsecret%2Bkey%2C%20~%3F%C3%BF%C3%BF%3E%3E&".to_owned(),
            "key=a%2fsecret%2bkey%2c+~%3f%c3%bf%c3%bf%3e%3e&".to_owned(),
            SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            SECRET.bytes().map(|byte| format!("{byte:02x}")).collect(),
            SECRET.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ];
        for text in written {
            assert!(is_found(&text), "{text}");
        }
        for before in 0..6 {
            for behind in 0..4 {
                let text = format!("{}{SECRET}{}", &"before"[..before], &"behind"[..behind]);
                for coded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert!(is_found(&coded), "{text}: {coded}");
                }
            }
        }
        let quoted = "say \"hello\", ann";
        let search = Search::new([quoted]);
        let line = serde_json::json!({ "message": quoted }).to_string();
        assert_eq!(search.find(line.as_bytes()), BTreeMap::from([(0, "in JSON")]));
    }

    #[test]
    fn only_a_long_part_counts_as_the_secret() {
        assert!(!is_found(&SECRET[1..]));
        assert!(!is_found("another text"));
        let long = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(4);
        let search = Search::new([long.as_str()]);
        assert!(!search.find(&long.as_bytes()[..40]).is_empty());
        assert!(!search.find(&long.as_bytes()[long.len() - 40..]).is_empty());
        assert!(search.find(&long.as_bytes()[1..31]).is_empty());
    }
}
