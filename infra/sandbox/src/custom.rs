//! Customer-service messages: what may be said in the minutes and days after
//! somebody did something.
//!
//! Source: WeChat's documentation, "发送客服消息" (send a customer-service
//! message), and its table of windows.

use crate::api::Call;
use crate::app::{App, Kind};
use crate::media::{self, MediaKind};
use crate::message::{Jump, Message};
use crate::person::Relation;
use crate::refusal::{self, Refusal};
use crate::template;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest text, in bytes; commonly quoted, not documented.
const LONGEST_TEXT: usize = 2048;

/// What opens a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opener {
    /// A message of the person's.
    Message,
    /// A tap on the menu.
    Click,
    /// Following.
    Follow,
    /// A scan of a QR code, by a follower.
    Scan,
    /// Entering the customer-service session of a Mini Program.
    Enter,
}

/// A window: so many messages until then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Window {
    opener: Opener,
    until: i64,
    left: u32,
}

/// Opens a window anew.
pub(crate) fn open(relation: &mut Relation, opener: Opener, now: i64) {
    let (left, seconds) = match opener {
        Opener::Message => (5, 48 * 3600),
        Opener::Click | Opener::Follow | Opener::Scan => (3, 60),
        Opener::Enter => (2, 60),
    };
    relation.windows.retain(|window| window.opener != opener && now < window.until);
    relation.windows.push(Window { opener, until: now + seconds, left });
}

/// The open window that closes first and has a message left.
fn available(relation: &mut Relation, now: i64) -> Result<&mut Window, Refusal> {
    if !relation.windows.iter().any(|window| now < window.until) {
        return Err(refusal::OUT_OF_TIME);
    }
    let usable = relation.windows.iter_mut().filter(|window| now < window.until && window.left > 0);
    usable.min_by_key(|window| window.until).ok_or(refusal::OUT_OF_COUNT)
}

