//! Extracts the ciphertext from a body before its sender is verified.
//!
//! In compatible mode the body also has the plaintext, in which a user may have written
//! `<Encrypt>`, so only a field directly under the root counts. Nothing is built: JSON is
//! scanned, and of XML only the elements are told apart.

use super::wire::document::trimmed;
use super::wire::xml::{self, ElementContent};
use std::borrow::Cow;

/// WeChat's pushes are less deep.
const MAX_DEPTH: usize = 8;

/// Finds the `Encrypt` of a body in XML or JSON: exactly one, directly under the root.
///
/// The first byte that isn't white space tells the format, because WeChat declares
/// `text/xml` for both. The result has base64's alphabet; decrypting it may still fail.
pub fn encrypted(body: &str) -> Result<&str, NoEnvelope> {
    let body = trimmed(body);
    let found = match body.as_bytes().first() {
        Some(b'<') => in_xml(body),
        Some(b'{') => in_json(body),
        _ => None,
    };
    let is_base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    found.filter(|text| !text.is_empty() && text.bytes().all(is_base64)).ok_or(NoEnvelope)
}

fn in_xml(body: &str) -> Option<&str> {
    let elements = xml::elements(body).ok()?;
    let mut found = elements.into_iter().filter(|element| element.name == "Encrypt");
    match (found.next()?.content, found.next()) {
        (ElementContent::Text(Cow::Borrowed(text)), None) => Some(text),
        _ => None,
    }
}

fn in_json(body: &str) -> Option<&str> {
    let mut found = None;
    let after = members(body, MAX_DEPTH, |name, value| {
        // An escape could hide the name.
        if name.contains('\\') {
            return None;
        }
        if name == "Encrypt" {
            let text = string(value)?.0;
            if found.replace(text).is_some() {
                return None;
            }
        }
        Some(())
    })?;
    found.filter(|_| after.is_empty())
}

/// The sender of a push in JSON that can't be read completely: the first `FromUserName`. A
/// user's text holds none, as quotation marks in it are escaped.
pub(super) fn sender_in_json(body: &str) -> Option<&str> {
    let mut sender = None;
    members(trimmed(body), MAX_DEPTH, |name, value| {
        if name.trim() == "FromUserName" && sender.is_none() {
            sender = string(value).map(|(text, _)| text);
        }
        Some(())
    });
    sender
}

/// Visits the members of an object: each one's name, without unescaping, and the text that
/// begins with its value. Returns the text after the object.
fn members<'b>(
    body: &'b str,
    room: usize,
    mut visit: impl FnMut(&'b str, &'b str) -> Option<()>,
) -> Option<&'b str> {
    let mut rest = body.strip_prefix('{')?.trim_ascii_start();
    if let Some(after) = rest.strip_prefix('}') {
        return Some(after);
    }
    loop {
        let (name, after) = string(rest)?;
        let value = after.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
        visit(name, value)?;
        rest = skip(value, room)?.trim_ascii_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        rest = rest.strip_prefix(',')?.trim_ascii_start();
    }
}

/// Skips a value and returns the text after it.
fn skip(body: &str, room: usize) -> Option<&str> {
    match body.as_bytes().first()? {
        b'"' => Some(string(body)?.1),
        b'{' => members(body, room.checked_sub(1)?, |_, _| Some(())),
        b'[' => {
            let room = room.checked_sub(1)?;
            let mut rest = body[1..].trim_ascii_start();
            if let Some(after) = rest.strip_prefix(']') {
                return Some(after);
            }
            loop {
                rest = skip(rest, room)?.trim_ascii_start();
                if let Some(after) = rest.strip_prefix(']') {
                    return Some(after);
                }
                rest = rest.strip_prefix(',')?.trim_ascii_start();
            }
        }
        _ => {
            let in_literal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
            let end = body.bytes().position(|c| !in_literal(c)).filter(|end| *end > 0)?;
            Some(&body[end..])
        }
    }
}

