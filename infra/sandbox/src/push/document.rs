//! Writes messages as XML and as JSON.

use crate::model::app_settings::Format;
use crate::push::event::Field;
use serde_json::Value;
use std::fmt::Write as _;

/// How a document is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// White space is everywhere where the format allows it.
    pub(crate) white_space: bool,
    /// A CDATA section contains the ends of others. This is not well-formed; WeChat's writer
    /// doesn't look at what it writes.
    pub(crate) nested_cdata: bool,
}

/// A message with these fields, in this order.
pub(crate) fn document(fields: &[(String, Field)], format: Format, style: Style) -> String {
    match format {
        Format::Xml => {
            let mut xml = String::from("<xml>");
            fields.iter().for_each(|(name, field)| element(&mut xml, name, field, style));
            style.space(&mut xml, "\n");
            xml.push_str("</xml>");
            style.space(&mut xml, "\n");
            xml
        }
        Format::Json => {
            let mut json = String::new();
            object(&mut json, fields, style);
            style.space(&mut json, "\r\n");
            json
        }
    }
}

impl Style {
    fn space(self, document: &mut String, space: &str) {
        if self.white_space {
            document.push_str(space);
        }
    }
}

fn element(xml: &mut String, name: &str, field: &Field, style: Style) {
    if let Field::List(fields) = field {
        fields.iter().for_each(|field| element(xml, name, field, style));
        return;
    }
    style.space(xml, "\n  ");
    let _ = write!(xml, "<{name}>");
    match field {
        Field::Text(text) if style.nested_cdata => {
            let _ = write!(xml, "<![CDATA[{text}]]>");
        }
        // A CDATA section cannot contain its own end: split it there.
        Field::Text(text) => {
            let _ = write!(xml, "<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"));
        }
        Field::Number(number) => {
            let _ = write!(xml, "{number}");
        }
        Field::Group(fields) => {
            fields.iter().for_each(|(name, field)| element(xml, name, field, style));
        }
        Field::List(_) | Field::Null => {}
    }
    // After digits it would be part of them.
    if !matches!(field, Field::Number(_)) {
        style.space(xml, "\n  ");
    }
    let _ = write!(xml, "</{name}>");
}

fn object(json: &mut String, fields: &[(String, Field)], style: Style) {
    json.push('{');
    for (at, (name, field)) in fields.iter().enumerate() {
        json.push_str(if at == 0 { "" } else { "," });
        style.space(json, "\n\t");
        let _ = write!(json, "{}:", Value::from(name.as_str()));
        style.space(json, " ");
        value(json, field, style);
    }
    style.space(json, "\n");
    json.push('}');
}

fn value(json: &mut String, field: &Field, style: Style) {
    match field {
        Field::Text(text) => json.push_str(&Value::from(text.as_str()).to_string()),
        Field::Number(number) => json.push_str(&number.to_string()),
        Field::Group(fields) => object(json, fields, style),
        Field::List(fields) => {
            json.push('[');
            for (at, field) in fields.iter().enumerate() {
                json.push_str(if at == 0 { "" } else { "," });
                value(json, field, style);
            }
            json.push(']');
        }
        Field::Null => json.push_str("null"),
    }
}
