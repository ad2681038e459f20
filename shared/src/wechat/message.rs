//! Messages made of a template. Those of customer service stand in
//! [`crate::wechat::customer_service`].

use crate::secret::Secret;
use crate::wechat::client::{Client, Error};
use crate::wechat::id::{AppId, OpenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The keys of a WeChat template (`thing1`, `time2`, …) and what they show.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Data(pub BTreeMap<String, Value>);

/// What one key of a template shows.
#[derive(Clone, Debug, Serialize)]
pub struct Value {
    /// The text.
    pub value: String,
}

/// A template message of an Official Account.
///
/// Source: WeChat's documentation, "发送模板消息" (`message/template/send`).
#[derive(Debug, Serialize)]
pub struct TemplateMessage<'a> {
    /// A follower of the account.
    pub touser: &'a OpenId,
    /// The account's own id of the template.
    pub template_id: &'a str,
    /// Where a tap leads, if there is no mini program or it can't be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    /// The mini program that a tap opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgram<'a>>,
    /// WeChat sends a message with the same id to the same user once within
    /// 10 minutes. At most 32 characters.
    pub client_msg_id: &'a str,
    /// The fields.
    pub data: &'a Data,
}

/// A place in a mini program.
#[derive(Debug, Serialize)]
pub struct MiniProgram<'a> {
    /// It must be bound to the Official Account.
    pub appid: &'a AppId,
    /// The page, with its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagepath: Option<&'a str>,
}

/// A subscription message of a mini program.
///
/// Source: WeChat's documentation, "发送订阅消息" (`message/subscribe/send`).
#[derive(Debug, Serialize)]
pub struct SubscribeMessage<'a> {
    /// A user of the mini program who has consented.
    pub touser: &'a OpenId,
    /// The mini program's own id of the template.
    pub template_id: &'a str,
    /// The page that a tap opens; without one the card can't be tapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'a str>,
    /// `developer`, `trial` or `formal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<&'a str>,
    /// `zh_CN`, `en_US`, `zh_HK` or `zh_TW`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<&'a str>,
    /// The fields.
    pub data: &'a Data,
}

/// WeChat has taken a message on; a receipt event will say what became of it.
#[derive(Debug, Deserialize)]
pub struct Accepted {
    /// WeChat's 0. An answer without it says nothing.
    #[serde(rename = "errcode")]
    _accepted: serde_json::Value,
    /// What the receipt will name. Customer-service messages have none.
    #[serde(default)]
    msgid: Option<serde_json::Number>,
}

impl Accepted {
    /// The id that the receipt will name, in decimal.
    pub fn message_id(&self) -> Option<String> {
        self.msgid.as_ref().map(ToString::to_string)
    }
}

impl Client {
    /// Sends a template message. Sent again within 10 minutes it's still one.
    ///
    /// # Errors
    ///
    /// Refusals, among others: 43004 (doesn't follow), 47003 (a field), 40037
    /// (the template).
    pub async fn send_template(
        &self,
        token: &Secret,
        message: &TemplateMessage<'_>,
    ) -> Result<Accepted, Error> {
        self.post("/cgi-bin/message/template/send", Some(token), message).await
    }

    /// Sends a subscription message, which uses up one consent.
    ///
    /// # Errors
    ///
    /// Refusals, among others: 43101 (no consent), 47003 (a field), 40037 (the
    /// template).
    pub async fn send_subscribe(
        &self,
        token: &Secret,
        message: &SubscribeMessage<'_>,
    ) -> Result<Accepted, Error> {
        self.post("/cgi-bin/message/subscribe/send", Some(token), message).await
    }
}
