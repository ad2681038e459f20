//! Customer-service messages: what may be said in the minutes and days after
//! somebody did something.
//!
//! Source: WeChat's documentation, "发送客服消息" (send a customer-service
//! message), and its table of windows.

use crate::api::Call;
use crate::app::Kind;
use crate::message::{Jump, Message};
use crate::person::Relation;
use crate::refusal::{self, Refusal};
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
    let app = &call.world.apps[at];
    let (alias, kind) = (app.alias.clone(), app.kind);
    let open_id = call.text("touser").ok_or(refusal::INVALID_OPENID)?;
    let person = call.world.whose(&alias, open_id).ok_or(refusal::INVALID_OPENID)?;
    let body = std::mem::take(&mut call.body);
    let person = &mut call.world.people[person];
    let relation = person.relations.get_mut(&alias).ok_or(refusal::INVALID_OPENID)?;
    if relation.blocks {
        return Err(refusal::TURNED_OFF);
    }
    // Whoever stops following closes every window.
    let window = available(relation, now)?;
    let (text, jump) = content(kind, &body)?;
    window.left -= 1;
    person.show(Message { jump, ..Message::line(&alias, "customer_service", text, now) });
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// What the message says, and where a tap on it leads.
fn content(kind: Kind, body: &Value) -> Result<(String, Option<Jump>), Refusal> {
    use Kind::{MiniProgram, OfficialAccount};
    let msgtype =
        body.get("msgtype").and_then(Value::as_str).ok_or(refusal::INVALID_MESSAGE_TYPE)?;
    let inner = body.get(msgtype).unwrap_or(&Value::Null);
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    match (msgtype, kind) {
        ("text", _) => {
            let content = text(inner, "content");
            if content.is_empty() {
                return Err(refusal::EMPTY_CONTENT);
            }
            if content.len() > LONGEST_TEXT {
                return Err(refusal::CONTENT_TOO_LONG);
            }
            Ok((content, None))
        }
        ("news", OfficialAccount) => {
            let articles =
                inner.get("articles").and_then(Value::as_array).ok_or(refusal::DATA_FORMAT)?;
            let [article] = articles.as_slice() else { return Err(refusal::TOO_MANY_ARTICLES) };
            let line = format!("{}\n{}", text(article, "title"), text(article, "description"));
            Ok((line, Some(Jump::Url(text(article, "url")))))
        }
        ("link", MiniProgram) => {
            let line = format!("{}\n{}", text(inner, "title"), text(inner, "description"));
            Ok((line, Some(Jump::Url(text(inner, "url")))))
        }
        ("msgmenu", OfficialAccount) => {
            let list = inner.get("list").and_then(Value::as_array).ok_or(refusal::DATA_FORMAT)?;
            let mut lines = vec![text(inner, "head_content")];
            lines.extend(list.iter().map(|item| format!("· {}", text(item, "content"))));
            lines.push(text(inner, "tail_content"));
            lines.retain(|line| !line.is_empty());
            Ok((lines.join("\n"), None))
        }
        // Nothing can be uploaded to this sandbox, so it has no media with any
        // id.
        ("image" | "miniprogrampage", _)
        | ("voice" | "video" | "music" | "mpnews", OfficialAccount) => Err(refusal::INVALID_MEDIA),
        _ => Err(refusal::INVALID_MESSAGE_TYPE),
    }
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

    #[test]
    fn what_a_mini_program_cannot_send() {
        let news = json!({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "u"}]}});
        assert!(content(Kind::OfficialAccount, &news).is_ok());
        assert_eq!(content(Kind::MiniProgram, &news).unwrap_err().errcode, 40008);
        let two = json!({"msgtype": "news", "news": {"articles": [{}, {}]}});
        assert_eq!(content(Kind::OfficialAccount, &two).unwrap_err().errcode, 45008);
        let long = json!({"msgtype": "text", "text": {"content": "好".repeat(683)}});
        assert_eq!(content(Kind::MiniProgram, &long).unwrap_err().errcode, 45002);
    }
}
