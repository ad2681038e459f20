//! What WeChat pushes to us: messages of users, events, results of what was
//! sent.
//!
//! Source: WeChat's documentation, "接收普通消息", "接收事件推送" (receiving
//! messages and events) and "订阅消息事件" (subscription message events).

mod xml;

use crate::clock::Timestamp;
use crate::wechat::id::{AppId, InvalidId, OpenId};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One push, opened and read.
#[derive(Debug)]
pub struct Push {
    /// The user it is about.
    pub from: OpenId,
    /// When it happened, by WeChat's clock. State moves forward in this time,
    /// not in that of arrival.
    pub create_time: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// What tells this push from every other of the same user and second:
    /// WeChat's `MsgId` for a message, a hash for an event, which has none.
    pub identity: String,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user wrote, or sent a picture, a place, …: the 48 hours in which
    /// customer service may answer start anew.
    Message {
        /// WeChat's `MsgType`: `text`, `image`, ….
        message_type: String,
    },
    /// The user follows the Official Account.
    Subscribe,
    /// The user no longer follows it.
    Unsubscribe,
    /// A follower scanned one of the account's QR codes.
    Scan,
    /// The user tapped a menu item that asks for an answer.
    MenuClick,
    /// The user entered the mini program's customer service.
    EnterSession,
    /// The user answered the popup that asks for consent, per template.
    SubscriptionAnswers(Vec<Answer>),
    /// The user withdrew consent in WeChat's settings.
    SubscriptionChanges(Vec<Answer>),
    /// What became of subscription messages.
    SubscriptionResults(Vec<Delivery>),
    /// What became of a template message.
    TemplateResult(Delivery),
    /// An event that lacks what it should have. It is kept as it came, for
    /// someone to look at.
    Malformed {
        /// WeChat's name of the event.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Anything else. It is kept as it came.
    Other {
        /// WeChat's name of the event, or the `MsgType` where it isn't one.
        name: String,
    },
}

/// Consent to one message of a template, or its refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The template.
    pub template_id: String,
    /// Whether the user said yes.
    pub accepted: bool,
}

/// What became of a message that was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The `msgid` that sending answered with, in decimal.
    pub message_id: String,
    /// What happened to it.
    pub fate: Fate,
}

/// What happened to a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// The user rejects messages of this account.
    Blocked,
    /// WeChat failed.
    Failed(String),
}

impl Push {
    /// Reads an opened push, in XML or JSON; the first byte that isn't white
    /// space tells which. (WeChat says `text/xml` for both.)
    ///
    /// # Errors
    ///
    /// When it isn't a push of WeChat's: not well-formed, or without sender,
    /// time or type.
    pub fn read(app_id: &AppId, body: &str) -> Result<Self, Unreadable> {
        let body = body.trim_ascii_start();
        let tree = match body.as_bytes().first() {
            Some(b'<') => xml::read(body).map_err(Unreadable)?,
            Some(b'{') => {
                serde_json::from_str(body).map_err(|_| Unreadable("the JSON is not well-formed"))?
            }
            _ => return Err(Unreadable("the body is neither XML nor JSON")),
        };
        Self::from_tree(app_id, &tree)
    }

    fn from_tree(app_id: &AppId, tree: &Value) -> Result<Self, Unreadable> {
        let create_time = text(tree, "CreateTime")
            .and_then(|time| time.parse().ok())
            .map(Timestamp)
            .ok_or(Unreadable("CreateTime is missing or no number"))?;
        let message_type =
            text(tree, "MsgType").ok_or(Unreadable("MsgType is missing"))?.to_ascii_lowercase();
        let event = if message_type == "event" {
            Some(text(tree, "Event").ok_or(Unreadable("Event is missing"))?.to_ascii_lowercase())
        } else {
            None
        };
        // Some events come from WeChat itself and name the user they are about.
        let from = text(tree, "OpenID")
            .filter(|_| event.as_deref().is_some_and(|event| event.starts_with("user_")))
            .or_else(|| text(tree, "FromUserName"))
            .ok_or(Unreadable("FromUserName is missing"))?;
        let from = OpenId::parse(from)
            .map_err(|InvalidId { .. }| Unreadable("FromUserName is no openid"))?;
        let kind = match &event {
            None => Kind::Message { message_type: message_type.clone() },
            Some(event) => of_event(event, tree).unwrap_or_else(|Unreadable(problem)| {
                Kind::Malformed { name: event.clone(), problem }
            }),
        };
        let identity = match text(tree, "MsgId").filter(|_| event.is_none()) {
            Some(message_id) => format!("msg-{message_id}"),
            None => hash(app_id, &from, create_time, &message_type, event.as_deref(), tree),
        };
        Ok(Self { from, create_time, kind, identity })
    }
}

