//! What is claimed of the scanner that takes the ciphertext out of a body.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use shared::wechat::envelope::encrypted;
use std::collections::HashSet;

/// Deeper than what the scanner follows everywhere.
const DEEPEST: usize = 8;

/// On a document of WeChat's shape that a real parser reads, the scanner finds what the
/// parser finds. Tells whether it found something.
pub(crate) fn envelope(data: &[u8]) -> bool {
    let Ok(body) = std::str::from_utf8(data) else { return false };
    let found = encrypted(body).ok();
    if let Some(text) = found {
        assert!(!text.is_empty());
        assert!(text.bytes().all(is_base64), "{text:?}");
        let start = text.as_ptr().addr() - body.as_ptr().addr();
        assert_eq!(&body[start..start + text.len()], text, "it is no part of the body");
    }
    match body.trim_ascii().as_bytes().first() {
        Some(b'<') => {
            if let Some(parsed) = in_xml(body.trim_ascii()) {
                assert_eq!(found, parsed.as_deref(), "{body:?}");
            }
        }
        Some(b'{') => agrees_with_json(body, found),
        _ => assert_eq!(found, None),
    }
    found.is_some()
}

fn is_base64(c: u8) -> bool {
    matches!(c, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=')
}

/// The single good `Encrypt` under the root, if the document has one; nothing
/// at all if it isn't a document of WeChat's: there a CDATA section is alone in its
/// element, no element under the root is there twice, and `Encrypt` isn't between texts.
fn in_xml(body: &str) -> Option<Option<String>> {
    let mut reader = Reader::from_str(body);
    let mut open: Vec<String> = Vec::new();
    let mut under_root: Vec<(String, bool)> = Vec::new();
    // Whether the open element has text, and whether it is over.
    let (mut has_text, mut has_section) = (false, false);
    let mut is_behind_child = false;
    let mut fields: Vec<Vec<(bool, String)>> = Vec::new();
    let (mut is_good, mut is_over) = (true, false);
    loop {
        let event = reader.read_event().ok()?;
        let in_field = open.len() == 2 && open[1] == "Encrypt";
        match &event {
            Event::CData(_) => {
                if has_text || has_section || is_behind_child || open.len() < 2 {
                    return None;
                }
                has_section = true;
                under_root.last_mut()?.1 = true;
            }
            Event::Text(text) if text.contains("]]>") => return None,
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Text(_) | Event::GeneralRef(_) => {
                if has_section || (is_behind_child && open.len() > 1) {
                    return None;
                }
                has_text = true;
            }
            _ => {}
        }
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let is_root = open.is_empty();
                if is_over
                    || !tag.attributes_raw().trim_ascii().is_empty()
                    || name.is_empty()
                    || !name.chars().all(is_plain)
                    || (is_root && name != "xml")
                    || open.len() >= DEEPEST
                {
                    return None;
                }
                if has_section || (has_text && open.len() != 1) {
                    return None;
                }
                (has_text, has_section) = (false, false);
                is_behind_child = matches!(event, Event::Empty(_));
                is_good &= !in_field;
                if open.len() == 1 {
                    under_root.push((name.clone(), false));
                }
                if open.len() == 1 && name == "Encrypt" {
                    fields.push(Vec::new());
                }
                if matches!(event, Event::Start(_)) {
                    open.push(name);
                } else {
                    is_over = is_root;
                }
            }
            Event::End(_) => {
                open.pop()?;
                (has_text, has_section, is_behind_child) = (false, false, true);
                is_over = open.is_empty();
            }
            Event::Text(text) if open.is_empty() => {
                if !text.trim_ascii().is_empty() {
                    return None;
                }
            }
            Event::Text(text) if in_field => {
                if !text.trim_ascii().is_empty() {
                    fields.last_mut()?.push((false, text.trim_ascii().to_owned()));
                }
            }
            Event::CData(_) if open.is_empty() => return None,
            Event::CData(text) if in_field => {
                fields.last_mut()?.push((true, text.to_string()));
            }
            Event::GeneralRef(_) if open.is_empty() => return None,
            Event::GeneralRef(_) => is_good &= !in_field,
            Event::Text(_) | Event::CData(_) => {}
            Event::Decl(_) => {
                if !body.starts_with("<?xml ")
                    || reader.buffer_position() as usize != body.find("?>")? + 2
                {
                    return None;
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => return None,
            Event::Eof => break,
        }
    }
    if !is_over || !is_like_wechats(&under_root) {
        return None;
    }
    Some(match &fields[..] {
        [field] => match &field[..] {
            [(_, text)] if is_good && !text.is_empty() && text.bytes().all(is_base64) => {
                Some(text.clone())
            }
            _ => None,
        },
        _ => None,
    })
}

/// Whether each element under the root, which may have a CDATA section in it, is there once,
/// apart from `Encrypt`, and this one in front of all sections or behind them.
fn is_like_wechats(under_root: &[(String, bool)]) -> bool {
    let names: HashSet<_> = under_root.iter().map(|(name, _)| name).collect();
    let places = |name: fn(&str) -> bool| {
        let of_name = move |(_, (it, is_text)): &(usize, &(String, bool))| {
            name(it) && (*is_text || it == "Encrypt")
        };
        under_root.iter().enumerate().filter(of_name).map(|(place, _)| place)
    };
    let is_field = |name: &str| name == "Encrypt";
    let is_text =
        |name: &str| !["Encrypt", "ToUserName", "FromUserName", "MsgType", "Event"].contains(&name);
    let fields: Vec<_> = places(is_field).collect();
    let texts: Vec<_> = places(is_text).collect();
    names.len() + fields.len().saturating_sub(1) == under_root.len()
        && fields.iter().all(|field| {
            texts.iter().all(|text| text < field) || texts.iter().all(|text| text > field)
        })
}

fn agrees_with_json(body: &str, found: Option<&str>) {
    let Ok(parsed) = serde_json::from_str::<Value>(body) else { return };
    let field = parsed.get("Encrypt").and_then(Value::as_str);
    if found.is_some() {
        assert_eq!(found, field, "{body:?}");
    } else if !body.contains('\\')
        && body.matches("\"Encrypt\"").count() == 1
        && depth(&parsed) <= DEEPEST
    {
        let good = field.filter(|text| !text.is_empty() && text.bytes().all(is_base64));
        assert_eq!(good, None, "{body:?}");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
