//! What is on a screen.

use serde::{Deserialize, Serialize};

/// The chat in which all apps' subscription messages stand.
///
/// Source: WeChat's documentation, "小程序订阅消息" and "订阅通知" ("订阅消息推送位置：服务通知").
pub const SERVICE_NOTICES: &str = "服务通知";

/// Something on a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// From whom, by alias.
    pub app: String,
    /// `template`, `subscribe` (of a Mini Program), `bizsend` (a subscription
    /// notification of an Official Account), `legacy_template` (of a Mini
    /// Program, as until 2020), `customer_service`, `passive_reply`, `sent` (by
    /// the person) or `system` (WeChat's own line in the chat).
    pub kind: String,
    /// The template's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The fields as displayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Shown>,
    /// The key of the field that is shown larger than the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emphasis: Option<String>,
    /// The text of a chat line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where a tap leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<Jump>,
    /// Unix seconds, by the sandbox's clock.
    pub time: i64,
    /// WeChat's `msgid`, where the message has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgid: Option<i64>,
}

impl Message {
    /// In which chat it stands: an app's alias, or [`SERVICE_NOTICES`].
    pub fn chat(&self) -> &str {
        match self.kind.as_str() {
            "subscribe" | "bizsend" | "legacy_template" => SERVICE_NOTICES,
            _ => &self.app,
        }
    }

    /// A line in a chat.
    pub(crate) fn line(app: &str, kind: &str, text: impl Into<String>, time: i64) -> Self {
        Self {
            app: app.to_owned(),
            kind: kind.to_owned(),
            title: None,
            fields: Vec::new(),
            emphasis: None,
            text: Some(text.into()),
            jump: None,
            time,
            msgid: None,
        }
    }
}

/// A field as displayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The template's key, `thing1`.
    pub key: String,
    /// What stands before it.
    pub label: String,
    /// What it says.
    pub value: String,
}

/// Where a tap leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jump {
    /// To a web page.
    Url(String),
    /// To a page of a Mini Program.
    MiniProgram {
        /// Whose page.
        app_id: String,
        /// Which page; its first one if there is none.
        page: Option<String>,
        /// `developer`, `trial` or `formal`.
        state: String,
    },
}
