//! What is claimed of the query's grammar.

use shared::wechat::callback::Query;
use std::collections::HashSet;

/// A query is taken if and only if it has the grammar, which stands here in
/// other words. Tells whether it was.
pub(crate) fn query(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let pairs: Vec<(&str, &str)> =
        text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let read = Query::read(pairs.iter().copied());

    let names: HashSet<&str> = pairs.iter().map(|pair| pair.0).collect();
    let value = |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1);
    let has_grammar = names.len() == pairs.len()
        && names.len() <= 20
        && ["timestamp", "nonce", "signature", "msg_signature", "echostr"].into_iter().all(
            |name| {
                value(name)
                    .map_or(!matches!(name, "timestamp" | "nonce"), |value| fits(name, value))
            },
        );
    assert_eq!(read.is_ok(), has_grammar, "{text:?}");
    if let Ok(query) = &read {
        let digits = query.timestamp().to_string();
        assert!(pairs.iter().any(|(name, value)| {
            *name == "timestamp" && value.trim_start_matches('0') == digits.trim_start_matches('0')
        }));
    }
    read.is_ok()
}

fn fits(name: &str, value: &str) -> bool {
    let (fewest, most, alphabet): (usize, usize, fn(char) -> bool) = match name {
        "timestamp" => (10, 10, |c| "0123456789".contains(c)),
        "nonce" => (1, 32, |c| c.is_ascii() && c.is_alphanumeric()),
        "echostr" => (1, 128, |c| c.is_ascii() && c.is_alphanumeric()),
        _ => (40, 40, |c| "0123456789abcdef".contains(c)),
    };
    let length = value.chars().count();
    fewest <= length && length <= most && value.chars().all(alphabet)
}
