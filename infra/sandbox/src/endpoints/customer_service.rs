//! Customer-service messages.
//!
//! Source: WeChat's documentation, "发送客服消息" (send a customer-service message,
//! <https://developers.weixin.qq.com/miniprogram/dev/api-backend/open-api/customer-message/customerServiceMessage.send.html>).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, success};
use crate::endpoints::template_message::mini_program_page;
use crate::model::app::App;
use crate::model::app_settings::AppKind;
use crate::model::media::{self, MediaKind};
use crate::model::message::{Jump, Message};
use crate::model::reply_window;
use crate::model::world::World;
use serde_json::Value;

/// Maximum length of a text in bytes; commonly quoted, not documented.
const MAX_TEXT_BYTES: usize = 2048;

/// `POST /cgi-bin/message/custom/send`.
pub(super) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let now = call.now;
    let to = call.recipient(at)?;
    let relation = call.relation(&to)?;
    if relation.blocks {
        return Err(api_error::TURNED_OFF);
    }
    // An unfollow closes all windows.
    reply_window::check(&relation.windows, now)?;
    let (text, jump) = content(call.world, call.app(at), &call.body, now)?;
    let relation = call.relation_mut(&to)?;
    reply_window::consume(&mut relation.windows, now)?;
    relation.last_chat_at = Some(now);
    relation.typing_until = now;
    let line = Message::line(&to.alias, "customer_service", text, now);
    call.person_mut(&to).show(Message { jump, ..line });
    Ok(success())
}

/// The text of a message, and the target of a tap.
fn content(
    world: &World,
    app: &App,
    body: &Value,
    now: i64,
) -> Result<(String, Option<Jump>), ApiError> {
    use AppKind::{MiniProgram, OfficialAccount};
    // The thumbnail of a card may be any picture.
    let media = |inner: &Value, name: &str, kinds: &[MediaKind]| {
        let id = text(inner, name);
        media::check(&app.media, &id, kinds, now).map(|()| id)
    };
    let thumb = |inner: &Value| {
        media(inner, "thumb_media_id", &[MediaKind::Thumb, MediaKind::Image]).map(|_| ())
    };
    let msgtype =
        body.get("msgtype").and_then(Value::as_str).ok_or(api_error::INVALID_MESSAGE_TYPE)?;
    let inner = body.get(msgtype).unwrap_or(&Value::Null);
    let content = match (msgtype, app.kind) {
        ("text", _) => {
            let content = text(inner, "content");
            if content.is_empty() {
                return Err(api_error::EMPTY_CONTENT);
            }
            if content.len() > MAX_TEXT_BYTES {
                return Err(api_error::CONTENT_TOO_LONG);
            }
            (content, None)
        }
        ("news", OfficialAccount) => {
            let articles =
                inner.get("articles").and_then(Value::as_array).ok_or(api_error::DATA_FORMAT)?;
            let [article] = articles.as_slice() else { return Err(api_error::TOO_MANY_ARTICLES) };
            card(article)?
        }
        ("link", MiniProgram) => card(inner)?,
        ("msgmenu", OfficialAccount) => (menu(inner)?, None),
        ("miniprogrampage", kind) => {
            let title = required(inner, "title")?;
            let page = required(inner, "pagepath")?;
            thumb(inner)?;
            // A Mini Program's card always leads to that Mini Program.
            let jump = match kind {
                OfficialAccount => mini_program_page(world, app, text(inner, "appid"), Some(page))?,
                MiniProgram => Jump::MiniProgram {
                    app_id: app.app_id.to_string(),
                    page: Some(page),
                    state: "formal".to_owned(),
                },
            };
            (title, Some(jump))
        }
        ("image", _) => {
            (format!("[image {}]", media(inner, "media_id", &[MediaKind::Image])?), None)
        }
        ("voice", OfficialAccount) => {
            (format!("[voice {}]", media(inner, "media_id", &[MediaKind::Voice])?), None)
        }
        ("mpnews", OfficialAccount) => {
            (format!("[mpnews {}]", media(inner, "media_id", &[MediaKind::News])?), None)
        }
        ("video", OfficialAccount) => {
            thumb(inner)?;
            (format!("[video {}]", media(inner, "media_id", &[MediaKind::Video])?), None)
        }
        ("music", OfficialAccount) => {
            thumb(inner)?;
            (text(inner, "title"), Some(Jump::Url(required(inner, "musicurl")?)))
        }
        ("mpnewsarticle", OfficialAccount) => {
            (format!("[mpnewsarticle {}]", required(inner, "article_id")?), None)
        }
        ("wxcard", OfficialAccount) => (format!("[wxcard {}]", required(inner, "card_id")?), None),
        _ => return Err(api_error::INVALID_MESSAGE_TYPE),
    };
    Ok(content)
}

