//! Parses the XML of a callback's answer as strictly as the specification says, with a parser
//! that Hongyan's functions don't use.

use roxmltree::{Document, Node, NodeType};
use serde_json::{Map, Value};

/// Parses an `<xml>` document into an object: elements that contain elements become objects,
/// others texts, repeated ones arrays.
pub(crate) fn read(text: &str) -> Result<Map<String, Value>, String> {
    if !text.starts_with("<xml>") {
        return Err("an XML answer must begin with <xml>".to_owned());
    }
    let document =
        Document::parse(text).map_err(|error| format!("not well-formed XML: {error}"))?;
    let is_extra = |node: &Node<'_, '_>| node.node_type() == NodeType::PI;
    if document.descendants().any(|node| is_extra(&node)) {
        return Err("an answer has no processing instructions".to_owned());
    }
    Ok(elements(document.root_element()))
}

fn elements(parent: Node<'_, '_>) -> Map<String, Value> {
    let mut map = Map::new();
    for element in parent.children().filter(Node::is_element) {
        let inner = elements(element);
        let value = if inner.is_empty() { text(element).into() } else { Value::Object(inner) };
        match map.get_mut(element.tag_name().name()) {
            Some(Value::Array(values)) => values.push(value),
            Some(before) => *before = Value::Array(vec![before.take(), value]),
            None => {
                map.insert(element.tag_name().name().to_owned(), value);
            }
        }
    }
    map
}

/// All of an element's text. A comment divides it.
fn text(element: Node<'_, '_>) -> String {
    element.children().filter(Node::is_text).filter_map(|node| node.text()).collect()
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
            "<xml><?php?></xml>",
            "<xml><A><![CDATA[\u{b}]]></A></xml>",
            "<xml><A>&#11;</A></xml>",
            "<xml><A>\u{fffe}</A></xml>",
            "<xml><A>]]></A></xml>",
            "<xml><A><![CDATA[a <![CDATA[b]]> c]]></A></xml>",
            "<xml><A b='1' b='2'></A></xml>",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
