//! Passive replies: the response body of a callback.
//!
//! Source: WeChat's documentation, ["被动回复用户消息"] (passive replies).
//!
//! ["被动回复用户消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html

use crate::clock::Timestamp;
use crate::wechat::address::{optional_web_problem, web_problem};
use crate::wechat::id::OpenId;
use crate::wechat::push::{Format, Push};
use crate::wechat::text::{clean, id_problem, text_problem};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A passive reply. Files are referenced by the `media_id` of their upload to WeChat, which
/// must be a permanent one: temporary ones last three days.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// A text of at most 2,048 bytes.
    Text(String),
    /// A picture.
    Image {
        /// The uploaded picture.
        media_id: String,
    },
    /// A recording.
    Voice {
        /// The uploaded recording.
        media_id: String,
    },
    /// A video.
    Video {
        /// The uploaded video.
        media_id: String,
        /// Above it.
        title: Option<String>,
        /// Below the title.
        description: Option<String>,
    },
    /// Music that WeChat plays from an address.
    Music {
        /// The uploaded picture on the card.
        thumb_media_id: String,
        /// Its name.
        title: Option<String>,
        /// Below the title.
        description: Option<String>,
        /// Where the music is.
        url: Option<String>,
        /// Where it is in a better quality, for phones on Wi-Fi.
        high_quality_url: Option<String>,
    },
    /// A card that leads to an article. Since 2018 WeChat shows one per reply.
    News {
        /// Its title.
        title: String,
        /// Below the title.
        #[serde(default)]
        description: String,
        /// A picture of 360×200 pixels.
        #[serde(default)]
        picture_url: String,
        /// Where a tap leads.
        url: String,
    },
    /// Transfers the chat to customer service. WeChat accepts it as a reply to messages, not
    /// to events.
    CustomerService {
        /// A certain agent, `name@account`; if none, any free one.
        account: Option<String>,
    },
}

impl Reply {
    /// Why WeChat would refuse this reply, if it would.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Text(text) => text_problem(text),
            Self::Image { media_id } | Self::Voice { media_id } | Self::Video { media_id, .. }
                if id_problem(media_id).is_some() =>
            {
                Some("its media_id is empty or has white space in it")
            }
            Self::Music { thumb_media_id, .. } if id_problem(thumb_media_id).is_some() => {
                Some("its thumb_media_id is empty or has white space in it")
            }
            Self::CustomerService { account: Some(account) } if id_problem(account).is_some() => {
                Some("its account is empty or has white space in it")
            }
            Self::News { title, .. } if title.is_empty() => Some("its title is empty"),
            Self::News { url, picture_url, .. } => {
                web_problem(url).or_else(|| optional_web_problem(picture_url))
            }
            Self::Music { url, high_quality_url, .. } => {
                [url, high_quality_url].into_iter().flatten().find_map(|url| web_problem(url))
            }
            _ => None,
        }
    }

    /// The reply to a push as a response body, before encryption. Its sender is the push's
    /// recipient and vice versa.
    pub fn write(&self, push: &Push, at: Timestamp) -> String {
        let reply = self.tree(&push.from, &push.to, at);
        match push.format {
            Format::Json => Value::Object(reply).to_string(),
            Format::Xml => {
                let mut xml = String::from("<xml>");
                children(&mut xml, &reply);
                xml.push_str("</xml>");
                xml
            }
        }
    }

    fn tree(&self, to: &OpenId, from: &str, at: Timestamp) -> Map<String, Value> {
        let (kind, name, content) = match self {
            Self::Text(text) => ("text", "Content", json!(text)),
            Self::Image { media_id } => ("image", "Image", json!({ "MediaId": media_id })),
            Self::Voice { media_id } => ("voice", "Voice", json!({ "MediaId": media_id })),
            Self::Video { media_id, title, description } => (
                "video",
                "Video",
                json!({ "MediaId": media_id, "Title": title, "Description": description }),
            ),
            Self::Music { thumb_media_id, title, description, url, high_quality_url } => (
                "music",
                "Music",
                json!({
                    "Title": title, "Description": description, "MusicUrl": url,
                    "HQMusicUrl": high_quality_url, "ThumbMediaId": thumb_media_id,
                }),
            ),
            Self::News { title, description, picture_url, url } => (
                "news",
                "Articles",
                json!({ "item": {
                    "Title": title, "Description": description, "PicUrl": picture_url, "Url": url,
                } }),
            ),
            Self::CustomerService { account } => (
                "transfer_customer_service",
                "TransInfo",
                account.as_ref().map_or(Value::Null, |account| json!({ "KfAccount": account })),
            ),
        };
        let mut tree = Map::new();
        tree.insert("ToUserName".to_owned(), to.as_str().into());
        tree.insert("FromUserName".to_owned(), from.into());
        tree.insert("CreateTime".to_owned(), at.0.into());
        tree.insert("MsgType".to_owned(), kind.into());
        if kind == "news" {
            tree.insert("ArticleCount".to_owned(), 1.into());
        }
        tree.insert(name.to_owned(), content);
        without_nothing(tree)
    }
}

