//! Customer-service messages, for users who have contacted the app recently.
//!
//! Source: WeChat's documentation, "发送客服消息" (`message/custom/send`), for [Official
//! Accounts] and for [mini programs].
//!
//! [Official Accounts]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
//! [mini programs]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/kf-mgnt/kf-message/sendCustomMessage.html

use crate::wechat::address::{optional_web_problem, page_problem, trim_page, web_problem};
use crate::wechat::api;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::message::SendRequest;
use crate::wechat::text::{TextKind, id_problem, text_problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A message of customer service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CustomerServiceMessage {
    /// A text of at most 2,048 bytes. It may have links in it, also to pages of
    /// a mini program.
    Text(String),
    /// A picture that was uploaded to WeChat.
    Image {
        /// What uploading gave.
        media_id: String,
    },
    /// A card that leads to a web page. Mini programs only.
    Link {
        /// Its title.
        title: String,
        /// Below the title.
        #[serde(default)]
        description: String,
        /// Where a tap leads.
        url: String,
        /// The address of the picture on it.
        #[serde(default)]
        thumb_url: String,
    },
    /// A card that leads to an article. Official Accounts only.
    News {
        /// Its title.
        title: String,
        /// Below the title.
        #[serde(default)]
        description: String,
        /// Where a tap leads.
        url: String,
        /// The address of the picture on it.
        #[serde(default)]
        picture_url: String,
    },
    /// A card that leads to a page of a mini program: of the app's own, or, for
    /// an Official Account, of one that is bound to it.
    MiniProgramPage {
        /// Its title.
        title: String,
        /// The mini program. Only an Official Account names one, and must.
        #[serde(default)]
        app_id: Option<AppId>,
        /// The page, with its query.
        page: String,
        /// The uploaded picture on it.
        thumb_media_id: String,
    },
    /// A question with answers to tap; the one that is tapped comes back as a
    /// text. Official Accounts only.
    Menu {
        /// Above the answers.
        #[serde(default)]
        head: String,
        /// The answers.
        items: Vec<MenuItem>,
        /// Below them.
        #[serde(default)]
        tail: String,
    },
}

/// One answer of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MenuItem {
    /// Comes back with the tap.
    pub id: String,
    /// What it says.
    pub content: String,
}

