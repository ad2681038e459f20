//! What is claimed of reading a push, in XML and in JSON.

use serde_json::Value;
use shared::clock::Timestamp;
use shared::wechat::id::AppId;
use shared::wechat::push::{Format, Push, PushKind};
use std::collections::HashSet;

/// Deeper than what is read in JSON.
const DEEPEST: usize = 8;

/// A push in XML is the same push when it is written anew, in XML or in JSON.
/// Tells whether it was one.
pub(crate) fn xml(data: &[u8]) -> bool {
    let Some(push) = read(data).filter(|push| push.format == Format::Xml) else { return false };
    let mut again = String::new();
    write(&mut again, "xml", &push.tree);
    same(&push, &again);
    if depth(&push.tree) <= DEEPEST {
        same(&push, &push.tree.to_string());
    }
    true
}

/// A push in JSON is the same push when it is written anew, and it says what
/// another reader says that it says. Tells whether it was one.
pub(crate) fn json(data: &[u8]) -> bool {
    let push = read(data).filter(|push| push.format == Format::Json);
    if let Some(push) = &push {
        same(push, &push.tree.to_string());
    }
    let Some(theirs) = std::str::from_utf8(data)
        .ok()
        .filter(|body| body.trim_ascii_start().starts_with('{'))
        .and_then(|body| serde_json::from_str::<Value>(body).ok())
    else {
        return push.is_some();
    };
    if let Some(push) = &push {
        assert!(agree(&push.tree, &theirs), "{theirs}");
    }
    // Written by that reader, it has no name twice: then it must be a push.
    if is_like_wechats(&theirs) {
        assert!(read(theirs.to_string().as_bytes()).is_some(), "{theirs}");
    }
    push.is_some()
}

fn read(data: &[u8]) -> Option<Push> {
    let body = &String::from_utf8_lossy(data);
    let push = Push::read(&AppId::parse("wx0123456789abcdef").expect("an app id"), body).ok()?;
    assert!(push.dedup_key.len() <= 68, "{}", push.dedup_key);
    assert!(push.dedup_key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    assert!(push.create_time < Timestamp(10_000_000_000));
    assert!(push.kind.name().chars().count() <= 64);
    assert!(!push.kind.name().chars().any(char::is_control));
    let message = match &push.kind {
        PushKind::Message(_) => true,
        PushKind::Event(_) => false,
        PushKind::Malformed { .. } | PushKind::Other { .. } => return Some(push),
    };
    let message_type = text(&push.tree["MsgType"]).trim().to_lowercase();
    assert_eq!(message_type != "event", message);
    Some(push)
}

fn same(push: &Push, again: &str) {
    let read = read(again.as_bytes()).unwrap_or_else(|| panic!("no longer a push: {again}"));
    assert_eq!(read.tree, push.tree, "{again}");
    assert_eq!(read.kind, push.kind, "{again}");
    assert_eq!(read.dedup_key, push.dedup_key, "{again}");
    assert_eq!(
        (read.from, read.to, read.create_time),
        (push.from.clone(), push.to.clone(), push.create_time)
    );
}

fn write(xml: &mut String, name: &str, value: &Value) {
    if let Value::Array(several) = value {
        several.iter().for_each(|one| write(xml, name, one));
        return;
    }
    xml.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| write(xml, name, value)),
        // References, as WeChat repeats no text in a CDATA section.
        Value::String(text) => {
            text.chars().for_each(|c| xml.push_str(&format!("&#{};", u32::from(c))));
        }
        other => panic!("what came as XML has {other}"),
    }
    xml.push_str(&format!("</{name}>"));
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Ours has every digit, and no white space around names.
fn agree(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::String(digits), Value::Number(number)) => {
            // That reader rounds long numbers a little differently.
            let (ours, theirs) = (digits.parse().unwrap_or(f64::NAN), number.as_f64());
            theirs.is_some_and(|theirs| (theirs - ours).abs() <= ours.abs() * 1e-12)
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| agree(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && theirs.iter().all(|(name, b)| ours.get(name.trim()).is_some_and(|a| agree(a, b)))
        }
        (ours, theirs) => ours == theirs,
    }
}

/// Whether everything that makes a push is there, within bounds.
fn is_like_wechats(tree: &Value) -> bool {
    let field = |name: &str| {
        let fields = tree.as_object().into_iter().flatten();
        fields.into_iter().find(|field| field.0.trim() == name).map(|field| field.1)
    };
    let single = ["FromUserName", "CreateTime", "MsgType", "Event"];
    let has_type = match field("MsgType") {
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Number(_)) => true,
        _ => false,
    };
    has_type
        && !single.into_iter().any(|name| field(name).is_some_and(Value::is_array))
        && depth(tree) <= DEEPEST
        && count(tree) <= 2048
        && names_differ(tree)
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>() + 1,
        Value::Object(fields) => fields.values().map(count).sum::<usize>() + 1,
        _ => 1,
    }
}

/// Whether no object has two names that differ in white space only.
fn names_differ(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(names_differ),
        Value::Object(fields) => {
            let mut names = HashSet::new();
            fields.iter().all(|(name, value)| names.insert(name.trim()) && names_differ(value))
        }
        _ => true,
    }
}