/// A title, a description, and a web page.
fn card(inner: &Value) -> Result<(String, Option<Jump>), ApiError> {
    let title = required(inner, "title")?;
    let line = format!("{title}\n{}", text(inner, "description"));
    Ok((line, Some(Jump::Url(required(inner, "url")?))))
}

/// A question and its answers, one per line.
fn menu(inner: &Value) -> Result<String, ApiError> {
    let list = inner.get("list").and_then(Value::as_array).ok_or(api_error::DATA_FORMAT)?;
    let mut lines = vec![text(inner, "head_content")];
    for item in list {
        required(item, "id")?;
        lines.push(format!("· {}", required(item, "content")?));
    }
    lines.push(text(inner, "tail_content"));
    lines.retain(|line| !line.is_empty());
    Ok(lines.join("\n"))
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn required(value: &Value, name: &str) -> Result<String, ApiError> {
    Some(text(value, name)).filter(|text| !text.is_empty()).ok_or(api_error::DATA_FORMAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errcode(alias: &str, msgtype: &str, inner: Value) -> i64 {
        let mut world = crate::model::example_world::example();
        for app in &mut world.apps {
            app.media.extend([
                media::permanent("voice", MediaKind::Voice),
                media::permanent("video", MediaKind::Video),
                media::permanent("news", MediaKind::News),
            ]);
        }
        let mut body = json!({ "msgtype": msgtype });
        body[msgtype] = inner;
        content(&world, world.app(alias).unwrap(), &body, 0).err().map_or(0, |it| it.errcode)
    }

    #[test]
    fn each_kind_of_app_has_its_message_types() {
        let (mini, unbound) = ("wx0000000000005a02", "wx0000000000005aff");
        let page = |app_id: &str| json!({"title": "t", "appid": app_id, "pagepath": "p", "thumb_media_id": "thumb"});
        let card = json!({"title": "t", "url": "u"});
        for (msgtype, inner, shop, mini_program) in [
            ("text", json!({"content": "hi"}), 0, 0),
            ("image", json!({"media_id": "picture"}), 0, 0),
            ("image", json!({"media_id": ""}), 40007, 40007),
            ("image", json!({"media_id": "unknown"}), 40007, 40007),
            ("image", json!({"media_id": "thumb"}), 40007, 40007),
            ("voice", json!({"media_id": "voice"}), 0, 40008),
            ("video", json!({"media_id": "video", "thumb_media_id": "thumb"}), 0, 40008),
            ("video", json!({"media_id": "video"}), 40007, 40008),
            ("video", json!({"media_id": "video", "thumb_media_id": "voice"}), 40007, 40008),
            ("video", json!({"media_id": "video", "thumb_media_id": "picture"}), 0, 40008),
            ("music", json!({"musicurl": "u", "thumb_media_id": "thumb"}), 0, 40008),
            ("news", json!({"articles": [card]}), 0, 40008),
            ("news", json!({"articles": [{"title": "t"}]}), 47001, 40008),
            ("news", json!({"articles": [card, card]}), 45008, 40008),
            ("mpnews", json!({"media_id": "news"}), 0, 40008),
            ("mpnewsarticle", json!({"article_id": "a"}), 0, 40008),
            ("wxcard", json!({"card_id": "c"}), 0, 40008),
            ("msgmenu", json!({"list": [{"id": "1", "content": "yes"}]}), 0, 40008),
            ("msgmenu", json!({"list": [{"content": "yes"}]}), 47001, 40008),
            ("link", card, 40008, 0),
            ("link", json!({"title": "t"}), 40008, 47001),
            ("miniprogrampage", page(mini), 0, 0),
            ("miniprogrampage", page(unbound), 40013, 0),
            (
                "miniprogrampage",
                json!({"title": "t", "appid": mini, "pagepath": "p"}),
                40007,
                40007,
            ),
            ("miniprogrampage", json!({"title": "t", "thumb_media_id": "thumb"}), 47001, 47001),
            ("poem", json!({}), 40008, 40008),
        ] {
            assert_eq!(errcode("shop", msgtype, inner.clone()), shop, "shop {msgtype} {inner}");
            assert_eq!(
                errcode("shop-mini", msgtype, inner.clone()),
                mini_program,
                "mini {msgtype} {inner}"
            );
        }
    }

    #[test]
    fn text_has_a_maximum_length() {
        assert_eq!(errcode("shop", "text", json!({"content": "x".repeat(2048)})), 0);
        assert_eq!(errcode("shop-mini", "text", json!({"content": "好".repeat(683)})), 45002);
    }
}