/// Answers `POST /cgi-bin/message/custom/send`.
pub(crate) fn send(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let alias = call.world.apps[at].alias.clone();
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?;
    let person = call.world.whose(&alias, open_id).ok_or(refusal::INVALID_OPENID)?;
    let relation =
        call.world.people[person].relations.get_mut(&alias).ok_or(refusal::INVALID_OPENID)?;
    if relation.blocks {
        return Err(refusal::TURNED_OFF);
    }
    // Whoever stops following closes every window.
    available(relation, now)?;
    let (text, jump) = content(call.world, &call.world.apps[at], &call.body, now)?;
    let person = &mut call.world.people[person];
    let relation = person.relations.get_mut(&alias).ok_or(refusal::INVALID_OPENID)?;
    available(relation, now)?.left -= 1;
    relation.exchanged_at = Some(now);
    relation.typing_until = now;
    person.show(Message { jump, ..Message::line(&alias, "customer_service", text, now) });
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// What the message says, and where a tap on it leads.
fn content(
    world: &World,
    app: &App,
    body: &Value,
    now: i64,
) -> Result<(String, Option<Jump>), Refusal> {
    use Kind::{MiniProgram, OfficialAccount};
    // The picture on a card may be any picture.
    let media = |inner: &Value, name: &str, kinds: &[MediaKind]| {
        let id = text(inner, name);
        media::check(app, &id, kinds, now).map(|()| id)
    };
    let thumb = |inner: &Value| {
        media(inner, "thumb_media_id", &[MediaKind::Thumb, MediaKind::Image]).map(|_| ())
    };
    let msgtype =
        body.get("msgtype").and_then(Value::as_str).ok_or(refusal::INVALID_MESSAGE_TYPE)?;
    let inner = body.get(msgtype).unwrap_or(&Value::Null);
    let said = match (msgtype, app.kind) {
        ("text", _) => {
            let content = text(inner, "content");
            if content.is_empty() {
                return Err(refusal::EMPTY_CONTENT);
            }
            if content.len() > LONGEST_TEXT {
                return Err(refusal::CONTENT_TOO_LONG);
            }
            (content, None)
        }
        ("news", OfficialAccount) => {
            let articles =
                inner.get("articles").and_then(Value::as_array).ok_or(refusal::DATA_FORMAT)?;
            let [article] = articles.as_slice() else { return Err(refusal::TOO_MANY_ARTICLES) };
            card(article)?
        }
        ("link", MiniProgram) => card(inner)?,
        ("msgmenu", OfficialAccount) => (menu(inner)?, None),
        ("miniprogrampage", kind) => {
            let title = needed(inner, "title")?;
            let page = needed(inner, "pagepath")?;
            thumb(inner)?;
            // A Mini Program's card leads to itself, whatever it names.
            let jump = match kind {
                OfficialAccount => {
                    template::program_page(world, app, text(inner, "appid"), Some(page))?
                }
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
            (text(inner, "title"), Some(Jump::Url(needed(inner, "musicurl")?)))
        }
        ("mpnewsarticle", OfficialAccount) => {
            (format!("[mpnewsarticle {}]", needed(inner, "article_id")?), None)
        }
        ("wxcard", OfficialAccount) => (format!("[wxcard {}]", needed(inner, "card_id")?), None),
        _ => return Err(refusal::INVALID_MESSAGE_TYPE),
    };
    Ok(said)
}

/// A title, a description, and a web page behind them.
fn card(inner: &Value) -> Result<(String, Option<Jump>), Refusal> {
    let title = needed(inner, "title")?;
    let line = format!("{title}\n{}", text(inner, "description"));
    Ok((line, Some(Jump::Url(needed(inner, "url")?))))
}

/// A question and its answers, one on each line.
fn menu(inner: &Value) -> Result<String, Refusal> {
    let list = inner.get("list").and_then(Value::as_array).ok_or(refusal::DATA_FORMAT)?;
    let mut lines = vec![text(inner, "head_content")];
    for item in list {
        needed(item, "id")?;
        lines.push(format!("· {}", needed(item, "content")?));
    }
    lines.push(text(inner, "tail_content"));
    lines.retain(|line| !line.is_empty());
    Ok(lines.join("\n"))
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn needed(value: &Value, name: &str) -> Result<String, Refusal> {
    Some(text(value, name)).filter(|text| !text.is_empty()).ok_or(refusal::DATA_FORMAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(relation: &mut Relation, now: i64) -> Option<i64> {
        match available(relation, now) {
            Ok(window) => {
                window.left -= 1;
                None
            }
            Err(refusal) => Some(refusal.errcode),
        }
    }

    #[test]
    fn windows_close_by_count_and_by_time() {
        let mut relation = Relation::stranger();
        assert_eq!(take(&mut relation, 0), Some(45015));
        open(&mut relation, Opener::Click, 0);
        assert_eq!(
            [take(&mut relation, 0), take(&mut relation, 1), take(&mut relation, 59)],
            [None, None, None]
        );
        assert_eq!(take(&mut relation, 59), Some(45047));
        assert_eq!(take(&mut relation, 60), Some(45015));
    }

    #[test]
    fn a_click_does_not_shorten_what_a_message_has_opened() {
        let mut relation = Relation::stranger();
        open(&mut relation, Opener::Message, 0);
        open(&mut relation, Opener::Click, 10);
        for _ in 0..3 {
            assert_eq!(take(&mut relation, 11), None);
        }
        for _ in 0..5 {
            assert_eq!(take(&mut relation, 48 * 3600 - 1), None, "the click's were used first");
        }
        assert_eq!(take(&mut relation, 48 * 3600 - 1), Some(45047));
        open(&mut relation, Opener::Message, 48 * 3600);
        assert_eq!(take(&mut relation, 48 * 3600), None, "a new message starts a new count");
    }

    fn errcode(alias: &str, msgtype: &str, inner: Value) -> i64 {
        let mut world = crate::example();
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
    fn each_account_has_its_kinds() {
        let (mini, unbound) = ("wx0000000000005a02", "wx0000000000005aff");
        let page = |app_id: &str| json!({"title": "t", "appid": app_id, "pagepath": "p", "thumb_media_id": "thumb"});
        let card = json!({"title": "t", "url": "u"});
        for (msgtype, inner, of_shop, of_mini) in [
            ("text", json!({"content": "hi"}), 0, 0),
            ("image", json!({"media_id": "picture"}), 0, 0),
            ("image", json!({"media_id": ""}), 40007, 40007),
            ("image", json!({"media_id": "nobody's"}), 40007, 40007),
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
            assert_eq!(errcode("shop", msgtype, inner.clone()), of_shop, "shop {msgtype} {inner}");
            assert_eq!(
                errcode("shop-mini", msgtype, inner.clone()),
                of_mini,
                "mini {msgtype} {inner}"
            );
        }
    }

    #[test]
    fn a_text_has_so_many_bytes() {
        assert_eq!(errcode("shop", "text", json!({"content": "x".repeat(2048)})), 0);
        assert_eq!(errcode("shop-mini", "text", json!({"content": "好".repeat(683)})), 45002);
    }
}
