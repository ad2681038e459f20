//! Reads a push in XML as the same tree that JSON gives.
//!
//! It is strict, because WeChat's pushes are plain: one root named `xml`, no DOCTYPE, no
//! attributes, no prefixes, text or elements but not both.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// WeChat's pushes are less deep.
const MAX_DEPTH: usize = 8;
/// WeChat's pushes have fewer elements.
const MAX_ELEMENTS: usize = 2048;

/// One open element: its children and its text so far.
#[derive(Default)]
struct Open {
    name: String,
    children: Map<String, Value>,
    text: Option<String>,
}

/// Reads a document. Repeated elements become an array, as in WeChat's JSON.
pub(super) fn read(document: &str) -> Result<Value, &'static str> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| "the XML is not well-formed")? {
            Event::Start(start) => {
                elements += 1;
                if root.is_some() || open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err("the XML has a second root, too many levels or too many elements");
                }
                if !start.attributes_raw().trim_ascii().is_empty() {
                    return Err("the XML has attributes");
                }
                open.push(Open { name: name(start.name().as_ref())?, ..Open::default() });
            }
            Event::Empty(empty) => {
                elements += 1;
                if root.is_some() || open.is_empty() || elements > MAX_ELEMENTS {
                    return Err("the XML has no root with content, or too many elements");
                }
                if !empty.attributes_raw().trim_ascii().is_empty() {
                    return Err("the XML has attributes");
                }
                let name = name(empty.name().as_ref())?;
                add(&mut open, name, Value::String(String::new()))?;
            }
            Event::End(_) => {
                let closed = open.pop().ok_or("the XML closes what isn't open")?;
                let (name, value) = closed.close()?;
                if open.is_empty() {
                    if name != "xml" {
                        return Err("the root of the XML is not <xml>");
                    }
                    root = Some(value);
                } else {
                    add(&mut open, name, value)?;
                }
            }
            Event::Text(text) => write(&mut open, &text)?,
            Event::CData(text) => {
                let element = open.last_mut().ok_or("the XML has text outside of its root")?;
                element.text.get_or_insert_default().push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let resolved =
                    reference.resolve_char_ref().map_err(|_| "the XML has a bad reference")?;
                let text = match resolved {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)
                        .ok_or("the XML has an entity of its own")?
                        .to_owned(),
                };
                let element = open.last_mut().ok_or("the XML has text outside of its root")?;
                element.text.get_or_insert_default().push_str(&text);
            }
            Event::Decl(_) if open.is_empty() && root.is_none() => {}
            Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_) => {
                return Err("the XML has more in it than elements and text");
            }
            Event::Eof => return root.ok_or("the XML ends before its root does"),
        }
    }
}

fn name(name: &str) -> Result<String, &'static str> {
    if name.is_empty()
        || !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
    {
        return Err("the XML has an element with an odd name");
    }
    Ok(name.to_owned())
}

/// White space between elements means nothing; anywhere else it's text.
fn write(open: &mut [Open], text: &str) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(element) => {
            if !text.trim_ascii().is_empty() || element.text.is_some() {
                element.text.get_or_insert_default().push_str(text);
            }
            Ok(())
        }
        None if text.trim_ascii().is_empty() => Ok(()),
        None => Err("the XML has text outside of its root"),
    }
}

fn add(open: &mut [Open], name: String, value: Value) -> Result<(), &'static str> {
    let parent = open.last_mut().ok_or("the XML has no root")?;
    match parent.children.get_mut(&name) {
        None => {
            parent.children.insert(name, value);
        }
        Some(Value::Array(several)) => several.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
    Ok(())
}

impl Open {
    fn close(self) -> Result<(String, Value), &'static str> {
        let text = self.text.unwrap_or_default();
        let value = if self.children.is_empty() {
            Value::String(text)
        } else if text.trim_ascii().is_empty() {
            Value::Object(self.children)
        } else {
            return Err("the XML mixes text and elements");
        };
        Ok((self.name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_text_and_cdata_are_read() {
        let document = "<?xml version=\"1.0\"?>\n<xml><A><![CDATA[a & <b>]]></A><B>1 &lt; 2 &#65;</B><C/>\
                        <L>\n <I>1</I> <I>2</I>\n</L></xml>\n";
        assert_eq!(
            read(document),
            Ok(json!({"A": "a & <b>", "B": "1 < 2 A", "C": "", "L": {"I": ["1", "2"]}}))
        );
    }

    /// Fault 21.
    #[test]
    fn malformed_or_oversized_xml_is_rejected() {
        for document in [
            format!("<xml>{}{}</xml>", "<A>".repeat(7), "</A>".repeat(7)),
            format!("<xml>{}</xml>", "<A/>".repeat(MAX_ELEMENTS - 1)),
        ] {
            assert!(read(&document).is_ok());
        }
        for document in [
            "",
            "hello",
            "<xml><A>1</A>",
            "<xml><A>1</B></xml>",
            "<other><A>1</A></other>",
            "<xml><A>1</A></xml><xml/>",
            "<xml><A>1</A></xml>trailing",
            "<!DOCTYPE xml [<!ENTITY a \"b\">]><xml><A>&a;</A></xml>",
            "<xml><A>&unknown;</A></xml>",
            "<xml><A x=\"1\">1</A></xml>",
            "<xml><q:A>1</q:A></xml>",
            "<xml><A>text<B>1</B></A></xml>",
            "<xml><!-- --><A>1</A></xml>",
            "<xml><A>&#0;</A></xml>",
            &format!("<xml>{}{}</xml>", "<A>".repeat(8), "</A>".repeat(8)),
            &format!("<xml>{}</xml>", "<A/>".repeat(MAX_ELEMENTS)),
        ] {
            assert!(read(document).is_err(), "{document}");
        }
    }
}