/// Splits a string from the text after it. The string is not unescaped.
fn string(body: &str) -> Option<(&str, &str)> {
    let text = body.strip_prefix('"')?;
    let mut escaped = false;
    let end = text.bytes().position(|c| {
        let ends = c == b'"' && !escaped;
        escaped = c == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// The body is not an encrypted push.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has no single Encrypt field")]
pub struct NoEnvelope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypt_field_is_found_in_xml() {
        for body in [
            "<xml><ToUserName>g</ToUserName><Encrypt><![CDATA[aB+/=]]></Encrypt></xml>",
            "\n<xml>\n <Encrypt> aB+/= </Encrypt>\n <A/> <B></B> </xml >\n",
            "<?xml version=\"1.0\"?>\n<xml><Encrypt>\n<![CDATA[aB+/=]]>\n</Encrypt></xml>",
            "<xml><Encrypt >aB+/=</Encrypt ></xml>",
        ] {
            assert_eq!(encrypted(body), Ok("aB+/="), "{body}");
        }
    }

    #[test]
    fn encrypt_field_is_found_in_json() {
        for body in [
            r#"{"ToUserName":"g","Encrypt":"aB+/="}"#,
            "\n{ \"Encrypt\" :\t\"aB+/=\" , \"a\" : [ ] , \"b\" : { } , \"c\" : -1.5e+3 , \"d\":null }\n",
        ] {
            assert_eq!(encrypted(body), Ok("aB+/="), "{body}");
        }
    }

    /// In compatible mode a body has the plaintext beside the ciphertext.
    #[test]
    fn encrypt_field_in_a_users_text_is_ignored() {
        for body in [
            "<xml><Content><![CDATA[<Encrypt>no</Encrypt> > ]] ]></Encrypt>]]></Content><Encrypt>yes</Encrypt></xml>",
            "<xml><Content>&lt;Encrypt> \"Encrypt\":\"no\"</Content><Encrypt>yes</Encrypt></xml>",
            "<xml><A><Encrypt>no</Encrypt><B><Encrypt/></B></A><Encrypt>yes</Encrypt></xml>",
            r#"{"Content":"\"Encrypt\":\"no\"","Encrypt":"yes"}"#,
            r#"{"Content":"\\","a":"Encrypt","Encrypt":"yes","b":"\\\""}"#,
            r#"{"Content":"<Encrypt>no</Encrypt>","Encrypt":"yes"}"#,
            r#"{"a":{"Encrypt":"no","b":[{"Encrypt":"no"},"Encrypt"]},"Encrypt":"yes"}"#,
        ] {
            assert_eq!(encrypted(body), Ok("yes"), "{body}");
        }
    }

    #[test]
    fn body_without_exactly_one_encrypt_field_is_rejected() {
        let deep_xml = "<A>".repeat(9) + &"</A>".repeat(9);
        let deep_json = "[".repeat(9) + &"]".repeat(9);
        for body in [
            "",
            "Encrypt",
            "<",
            "<xml>",
            "<xml></xml>",
            "<xml/>",
            "</xml>",
            "<xml><Encrypt></Encrypt></xml>",
            "<xml><Encrypt/></xml>",
            "<xml><Encrypt>aa</Encrypt><Encrypt>bb</Encrypt></xml>",
            "<xml><Encrypt>aa</Encrypt><Encrypt/></xml>",
            "<xml><Encrypt/><Encrypt>aa</Encrypt></xml>",
            "<xml><Encrypt>a<b/>a</Encrypt></xml>",
            "<xml><Encrypt><b>aa</b></Encrypt></xml>",
            "<xml><Encrypt>a&#65;</Encrypt></xml>",
            "<xml><Encrypt><![CDATA[aa]]>bb</Encrypt></xml>",
            "<xml><Encrypt><![CDATA[aa]]><![CDATA[bb]]></Encrypt></xml>",
            "<xml><A><Encrypt>aa</Encrypt></A></xml>",
            "<xml><Encrypt>aa</Encrypt>",
            "<xml><Encrypt>aa</Encrypt></xml></xml>",
            "<xml><Encrypt>aa</Encrypt></xml>x",
            "<xml><Encrypt>aa</Encrypt></xml><xml></xml>",
            "<xml><A></B><Encrypt>aa</Encrypt></xml>",
            "<xml><A x=\"1\"/><Encrypt>aa</Encrypt></xml>",
            "<xml><Encrypt x=\"1\">aa</Encrypt></xml>",
            "<xml><!-- --><Encrypt>aa</Encrypt></xml>",
            "<xml><?a?><Encrypt>aa</Encrypt></xml>",
            "<!DOCTYPE xml><xml><Encrypt>aa</Encrypt></xml>",
            "<other><Encrypt>aa</Encrypt></other>",
            "<Encrypt>aa</Encrypt>",
            "<![CDATA[]]><xml><Encrypt>aa</Encrypt></xml>",
            &format!("<xml>{deep_xml}<Encrypt>aa</Encrypt></xml>"),
            "{",
            "{}",
            "{\"Encrypt\"",
            "{\"Encrypt\":",
            "{\"Encrypt\":\"aa",
            "{\"Encrypt\":\"aa\"",
            "{\"Encrypt\":\"aa\"}x",
            "{\"Encrypt\":\"aa\",}",
            "{\"a\":1 \"Encrypt\":\"aa\"}",
            "{\"a\":,\"Encrypt\":\"aa\"}",
            r#"{"Encrypt":"aa","Encrypt":"bb"}"#,
            r#"{"Encrypt":"aa","Encr\u0079pt":"bb"}"#,
            r#"{"Encrypt":12}"#,
            r#"{"Encrypt":["aa"]}"#,
            r#"{"Encrypt":"a\u0041"}"#,
            r#"{"Encrypt":""}"#,
            r#"{"a":{"Encrypt":"aa"}}"#,
            r#"{"Content":"hello"}"#,
            r#"[{"Encrypt":"aa"}]"#,
            &format!("{{\"a\":{deep_json},\"Encrypt\":\"aa\"}}"),
        ] {
            assert_eq!(encrypted(body), Err(NoEnvelope), "{body}");
        }
    }
}
