//! Reads the HTTP response of a callback: an acknowledgement or a passive reply.
//!
//! Source: WeChat's documentation, "被动回复用户消息" (passive replies) and
//! "消息加解密" (message encryption).

use crate::model::app::App;
use crate::model::app_settings::{Format, Mode};
use crate::push::xml;
use crate::strict_json;
use serde_json::{Map, Value};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::signature;

/// A callback's answer, verified and decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PassiveReply {
    /// `success` or an empty body: the person sees nothing.
    Nothing,
    /// Transferred to the account's customer service: the person sees nothing.
    Transferred,
    /// The person sees this line.
    Line(String),
}

/// Reads the body of an answer with status 200. The error is for the callback's developer.
pub(crate) fn read(
    body: &[u8],
    app: &App,
    mode: Mode,
    format: Format,
    open_id: &str,
) -> Result<PassiveReply, String> {
    // No mode encrypts these two.
    if body.is_empty() || body == b"success" {
        return Ok(PassiveReply::Nothing);
    }
    let outer = parse(body, format)?;
    let reply = match (outer.contains_key("Encrypt"), mode) {
        (true, Mode::Safe | Mode::Compatible) => parse(&decrypt(&outer, app)?, format)?,
        (false, Mode::Plaintext | Mode::Compatible) => outer,
        (true, Mode::Plaintext) => {
            return Err("encrypted, but the app is in plaintext mode".to_owned());
        }
        (false, Mode::Safe) => return Err("not encrypted, but the app is in safe mode".to_owned()),
    };
    check(&reply, app, open_id)
}

fn parse(body: &[u8], format: Format) -> Result<Map<String, Value>, String> {
    match format {
        Format::Xml => xml::read(std::str::from_utf8(body).map_err(|_| "not UTF-8")?),
        Format::Json => match strict_json::parse(body)? {
            Value::Object(map) => Ok(map),
            _ => Err("not a JSON object".to_owned()),
        },
    }
}