impl Kind {
    /// A word for logs and for the table.
    pub fn name(&self) -> &str {
        match self {
            Self::Message { message_type } => message_type,
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Scan => "scan",
            Self::MenuClick => "click",
            Self::EnterSession => "user_enter_tempsession",
            Self::SubscriptionAnswers(_) => "subscribe_msg_popup_event",
            Self::SubscriptionChanges(_) => "subscribe_msg_change_event",
            Self::SubscriptionResults(_) => "subscribe_msg_sent_event",
            Self::TemplateResult(_) => "templatesendjobfinish",
            Self::Malformed { name, .. } | Self::Other { name } => name,
        }
    }
}

/// `event` is in lower case, as WeChat's own spelling differs between accounts.
fn of_event(event: &str, tree: &Value) -> Result<Kind, Unreadable> {
    Ok(match event {
        "subscribe" => Kind::Subscribe,
        "unsubscribe" => Kind::Unsubscribe,
        "scan" => Kind::Scan,
        "click" | "scancode_push" | "scancode_waitmsg" => Kind::MenuClick,
        "user_enter_tempsession" => Kind::EnterSession,
        "subscribe_msg_popup_event" => {
            Kind::SubscriptionAnswers(answers(tree, "SubscribeMsgPopupEvent")?)
        }
        "subscribe_msg_change_event" => {
            Kind::SubscriptionChanges(answers(tree, "SubscribeMsgChangeEvent")?)
        }
        "subscribe_msg_sent_event" => Kind::SubscriptionResults(
            list(tree, "SubscribeMsgSentEvent")
                .into_iter()
                .map(|item| {
                    let message_id = text(item, "MsgID").ok_or(Unreadable("MsgID is missing"))?;
                    let fate = match text(item, "ErrorCode").as_deref() {
                        Some("0") => Fate::Delivered,
                        _ => Fate::Failed(text(item, "ErrorStatus").unwrap_or_default()),
                    };
                    Ok(Delivery { message_id, fate })
                })
                .collect::<Result<_, _>>()?,
        ),
        "templatesendjobfinish" => {
            let message_id = text(tree, "MsgID").ok_or(Unreadable("MsgID is missing"))?;
            let status = text(tree, "Status").ok_or(Unreadable("Status is missing"))?;
            let fate = match status.split_once(':').map(|(_, reason)| reason.trim()) {
                _ if status == "success" => Fate::Delivered,
                Some("user block") => Fate::Blocked,
                _ => Fate::Failed(status),
            };
            Kind::TemplateResult(Delivery { message_id, fate })
        }
        _ => Kind::Other { name: event.to_owned() },
    })
}

fn answers(tree: &Value, wrapper: &str) -> Result<Vec<Answer>, Unreadable> {
    list(tree, wrapper)
        .into_iter()
        .map(|item| {
            let template_id =
                text(item, "TemplateId").ok_or(Unreadable("TemplateId is missing"))?;
            let accepted =
                text(item, "SubscribeStatusString").is_some_and(|status| status == "accept");
            Ok(Answer { template_id, accepted })
        })
        .collect()
}

/// The items of a subscription event: inside its wrapper (XML, and JSON from
/// the field) or beside the other fields (WeChat's documentation of JSON), one
/// object or an array of them.
fn list<'a>(tree: &'a Value, wrapper: &str) -> Vec<&'a Value> {
    match tree.get(wrapper).unwrap_or(tree).get("List") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item @ Value::Object(_)) => vec![item],
        _ => Vec::new(),
    }
}

