//! Customer-service messages, for users who have contacted the app recently.
//!
//! Source: WeChat's documentation, "发送客服消息" (`message/custom/send`), for [Official
//! Accounts] and for [mini programs].
//!
//! [Official Accounts]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
//! [mini programs]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/kf-mgnt/kf-message/sendCustomMessage.html

use crate::wechat::api;
use crate::wechat::content;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::message::SendRequest;
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
            Self::Text(text) => content::text_problem(text),
            Self::Image { media_id } if media_id.is_empty() => Some("its media_id is empty"),
            Self::Link { title, .. } | Self::News { title, .. } if title.is_empty() => {
                Some("its title is empty")
            }
            Self::Link { url, .. } | Self::News { url, .. } => content::url_problem(url),
            Self::MiniProgramPage { page, thumb_media_id, .. }
                if page.is_empty() || thumb_media_id.is_empty() =>
            {
                Some("its page or its thumb_media_id is empty")
            }
            Self::Menu { items, .. } if items.is_empty() => Some("its items are empty"),
            _ => None,
        }
    }

    /// All its texts.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Image { media_id } => vec![media_id],
            Self::Link { title, description, url, thumb_url: picture }
            | Self::News { title, description, url, picture_url: picture } => {
                vec![title, description, url, picture]
            }
            Self::MiniProgramPage { title, page, thumb_media_id, .. } => {
                vec![title, page, thumb_media_id]
            }
            Self::Menu { head, items, tail } => {
                let answers = items.iter().flat_map(|item| [&*item.id, &*item.content]);
                answers.chain([head.as_str(), tail.as_str()]).collect()
            }
        }
    }

    /// The same message with `change` applied to each text, and `address` to each address.
    /// Returns their first error.
    pub fn map<E>(
        &self,
        change: impl Fn(&str) -> Result<String, E>,
        address: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Self, E> {
        Ok(match self {
            Self::Text(text) => Self::Text(change(text)?),
            Self::Image { media_id } => Self::Image { media_id: change(media_id)? },
            Self::Link { title, description, url, thumb_url } => Self::Link {
                title: change(title)?,
                description: change(description)?,
                url: address(url)?,
                thumb_url: address(thumb_url)?,
            },
            Self::News { title, description, url, picture_url } => Self::News {
                title: change(title)?,
                description: change(description)?,
                url: address(url)?,
                picture_url: address(picture_url)?,
            },
            Self::MiniProgramPage { title, app_id, page, thumb_media_id } => {
                Self::MiniProgramPage {
                    title: change(title)?,
                    app_id: app_id.clone(),
                    page: address(page)?,
                    thumb_media_id: change(thumb_media_id)?,
                }
            }
            Self::Menu { head, items, tail } => {
                let answer = |item: &MenuItem| {
                    Ok(MenuItem { id: change(&item.id)?, content: change(&item.content)? })
                };
                Self::Menu {
                    head: change(head)?,
                    items: items.iter().map(answer).collect::<Result<_, _>>()?,
                    tail: change(tail)?,
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
                    "title": title, "pagepath": page, "thumb_media_id": thumb_media_id,
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
