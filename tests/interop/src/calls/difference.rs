//! In what a foreign client's requests and ours differ, and why that is right.

use super::Purpose;
use crate::sandbox::SHOP_MINI;
use serde_json::{Map, Value, json};
use std::fmt;

/// One place in which two requests differ. The places are JSON pointers into
/// `{"method", "path", "query", "body"}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    at: String,
    /// What the peer has there, if anything.
    theirs: Option<Value>,
    /// What we have there, if anything.
    ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
        };
        write!(f, "{}: theirs {}, ours {}", self.at, text(&self.theirs), text(&self.ours))
    }
}

/// The differences between what this peer asks and what we ask that are as they
/// should be. One that has gone is as much a failure as one that is new.
pub(super) fn named(peer: &str, purpose: Purpose) -> Vec<Difference> {
    let theirs =
        |at: &str, value: Value| Difference { at: at.to_owned(), theirs: Some(value), ours: None };
    let ours =
        |at: &str, value: Value| Difference { at: at.to_owned(), theirs: None, ours: Some(value) };
    match (peer, purpose) {
        // They ask for a new token each time, which ends the one of before; we ask the
        // endpoint that WeChat recommends, which hands out the same one.
        ("wechatpy" | "co-wechat-api", Purpose::Token) => {
            let both = |at: &str, theirs: &str, ours: &str| Difference {
                at: at.to_owned(),
                theirs: Some(json!(theirs)),
                ours: Some(json!(ours)),
            };
            let body = json!({
                "grant_type": "client_credential", "appid": SHOP_MINI.app_id, "secret": "…",
                "force_refresh": false,
            });
            vec![
                Difference { at: "/body".to_owned(), theirs: Some(Value::Null), ours: Some(body) },
                both("/method", "GET", "POST"),
                both("/path", "/cgi-bin/token", "/cgi-bin/stable_token"),
                theirs("/query/appid", json!(SHOP_MINI.app_id)),
                theirs("/query/grant_type", json!("client_credential")),
                theirs("/query/secret", json!("…")),
            ]
        }
        // It sends a name of its own along, and leaves out what is the default.
        ("ArtisanCloud/PowerWeChat", Purpose::Token) => {
            vec![ours("/body/force_refresh", json!(false)), theirs("/body/neededText", json!(""))]
        }
        // A parameter that is empty, and one that isn't there, both mean the beginning.
        ("co-wechat-api" | "ArtisanCloud/PowerWeChat", Purpose::Followers) => {
            vec![theirs("/query/next_openid", json!(""))]
        }
        // They give every call a token; WeChat asks for none here.
        ("wechatpy" | "WxJava" | "ArtisanCloud/PowerWeChat", Purpose::Login) => {
            vec![theirs("/query/access_token", json!("…"))]
        }
        // It sends an empty text for what isn't set, where we send nothing.
        ("silenceper/wechat", Purpose::Subscribe) => vec![
            theirs("/body/data/thing1/color", json!("")),
            theirs("/body/data/time2/color", json!("")),
            theirs("/body/lang", json!("")),
            theirs("/body/miniprogram_state", json!("")),
        ],
        ("silenceper/wechat", Purpose::PageTemplate) => vec![
            ours("/body/client_msg_id", json!(super::ours::ONCE)),
            theirs("/body/miniprogram", json!({ "appid": "", "pagepath": "" })),
        ],
        ("co-wechat-api" | "ArtisanCloud/PowerWeChat", Purpose::PageTemplate) => vec![
            ours("/body/client_msg_id", json!(super::ours::ONCE)),
            theirs("/body/miniprogram", Value::Null),
        ],
        // No other client sends `client_msg_id`, which deduplicates our message.
        (_, Purpose::Template | Purpose::PageTemplate) => {
            vec![ours("/body/client_msg_id", json!(super::ours::ONCE))]
        }
        _ => Vec::new(),
    }
}

/// All places in which two requests differ, in order.
pub(super) fn between(theirs: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(String::new(), theirs, ours, &mut found);
    found.sort_by(|one, other| one.at.cmp(&other.at));
    found
}

fn walk(at: String, theirs: &Value, ours: &Value, found: &mut Vec<Difference>) {
    if let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) {
        within(&at, theirs, ours, found);
    } else if theirs != ours {
        let (theirs, ours) = (Some(theirs.clone()), Some(ours.clone()));
        found.push(Difference { at, theirs, ours });
    }
}

fn within(
    at: &str,
    theirs: &Map<String, Value>,
    ours: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    for (key, value) in theirs {
        let at = format!("{at}/{key}");
        match ours.get(key) {
            Some(other) => walk(at, value, other, found),
            None => found.push(Difference { at, theirs: Some(value.clone()), ours: None }),
        }
    }
    for (key, value) in ours.iter().filter(|(key, _)| !theirs.contains_key(*key)) {
        let at = format!("{at}/{key}");
        found.push(Difference { at, theirs: None, ours: Some(value.clone()) });
    }
}

/// Whether the differences are those that are named, and no others.
///
/// # Errors
///
/// Those that aren't named, and those named that aren't there.
pub(super) fn explain(found: &[Difference], named: &[Difference]) -> Result<(), String> {
    let new = found.iter().filter(|it| !named.contains(it)).map(|it| format!("  {it}"));
    let gone = named
        .iter()
        .filter(|it| !found.contains(it))
        .map(|it| format!("  {it}: named, but not there any more"));
    let lines: Vec<_> = new.chain(gone).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_found_and_must_be_listed() {
        let theirs =
            json!({"path": "/a", "query": {"x": "1"}, "body": {"data": {"k": "v"}, "n": 1}});
        let ours = json!({"path": "/a", "query": {}, "body": {"data": {"k": "w"}, "n": 1, "m": 2}});
        let found = between(&theirs, &ours);
        let places: Vec<_> = found.iter().map(|it| it.at.as_str()).collect();
        assert_eq!(places, ["/body/data/k", "/body/m", "/query/x"]);
        assert!(between(&theirs, &theirs).is_empty());

        assert_eq!(explain(&found, &found), Ok(()));
        let new = explain(&found, &found[1..]).unwrap_err();
        assert_eq!(new, "  /body/data/k: theirs \"v\", ours \"w\"");
        let gone = explain(&found[1..], &found).unwrap_err();
        assert!(gone.ends_with("named, but not there any more"), "{gone}");
        let mut other = found.clone();
        other[1].ours = Some(json!(3));
        assert!(explain(&found, &other).is_err(), "with another value it is another difference");
    }
}