/// A field that may be a string or a number.
fn text(tree: &Value, name: &str) -> Option<String> {
    match tree.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Tells two events of one user in one second apart by everything that can
/// differ between them.
fn hash(
    app_id: &AppId,
    from: &OpenId,
    create_time: Timestamp,
    message_type: &str,
    event: Option<&str>,
    tree: &Value,
) -> String {
    let mut parts = vec![
        app_id.as_str().to_owned(),
        from.as_str().to_owned(),
        create_time.to_string(),
        message_type.to_owned(),
        event.unwrap_or_default().to_owned(),
        text(tree, "EventKey").unwrap_or_default(),
        text(tree, "MsgID").unwrap_or_default(),
    ];
    let wrappers = ["SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"];
    let wrapper = wrappers.into_iter().find(|name| tree.get(name).is_some()).unwrap_or_default();
    let mut items: Vec<_> = list(tree, wrapper)
        .into_iter()
        .map(|item| format!("{:?}{:?}", text(item, "TemplateId"), text(item, "MsgID")))
        .collect();
    items.sort_unstable();
    parts.extend(items);
    let mut sha = Sha256::new();
    for part in parts {
        // The length in front keeps the parts apart.
        sha.update(part.len().to_be_bytes());
        sha.update(part.as_bytes());
    }
    sha.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The body isn't a push of WeChat's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a push of WeChat's: {0}")]
pub struct Unreadable(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Push {
        Push::read(&AppId::parse("wx1").unwrap(), body).unwrap()
    }

    fn event(rest: &str) -> Push {
        read(&format!(
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
             <CreateTime>1700000400</CreateTime><MsgType><![CDATA[event]]></MsgType>{rest}</xml>"
        ))
    }

    #[test]
    fn a_text_message() {
        let xml = read(
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
             <CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[ping]]></Content><MsgId>24000000000000001</MsgId></xml>",
        );
        let json = read(
            r#"{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":1700000000,"MsgType":"text","Content":"ping","MsgId":24000000000000001}"#,
        );
        for push in [xml, json] {
            assert_eq!(push.from.as_str(), "oAnn");
            assert_eq!(push.create_time, Timestamp(1_700_000_000));
            assert_eq!(push.kind, Kind::Message { message_type: "text".to_owned() });
            assert_eq!(push.identity, "msg-24000000000000001");
        }
    }

    #[test]
    fn follow_and_unfollow_in_any_case() {
        assert_eq!(event("<Event>subscribe</Event><EventKey></EventKey>").kind, Kind::Subscribe);
        assert_eq!(event("<Event>UNSUBSCRIBE</Event>").kind, Kind::Unsubscribe);
    }

    #[test]
    fn receipts_of_template_messages() {
        let fate = |status: &str| {
            match event(&format!(
            "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>33</MsgID><Status><![CDATA[{status}]]></Status>"
        ))
        .kind
        {
            Kind::TemplateResult(delivery) => delivery.fate,
            other => panic!("{other:?}"),
        }
        };
        assert_eq!(fate("success"), Fate::Delivered);
        assert_eq!(fate("failed:user block"), Fate::Blocked);
        assert_eq!(fate("failed: user block"), Fate::Blocked);
        assert_eq!(fate("failed: system failed"), Fate::Failed("failed: system failed".to_owned()));
    }

    #[test]
    fn lists_come_wrapped_and_bare_single_and_several() {
        let one = |template: &str, accepted| Answer { template_id: template.to_owned(), accepted };
        let xml = event(
            "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>\
             <List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>\
             <List><TemplateId>B</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List>\
             </SubscribeMsgPopupEvent>",
        );
        assert_eq!(xml.kind, Kind::SubscriptionAnswers(vec![one("A", true), one("B", false)]));

        let json = |list: &str| {
            read(&format!(
                r#"{{"FromUserName":"oAnn","CreateTime":"1700000600","MsgType":"event","Event":"subscribe_msg_popup_event",{list}}}"#
            ))
            .kind
        };
        let item = r#"{"TemplateId":"A","SubscribeStatusString":"accept","PopupScene":"0"}"#;
        let expected = Kind::SubscriptionAnswers(vec![one("A", true)]);
        assert_eq!(json(&format!(r#""List":{item}"#)), expected);
        assert_eq!(json(&format!(r#""List":[{item}]"#)), expected);
        assert_eq!(json(&format!(r#""SubscribeMsgPopupEvent":{{"List":{item}}}"#)), expected);
    }

    #[test]
    fn receipts_of_subscription_messages() {
        let push = read(
            r#"{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":"1700000600","MsgType":"event","Event":"subscribe_msg_sent_event","List":{"TemplateId":"A","MsgID":"3300000000000000002","ErrorCode":"0","ErrorStatus":"success"}}"#,
        );
        let delivery =
            Delivery { message_id: "3300000000000000002".to_owned(), fate: Fate::Delivered };
        assert_eq!(push.kind, Kind::SubscriptionResults(vec![delivery]));
    }

    #[test]
    fn a_privacy_event_is_about_the_user_it_names() {
        let push = read(
            r#"{"FromUserName":"oSystem","CreateTime":1700000700,"MsgType":"Event","Event":"user_authorization_revoke","OpenID":"oAnn","RevokeInfo":"8"}"#,
        );
        assert_eq!(push.from.as_str(), "oAnn");
        assert_eq!(push.kind, Kind::Other { name: "user_authorization_revoke".to_owned() });
    }

    #[test]
    fn events_of_one_second_differ_and_a_repeated_one_does_not() {
        let a = event("<Event>CLICK</Event><EventKey>a</EventKey>");
        let b = event("<Event>CLICK</Event><EventKey>b</EventKey>");
        let c = event("<Event>SCAN</Event><EventKey>a</EventKey>");
        assert_ne!(a.identity, b.identity);
        assert_ne!(a.identity, c.identity);
        assert_eq!(a.identity, event("<Event>CLICK</Event><EventKey>a</EventKey>").identity);
    }

    #[test]
    fn an_event_that_lacks_something_is_still_an_event() {
        let push = event("<Event>TEMPLATESENDJOBFINISH</Event><MsgID>33</MsgID>");
        let name = "templatesendjobfinish".to_owned();
        assert_eq!(push.kind, Kind::Malformed { name, problem: "Status is missing" });
    }

    #[test]
    fn what_is_no_push_says_why() {
        let app = AppId::parse("wx1").unwrap();
        for body in [
            "",
            "hello",
            "{}",
            "[]",
            "{\"FromUserName\":\"o\"",
            "<xml><FromUserName>o</FromUserName><MsgType>text</MsgType></xml>",
            "<xml><FromUserName>o#b</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>",
            "<xml><FromUserName>o</FromUserName><FromUserName>p</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>",
            "<xml><FromUserName>o</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType></xml>",
        ] {
            assert!(Push::read(&app, body).is_err(), "{body}");
        }
    }
}
