//! Messages on a screen.

use serde::{Deserialize, Serialize};

/// The chat that collects the subscription messages of all apps.
///
/// Source: WeChat's documentation, "小程序订阅消息" and "订阅通知" ("订阅消息推送位置：服务通知").
pub const SERVICE_NOTICES: &str = "服务通知";

/// A message on a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The app's alias.
    pub app: String,
    /// `template`, `subscribe` (of a Mini Program), `bizsend` (a subscription notification of
    /// an Official Account), `legacy_template` (of a Mini Program, until 2020),
    /// `customer_service`, `passive_reply`, `sent` (by the person) or `system` (a line that
    /// WeChat itself adds to the chat).
    pub kind: String,
    /// The template's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The fields as displayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ShownField>,
    /// The key of the field in large type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emphasis: Option<String>,
    /// The text of a chat line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The target of a tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<Jump>,
    /// Unix seconds, by the sandbox's clock.
    pub time: i64,
    /// WeChat's `msgid`, where the message has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgid: Option<i64>,
}

impl Message {
    /// The chat that shows it: an app's alias, or [`SERVICE_NOTICES`].
    pub fn chat(&self) -> &str {
        match self.kind.as_str() {
            "subscribe" | "bizsend" | "legacy_template" => SERVICE_NOTICES,
            _ => &self.app,
        }
    }

    /// A line in a chat.
    pub(crate) fn line(app: &str, kind: &str, text: impl Into<String>, time: i64) -> Self {
        Self { text: Some(text.into()), ..Self::empty(app, kind, time) }
    }

    /// A card with the fields of a template.
    pub(crate) fn card(
        app: &str,
        kind: &str,
        title: String,
        fields: Vec<ShownField>,
        time: i64,
    ) -> Self {
        Self { title: Some(title), fields, ..Self::empty(app, kind, time) }
    }

    fn empty(app: &str, kind: &str, time: i64) -> Self {
        Self {
            app: app.to_owned(),
            kind: kind.to_owned(),
            title: None,
            fields: Vec::new(),
            emphasis: None,
            text: None,
            jump: None,
            time,
            msgid: None,
        }
    }
}

/// A field as displayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownField {
    /// The template's key, `thing1`.
    pub key: String,
    /// The label before the value.
    pub label: String,
    /// The value.
    pub value: String,
}

/// The target of a tap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jump {
    /// A web page.
    Url(String),
    /// A page of a Mini Program.
    MiniProgram {
        /// The AppID of the Mini Program.
        app_id: String,
        /// The page; the first page if absent.
        page: Option<String>,
        /// `developer`, `trial` or `formal`.
        state: String,
    },
}
