//! Parses the XML of a callback's answer as strictly as WeChat does.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Parses an `<xml>` document into an object: elements that contain elements become objects,
/// others texts, repeated ones arrays.
pub(crate) fn read(text: &str) -> Result<Map<String, Value>, String> {
    if !text.starts_with("<xml>") {
        return Err("an XML answer must begin with <xml>".to_owned());
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    let bad = |error: &dyn std::fmt::Display| format!("not well-formed XML: {error}");
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| bad(&error))?;
        match event {
            Event::Start(start) if root.is_none() => {
                open.push((start.name().as_ref().to_owned(), Map::new(), String::new()));
            }
            Event::Empty(empty) if !open.is_empty() => {
                let name = empty.name().as_ref().to_owned();
                close(&mut open, name, Value::from(""));
            }
            Event::End(_) => {
                let Some((name, map, text)) = open.pop() else {
                    return Err(bad(&"an end without a start"));
                };
                if open.is_empty() {
                    root = Some(map);
                } else {
                    let value = if map.is_empty() { Value::from(text) } else { Value::Object(map) };
                    close(&mut open, name, value);
                }
            }
            Event::Text(text) => add(&mut open, &text.xml10_content())?,
            Event::CData(text) => add(&mut open, &text.xml10_content())?,
            Event::GeneralRef(name) => {
                match name.resolve_char_ref().map_err(|error| bad(&error))? {
                    Some(c) => add(&mut open, c.encode_utf8(&mut [0; 4]))?,
                    None => add(&mut open, predefined(&name.xml10_content())?)?,
                }
            }
            Event::Eof => return root.ok_or_else(|| bad(&"it ends too early")),
            Event::Comment(_) => {}
            _ => return Err("an answer has no declarations and nothing after </xml>".to_owned()),
        }
    }
}

fn predefined(name: &str) -> Result<&'static str, String> {
    match name {
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "amp" => Ok("&"),
        "apos" => Ok("'"),
        "quot" => Ok("\""),
        _ => Err(format!("not well-formed XML: unknown entity &{name};")),
    }
}

fn add(open: &mut [(String, Map<String, Value>, String)], more: &str) -> Result<(), String> {
    match open.last_mut() {
        Some((_, _, text)) => text.push_str(more),
        None if more.trim().is_empty() => {}
        None => return Err("an XML answer has nothing after </xml>".to_owned()),
    }
    Ok(())
}

fn close(open: &mut [(String, Map<String, Value>, String)], name: String, value: Value) {
    let Some((_, map, _)) = open.last_mut() else { return };
    match map.get_mut(&name) {
        Some(Value::Array(values)) => values.push(value),
        Some(before) => *before = Value::Array(vec![before.take(), value]),
        None => {
            map.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn document_becomes_an_object() {
        let xml = "<xml>\n<A><![CDATA[a <b> ]]]]><![CDATA[>]]></A><N>1</N><E/><L><i><T>x</T></i><i><T>y&amp;&#33;</T></i></L></xml>\n";
        assert_eq!(
            Value::Object(read(xml).unwrap()),
            json!({"A": "a <b> ]]>", "N": "1", "E": "", "L": {"i": [{"T": "x"}, {"T": "y&!"}]}})
        );
    }

    #[test]
    fn invalid_document_is_rejected() {
        for bad in [
            "",
            " <xml></xml>",
            "<?xml version=\"1.0\"?><xml></xml>",
            "<xml><A></xml>",
            "<xml><A>x</A>",
            "<xml></xml><xml></xml>",
            "<xml></xml>x",
            "<xml>&nope;</xml>",
            "<html></html>",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