impl CustomerServiceMessage {
    /// Why WeChat would refuse this message, if it would.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Text(text) => text_problem(text),
            Self::Image { media_id } if id_problem(media_id).is_some() => {
                Some("its media_id is empty or has white space in it")
            }
            Self::Link { title, .. } | Self::News { title, .. } if title.is_empty() => {
                Some("its title is empty")
            }
            Self::Link { url, thumb_url: picture, .. }
            | Self::News { url, picture_url: picture, .. } => {
                web_problem(url).or_else(|| optional_web_problem(picture))
            }
            Self::MiniProgramPage { thumb_media_id, .. }
                if id_problem(thumb_media_id).is_some() =>
            {
                Some("its thumb_media_id is empty or has white space in it")
            }
            Self::MiniProgramPage { page, .. } => page_problem(page),
            Self::Menu { items, .. } if items.is_empty() => Some("its items are empty"),
            _ => None,
        }
    }

    /// All its texts, and what each is for.
    pub fn texts(&self) -> Vec<(TextKind, &str)> {
        use TextKind::{Id, Linked, Page, Plain, Web};
        match self {
            Self::Text(text) => vec![(Linked, text)],
            Self::Image { media_id } => vec![(Id, media_id)],
            Self::Link { title, description, url, thumb_url: picture }
            | Self::News { title, description, url, picture_url: picture } => {
                vec![(Plain, title), (Plain, description), (Web, url), (Web, picture)]
            }
            Self::MiniProgramPage { title, page, thumb_media_id, .. } => {
                vec![(Plain, title), (Page, page), (Id, thumb_media_id)]
            }
            Self::Menu { head, items, tail } => {
                let items = items.iter().flat_map(|it| [(Plain, &*it.id), (Linked, &*it.content)]);
                items.chain([(Linked, head.as_str()), (Linked, tail.as_str())]).collect()
            }
        }
    }

    /// The same message with `fill` applied to each text. Returns its first error.
    pub fn map<E>(&self, fill: impl Fn(TextKind, &str) -> Result<String, E>) -> Result<Self, E> {
        use TextKind::{Id, Linked, Page, Plain, Web};
        Ok(match self {
            Self::Text(text) => Self::Text(fill(Linked, text)?),
            Self::Image { media_id } => Self::Image { media_id: fill(Id, media_id)? },
            Self::Link { title, description, url, thumb_url } => Self::Link {
                title: fill(Plain, title)?,
                description: fill(Plain, description)?,
                url: fill(Web, url)?,
                thumb_url: fill(Web, thumb_url)?,
            },
            Self::News { title, description, url, picture_url } => Self::News {
                title: fill(Plain, title)?,
                description: fill(Plain, description)?,
                url: fill(Web, url)?,
                picture_url: fill(Web, picture_url)?,
            },
            Self::MiniProgramPage { title, app_id, page, thumb_media_id } => {
                Self::MiniProgramPage {
                    title: fill(Plain, title)?,
                    app_id: app_id.clone(),
                    page: fill(Page, page)?,
                    thumb_media_id: fill(Id, thumb_media_id)?,
                }
            }
            Self::Menu { head, items, tail } => {
                let item = |item: &MenuItem| {
                    let (id, content) = (fill(Plain, &item.id)?, fill(Linked, &item.content)?);
                    Ok(MenuItem { id, content })
                };
                Self::Menu {
                    head: fill(Linked, head)?,
                    items: items.iter().map(item).collect::<Result<_, _>>()?,
                    tail: fill(Linked, tail)?,
                }
            }
        })
    }

    /// The request that sends it.
    ///
    /// Refusals, among others: 45015 (the window is closed), 45047 (no more in this
    /// window), 40007 (the file has expired).
    pub fn request(&self, to: &OpenId) -> SendRequest {
        SendRequest::new(api::CUSTOMER_SERVICE, &self.body(to))
    }

    /// The request's body.
    fn body(&self, to: &OpenId) -> Value {
        let (kind, content) = match self {
            Self::Text(text) => ("text", json!({ "content": text })),
            Self::Image { media_id } => ("image", json!({ "media_id": media_id })),
            Self::Link { title, description, url, thumb_url } => (
                "link",
                json!({
                    "title": title, "description": description, "url": url, "thumb_url": thumb_url,
                }),
            ),
            Self::News { title, description, url, picture_url } => (
                "news",
                json!({ "articles": [{
                    "title": title, "description": description, "url": url, "picurl": picture_url,
                }] }),
            ),
            Self::MiniProgramPage { title, app_id, page, thumb_media_id } => {
                let mut card = json!({
                    "title": title, "pagepath": trim_page(page), "thumb_media_id": thumb_media_id,
                });
                if let Some(app_id) = app_id {
                    card["appid"] = app_id.as_str().into();
                }
                ("miniprogrampage", card)
            }
            Self::Menu { head, items, tail } => {
                let list: Vec<_> = items
                    .iter()
                    .map(|item| json!({ "id": item.id, "content": item.content }))
                    .collect();
                ("msgmenu", json!({ "head_content": head, "list": list, "tail_content": tail }))
            }
        };
        let mut body = json!({ "touser": to, "msgtype": kind });
        body[kind] = content;
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: Value) -> CustomerServiceMessage {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn each_kind_has_wechats_request_body() {
        let kinds = [
            (json!({ "text": "hi" }), "text", json!({ "content": "hi" })),
            (json!({ "image": { "media_id": "M" } }), "image", json!({ "media_id": "M" })),
            (
                json!({ "link": { "title": "T", "url": "https://example.test/" } }),
                "link",
                json!({ "title": "T", "description": "", "url": "https://example.test/", "thumb_url": "" }),
            ),
            (
                json!({ "news": { "title": "T", "url": "https://example.test/" } }),
                "news",
                json!({ "articles": [{ "title": "T", "description": "", "url": "https://example.test/", "picurl": "" }] }),
            ),
            (
                json!({ "mini_program_page": { "title": "T", "page": "pages/a", "thumb_media_id": "M" } }),
                "miniprogrampage",
                json!({ "title": "T", "pagepath": "pages/a", "thumb_media_id": "M" }),
            ),
            (
                json!({ "mini_program_page": { "title": "T", "app_id": "wx1", "page": "pages/a", "thumb_media_id": "M" } }),
                "miniprogrampage",
                json!({ "title": "T", "appid": "wx1", "pagepath": "pages/a", "thumb_media_id": "M" }),
            ),
            (
                json!({ "menu": { "head": "Content?", "items": [{ "id": "1", "content": "Yes" }] } }),
                "msgmenu",
                json!({ "head_content": "Content?", "list": [{ "id": "1", "content": "Yes" }], "tail_content": "" }),
            ),
        ];
        let ann = OpenId::parse("oAnn").unwrap();
        for (stored, kind, content) in kinds {
            let message = message(stored);
            assert_eq!(message.problem(), None);
            let mut expected = json!({ "touser": "oAnn", "msgtype": kind });
            expected[kind] = content;
            assert_eq!(message.body(&ann), expected);
        }
    }

    #[test]
    fn message_that_wechat_would_refuse_has_a_problem() {
        for bad in [
            json!({ "text": "" }),
            json!({ "text": "x".repeat(2049) }),
            json!({ "link": { "title": "T", "url": "example.test" } }),
            json!({ "menu": { "items": [] } }),
        ] {
            assert!(message(bad.clone()).problem().is_some(), "{bad}");
        }
    }
}