/// Leaves out what there is none of.
fn without_nothing(tree: Map<String, Value>) -> Map<String, Value> {
    tree.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            Value::Object(inner) => (name, Value::Object(without_nothing(inner))),
            other => (name, other),
        })
        .collect()
}

fn children(xml: &mut String, tree: &Map<String, Value>) {
    for (name, value) in tree {
        let _ = write!(xml, "<{name}>");
        match value {
            Value::Object(inner) => children(xml, inner),
            // The end of a CDATA section can't stand inside one: it is cut in two.
            Value::String(text) => {
                let text = clean(text).replace("]]>", "]]]]><![CDATA[>");
                let _ = write!(xml, "<![CDATA[{text}]]>");
            }
            other => {
                let _ = write!(xml, "{other}");
            }
        }
        let _ = write!(xml, "</{name}>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::id::AppId;

    const AT: Timestamp = Timestamp(1_700_000_001);

    fn push(format: Format) -> Push {
        let body = match format {
            Format::Xml => {
                "<xml><ToUserName>gh_1</ToUserName><FromUserName>oAnn</FromUserName><CreateTime>1</CreateTime>\
                 <MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
            }
            Format::Json => {
                r#"{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":1,"MsgType":"text","Content":"hi","MsgId":1}"#
            }
        };
        Push::read(&AppId::parse("wx1").unwrap(), body).unwrap()
    }

    fn reply(json: Value) -> Reply {
        let reply: Reply = serde_json::from_value(json).unwrap();
        assert_eq!(reply.problem(), None);
        reply
    }

    fn json_of(written: &Value) -> Value {
        serde_json::from_str(&reply(written.clone()).write(&push(Format::Json), AT)).unwrap()
    }

    #[test]
    fn a_text_in_xml() {
        let xml = reply(json!({ "text": "a ]]> & <b>\n你好" })).write(&push(Format::Xml), AT);
        for part in [
            "<ToUserName><![CDATA[oAnn]]></ToUserName>",
            "<FromUserName><![CDATA[gh_1]]></FromUserName>",
            "<CreateTime>1700000001</CreateTime>",
            "<MsgType><![CDATA[text]]></MsgType>",
            "<Content><![CDATA[a ]]]]><![CDATA[> & <b>\n你好]]></Content>",
        ] {
            assert!(xml.contains(part), "{xml}");
        }
        assert!(xml.starts_with("<xml><") && xml.ends_with("></xml>"), "{xml}");
    }

    #[test]
    fn each_kind_in_json() {
        let kinds = [
            (json!({ "text": "hi" }), "text", json!({ "Content": "hi" })),
            (
                json!({ "image": { "media_id": "M" } }),
                "image",
                json!({ "Image": { "MediaId": "M" } }),
            ),
            (
                json!({ "voice": { "media_id": "M" } }),
                "voice",
                json!({ "Voice": { "MediaId": "M" } }),
            ),
            (
                json!({ "video": { "media_id": "M", "title": "T" } }),
                "video",
                json!({ "Video": { "MediaId": "M", "Title": "T" } }),
            ),
            (
                json!({ "music": { "thumb_media_id": "M", "url": "https://example.test/a.mp3" } }),
                "music",
                json!({ "Music": { "ThumbMediaId": "M", "MusicUrl": "https://example.test/a.mp3" } }),
            ),
            (
                json!({ "news": { "title": "T", "url": "https://example.test/" } }),
                "news",
                json!({ "ArticleCount": 1, "Articles": { "item": {
                    "Title": "T", "Description": "", "PicUrl": "", "Url": "https://example.test/",
                } } }),
            ),
            (json!({ "customer_service": {} }), "transfer_customer_service", json!({})),
            (
                json!({ "customer_service": { "account": "kf1@shop" } }),
                "transfer_customer_service",
                json!({ "TransInfo": { "KfAccount": "kf1@shop" } }),
            ),
        ];
        for (reply, kind, mut expected) in kinds {
            expected["ToUserName"] = "oAnn".into();
            expected["FromUserName"] = "gh_1".into();
            expected["CreateTime"] = 1_700_000_001.into();
            expected["MsgType"] = kind.into();
            assert_eq!(json_of(&reply), expected);
        }
    }

    #[test]
    fn reply_that_wechat_would_refuse_has_a_problem() {
        for bad in [
            json!({ "text": " " }),
            json!({ "text": "好".repeat(683) }),
            json!({ "image": { "media_id": "" } }),
            json!({ "music": { "thumb_media_id": "" } }),
            json!({ "news": { "title": "", "url": "https://example.test/" } }),
            json!({ "news": { "title": "T", "url": "example.test" } }),
        ] {
            let reply: Reply = serde_json::from_value(bad.clone()).unwrap();
            assert!(reply.problem().is_some(), "{bad}");
        }
        for misspelt in [json!({ "texts": "hi" }), json!({ "image": { "media": "M" } })] {
            assert!(serde_json::from_value::<Reply>(misspelt).is_err());
        }
    }

    /// Every text that a strict XML reader finds in a document, entities and sections resolved.
    fn texts(xml: &str) -> Vec<String> {
        let mut reader = quick_xml::Reader::from_str(xml);
        let (mut texts, mut depth) = (vec![String::new()], 0);
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(_) => {
                    depth += 1;
                    texts.push(String::new());
                }
                quick_xml::events::Event::End(_) => depth -= 1,
                quick_xml::events::Event::CData(text) => {
                    texts.last_mut().unwrap().push_str(&text);
                }
                quick_xml::events::Event::Text(text) => {
                    texts.last_mut().unwrap().push_str(&text);
                }
                quick_xml::events::Event::Eof => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(depth, 0);
        texts
    }

    /// Fault 93.
    #[test]
    fn every_text_leaves_as_valid_xml_and_json_and_arrives_whole() {
        const PIECES: [&str; 24] = [
            "a",
            "你好",
            "😀",
            " ",
            "\n",
            "\r",
            "\r\n",
            "\t",
            "<",
            ">",
            "&",
            "]]>",
            "]]",
            "<![CDATA[",
            "\"",
            "\\",
            "&#11;",
            "\u{0}",
            "\u{b}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\u{fffe}",
            "\u{ffff}",
        ];
        let mut seed = 0x9e37_79b9_u64;
        let mut next = move |bound: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % bound
        };
        for _ in 0..3_000 {
            let text: String = (0..=next(12)).map(|_| PIECES[next(PIECES.len())]).collect();
            let reply = Reply::Text(text.clone());
            let xml = reply.write(&push(Format::Xml), AT);
            let allowed = |c: char| {
                matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
                    || c > '\u{ffff}'
            };
            assert!(xml.chars().all(allowed), "XML 1.0 has no such character: {xml:?}");
            assert!(texts(&xml).contains(&clean(&text).into_owned()), "{text:?}: {xml}");
            let json: Value = serde_json::from_str(&reply.write(&push(Format::Json), AT)).unwrap();
            assert_eq!(json["Content"], text);
        }
    }
}
