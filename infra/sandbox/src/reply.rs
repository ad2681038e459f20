//! What a callback answers in the same breath: nothing, or a passive reply.
//!
//! Source: WeChat's documentation, "被动回复用户消息" (passive replies) and
//! "消息加解密" (message encryption).

use crate::app::{App, Format, Mode};
use crate::xml;
use serde_json::{Map, Value};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::signature;

/// What a callback has answered, once it is verified and opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `success` or nothing: nothing is shown.
    Nothing,
    /// Handed on to the people of the account: nothing is shown.
    HandedOn,
    /// This is shown.
    Line(String),
}

/// Reads the body of an answer with status 200.
///
/// Gives what was wrong with it otherwise, in words for the callback's
/// developer.
pub(crate) fn read(
    body: &str,
    app: &App,
    mode: Mode,
    format: Format,
    open_id: &str,
) -> Result<Reply, String> {
    // These two are never encrypted, in no mode.
    if body.is_empty() || body == "success" {
        return Ok(Reply::Nothing);
    }
    let outer = parse(body, format)?;
    let reply = match (outer.contains_key("Encrypt"), mode) {
        (true, Mode::Safe | Mode::Compatible) => parse(&open(&outer, app)?, format)?,
        (false, Mode::Plaintext | Mode::Compatible) => outer,
        (true, Mode::Plaintext) => {
            return Err("encrypted, but the app is in plaintext mode".to_owned());
        }
        (false, Mode::Safe) => return Err("not encrypted, but the app is in safe mode".to_owned()),
    };
    passive(&reply, app, open_id)
}

fn parse(body: &str, format: Format) -> Result<Map<String, Value>, String> {
    match format {
        Format::Xml => xml::read(body),
        Format::Json => {
            serde_json::from_str(body).map_err(|error| format!("not a JSON object: {error}"))
        }
    }
}

/// A text, or a number as its digits.
fn scalar(map: &Map<String, Value>, name: &str) -> Option<String> {
    match map.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn needed(map: &Map<String, Value>, name: &str) -> Result<String, String> {
    scalar(map, name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{name} is missing or empty"))
}

/// Opens an encrypted answer.
fn open(outer: &Map<String, Value>, app: &App) -> Result<String, String> {
    let encrypt = needed(outer, "Encrypt")?;
    let (timestamp, nonce) = (needed(outer, "TimeStamp")?, needed(outer, "Nonce")?);
    let parts = [app.callback_token.expose(), &timestamp, &nonce, &encrypt];
    if !signature::verify(&needed(outer, "MsgSignature")?, &parts) {
        return Err("MsgSignature is wrong".to_owned());
    }
    let key =
        EncodingAesKey::parse(app.encoding_aes_key.expose()).map_err(|error| error.to_string())?;
    let message = crypto::decrypt(&key, &app.app_id, &encrypt)
        .map_err(|_| "Encrypt does not open with the app's key and app_id".to_owned())?;
    String::from_utf8(message).map_err(|_| "what is inside Encrypt is not UTF-8".to_owned())
}

/// Checks a passive reply and gives the line that it shows.
fn passive(reply: &Map<String, Value>, app: &App, open_id: &str) -> Result<Reply, String> {
    if needed(reply, "ToUserName")? != open_id {
        return Err("ToUserName is not who the message came from".to_owned());
    }
    if needed(reply, "FromUserName")? != app.original_id {
        return Err("FromUserName is not the account that the message was for".to_owned());
    }
    if needed(reply, "CreateTime")?.parse::<i64>().is_err() {
        return Err("CreateTime is not a number of seconds".to_owned());
    }
    let inside = |outer: &str, name: &str| {
        let map = reply
            .get(outer)
            .and_then(Value::as_object)
            .ok_or_else(|| format!("{outer} is missing"))?;
        needed(map, name).map_err(|error| format!("{outer}: {error}"))
    };
    let kind = needed(reply, "MsgType")?;
    let line = match kind.as_str() {
        "text" => needed(reply, "Content")?,
        "image" => format!("[image {}]", inside("Image", "MediaId")?),
        "voice" => format!("[voice {}]", inside("Voice", "MediaId")?),
        "video" => format!("[video {}]", inside("Video", "MediaId")?),
        "music" => format!("[music {}]", inside("Music", "ThumbMediaId")?),
        "news" => news(reply)?,
        "transfer_customer_service" => return Ok(Reply::HandedOn),
        other => return Err(format!("MsgType {other:?} is not a kind of reply")),
    };
    Ok(Reply::Line(line))
}

fn news(reply: &Map<String, Value>) -> Result<String, String> {
    let items = match reply.get("Articles") {
        Some(Value::Object(articles)) => articles.get("item"),
        // JSON has no need for the element in between.
        other => other,
    };
    let first = match items {
        Some(Value::Array(items)) => items.first(),
        other => other,
    };
    let article = first.and_then(Value::as_object).ok_or("Articles has no item")?;
    if needed(reply, "ArticleCount")?.parse::<usize>().is_err() {
        return Err("ArticleCount is not a number".to_owned());
    }
    let description = scalar(article, "Description").unwrap_or_default();
    Ok(format!("{}\n{description}\n{}", needed(article, "Title")?, needed(article, "Url")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::world::World;

    const ANN: &str = "oAnn";

    fn shop(world: &World) -> &App {
        world.app("shop").unwrap()
    }

    fn read_plain(body: &str) -> Result<Reply, String> {
        let world = example();
        read(body, shop(&world), Mode::Plaintext, Format::Xml, ANN)
    }

    fn reply(inner: &str) -> String {
        format!(
            "<xml><ToUserName>oAnn</ToUserName><FromUserName>gh_000000005a01</FromUserName>\
             <CreateTime>1700000001</CreateTime>{inner}</xml>"
        )
    }

    #[test]
    fn what_shows_nothing() {
        assert_eq!(read_plain(""), Ok(Reply::Nothing));
        assert_eq!(read_plain("success"), Ok(Reply::Nothing));
        let handed_on = reply("<MsgType>transfer_customer_service</MsgType>");
        assert_eq!(read_plain(&handed_on), Ok(Reply::HandedOn));
    }

    #[test]
    fn what_shows_a_line() {
        let text = reply("<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></Content>");
        assert_eq!(read_plain(&text), Ok(Reply::Line("hi".to_owned())));
        let news = reply(
            "<MsgType>news</MsgType><ArticleCount>1</ArticleCount>\
             <Articles><item><Title>T</Title><Description>D</Description><Url>U</Url></item></Articles>",
        );
        assert_eq!(read_plain(&news), Ok(Reply::Line("T\nD\nU".to_owned())));
    }

    #[test]
    fn what_is_a_service_failure() {
        let text = "<MsgType>text</MsgType><Content>hi</Content>";
        for bad in [
            "Success".to_owned(),
            "success\n".to_owned(),
            "{\"ok\":true}".to_owned(),
            format!(" {}", reply(text)),
            reply("<MsgType>text</MsgType><Content></Content>"),
            reply("<MsgType>poem</MsgType>"),
            reply("<MsgType>image</MsgType><Image></Image>"),
            reply(text).replace("oAnn", "oBob"),
            reply(text).replace("gh_000000005a01", "gh_1"),
            reply(text).replace("1700000001", "now"),
        ] {
            assert!(read_plain(&bad).is_err(), "{bad}");
        }
    }
}