/// A text, or the digits of a number.
fn scalar(map: &Map<String, Value>, name: &str) -> Option<String> {
    match map.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn required(map: &Map<String, Value>, name: &str) -> Result<String, String> {
    scalar(map, name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{name} is missing or empty"))
}

/// Verifies and decrypts an answer.
fn decrypt(outer: &Map<String, Value>, app: &App) -> Result<Vec<u8>, String> {
    let encrypt = required(outer, "Encrypt")?;
    let (timestamp, nonce) = (required(outer, "TimeStamp")?, required(outer, "Nonce")?);
    let parts = [app.callback_token.expose(), &timestamp, &nonce, &encrypt];
    if !signature::verify(&required(outer, "MsgSignature")?, &parts) {
        return Err("MsgSignature is wrong".to_owned());
    }
    let key =
        EncodingAesKey::parse(app.encoding_aes_key.expose()).map_err(|error| error.to_string())?;
    crypto::decrypt(&key, &app.app_id, &encrypt)
        .map_err(|_| "Encrypt cannot be decrypted with the app's key and app_id".to_owned())
}

/// Checks a passive reply and returns its line.
fn check(reply: &Map<String, Value>, app: &App, open_id: &str) -> Result<PassiveReply, String> {
    if required(reply, "ToUserName")? != open_id {
        return Err("ToUserName is not the sender of the message".to_owned());
    }
    if required(reply, "FromUserName")? != app.original_id {
        return Err("FromUserName is not the account that received the message".to_owned());
    }
    if required(reply, "CreateTime")?.parse::<i64>().is_err() {
        return Err("CreateTime is not a number of seconds".to_owned());
    }
    let inside = |outer: &str, name: &str| {
        let map = reply
            .get(outer)
            .and_then(Value::as_object)
            .ok_or_else(|| format!("{outer} is missing"))?;
        required(map, name).map_err(|error| format!("{outer}: {error}"))
    };
    let kind = required(reply, "MsgType")?;
    let line = match kind.as_str() {
        "text" => required(reply, "Content")?,
        "image" => format!("[image {}]", inside("Image", "MediaId")?),
        "voice" => format!("[voice {}]", inside("Voice", "MediaId")?),
        "video" => format!("[video {}]", inside("Video", "MediaId")?),
        "music" => format!("[music {}]", inside("Music", "ThumbMediaId")?),
        "news" => news(reply)?,
        "transfer_customer_service" => return Ok(PassiveReply::Transferred),
        other => return Err(format!("MsgType {other:?} is not a type of reply")),
    };
    Ok(PassiveReply::Line(line))
}

fn news(reply: &Map<String, Value>) -> Result<String, String> {
    let items = match reply.get("Articles") {
        Some(Value::Object(articles)) => articles.get("item"),
        // JSON has no element in between.
        other => other,
    };
    let first = match items {
        Some(Value::Array(items)) => items.first(),
        other => other,
    };
    let article = first.and_then(Value::as_object).ok_or("Articles has no item")?;
    if required(reply, "ArticleCount")?.parse::<usize>().is_err() {
        return Err("ArticleCount is not a number".to_owned());
    }
    let description = scalar(article, "Description").unwrap_or_default();
    Ok(format!("{}\n{description}\n{}", required(article, "Title")?, required(article, "Url")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example_world::example;
    use crate::model::world::World;

    const ANN: &str = "oAnn";

    fn shop(world: &World) -> &App {
        world.app("shop").unwrap()
    }

    fn read_plain(body: &str) -> Result<PassiveReply, String> {
        let world = example();
        read(body.as_bytes(), shop(&world), Mode::Plaintext, Format::Xml, ANN)
    }

    fn reply(inner: &str) -> String {
        format!(
            "<xml><ToUserName>oAnn</ToUserName><FromUserName>gh_000000005a01</FromUserName>\
             <CreateTime>1700000001</CreateTime>{inner}</xml>"
        )
    }

    #[test]
    fn acknowledgement_and_transfer_show_nothing() {
        assert_eq!(read_plain(""), Ok(PassiveReply::Nothing));
        assert_eq!(read_plain("success"), Ok(PassiveReply::Nothing));
        let transfer = reply("<MsgType>transfer_customer_service</MsgType>");
        assert_eq!(read_plain(&transfer), Ok(PassiveReply::Transferred));
    }

    #[test]
    fn text_and_news_show_a_line() {
        let text = reply("<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></Content>");
        assert_eq!(read_plain(&text), Ok(PassiveReply::Line("hi".to_owned())));
        let news = reply(
            "<MsgType>news</MsgType><ArticleCount>1</ArticleCount>\
             <Articles><item><Title>T</Title><Description>D</Description><Url>U</Url></item></Articles>",
        );
        assert_eq!(read_plain(&news), Ok(PassiveReply::Line("T\nD\nU".to_owned())));
    }

    #[test]
    fn invalid_reply_is_a_failure() {
        let text = "<MsgType>text</MsgType><Content>hi</Content>";
        for bad in [
            "Success".to_owned(),
            "success\n".to_owned(),
            "{\"ok\":true}".to_owned(),
            format!(" {}", reply(text)),
            reply("<MsgType>text</MsgType><Content></Content>"),
            reply("<MsgType>poem</MsgType>"),
            reply("<MsgType>image</MsgType><Image></Image>"),
            reply("<MsgType>text</MsgType><Content><![CDATA[a\u{b}b]]></Content>"),
            reply("<MsgType>text</MsgType><Content>a & b</Content>"),
            reply(text).replace("oAnn", "oBob"),
            reply(text).replace("gh_000000005a01", "gh_1"),
            reply(text).replace("1700000001", "now"),
        ] {
            assert!(read_plain(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reply_in_json_is_read_strictly() {
        let world = example();
        let read = |content: &[u8]| {
            let start = br#"{"ToUserName":"oAnn","FromUserName":"gh_000000005a01","CreateTime":1,"MsgType":"text","Content":""#;
            let body = [start.as_slice(), content, b"\"}"].concat();
            read(&body, shop(&world), Mode::Plaintext, Format::Json, ANN)
        };
        assert_eq!(read(b"hi"), Ok(PassiveReply::Line("hi".to_owned())));
        for (bad, reason) in [
            (b"a\x0b".as_slice(), "control character"),
            (b"\xff", "unicode"),
            (br"\ud83d", "hex escape"),
            (br#"a","Content":"b"#, "occurs twice"),
        ] {
            assert!(read(bad).is_err_and(|error| error.contains(reason)), "{reason}");
        }
    }
}
