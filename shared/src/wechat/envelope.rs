//! Takes the ciphertext out of a safe-mode body, before anybody knows who sent
//! it: a scan for one field, not a parser.

/// Finds the `Encrypt` of a body in XML or JSON. The first byte that isn't
/// white space tells which it is: WeChat says `text/xml` for both.
///
/// What it gives is base64 by alphabet; whether it opens is another question.
///
/// # Errors
///
/// When there is no such field, or more than one.
pub fn encrypted(body: &str) -> Result<&str, NoEnvelope> {
    let body = body.trim_ascii_start();
    let found = match body.as_bytes().first() {
        Some(b'<') => in_xml(body),
        Some(b'{') => in_json(body),
        _ => None,
    };
    let is_base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    found.filter(|text| !text.is_empty() && text.bytes().all(is_base64)).ok_or(NoEnvelope)
}

fn in_xml(body: &str) -> Option<&str> {
    let (before, after) = body.split_once("<Encrypt>")?;
    let (content, rest) = after.split_once("</Encrypt>")?;
    if before.contains("<Encrypt") || rest.contains("<Encrypt") {
        return None;
    }
    let content = content.trim_ascii();
    match content.strip_prefix("<![CDATA[") {
        Some(cdata) => cdata.strip_suffix("]]>"),
        None => Some(content),
    }
}

fn in_json(body: &str) -> Option<&str> {
    let (before, after) = body.split_once("\"Encrypt\"")?;
    let after = after.trim_ascii_start().strip_prefix(':')?.trim_ascii_start().strip_prefix('"')?;
    let (content, rest) = after.split_once('"')?;
    (!before.contains("Encrypt") && !rest.contains("\"Encrypt\"")).then_some(content)
}

/// The body is no safe-mode envelope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has no single Encrypt field")]
pub struct NoEnvelope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_and_json() {
        assert_eq!(
            encrypted("<xml><ToUserName>g</ToUserName><Encrypt><![CDATA[aB+/=]]></Encrypt></xml>"),
            Ok("aB+/=")
        );
        assert_eq!(encrypted("<xml><Encrypt>aB==</Encrypt></xml>"), Ok("aB=="));
        assert_eq!(encrypted(r#" {"ToUserName":"g", "Encrypt" : "aB=="}"#), Ok("aB=="));
    }

    #[test]
    fn nothing_or_too_much() {
        for body in [
            "",
            "Encrypt",
            "<xml></xml>",
            "<xml><Encrypt></Encrypt></xml>",
            "<xml><Encrypt>aa</Encrypt><Encrypt>bb</Encrypt></xml>",
            "<xml><Encrypt>a<b/>a</Encrypt></xml>",
            "<xml><Encrypt><![CDATA[aa]]>bb</Encrypt></xml>",
            r#"{"Encrypt":"aa","Encrypt":"bb"}"#,
            r#"{"Encrypt":12}"#,
            r#"{"Encrypt":"a\u0041"}"#,
            r#"{"Content":"hello"}"#,
        ] {
            assert_eq!(encrypted(body), Err(NoEnvelope), "{body}");
        }
    }
}
