//! Messages made of a template. For those of customer service see
//! [`crate::wechat::customer_service`].

use crate::secret::Secret;
use crate::wechat::api;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};
use serde::Serialize;
use std::collections::BTreeMap;

/// The keys of a WeChat template (`thing1`, `time2`, …) and what they show.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct TemplateData(pub BTreeMap<String, TemplateValue>);

/// What one key of a template shows.
#[derive(Clone, Debug, Serialize)]
pub struct TemplateValue {
    /// The text.
    pub value: String,
}

/// A template message of an Official Account.
///
/// Source: WeChat's documentation, ["发送模板消息"] (`message/template/send`).
///
/// ["发送模板消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
#[derive(Debug, Serialize)]
pub struct TemplateMessage<'a> {
    /// A follower of the account.
    pub touser: &'a OpenId,
    /// The account's id of the template.
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
    pub data: &'a TemplateData,
}

/// A page of a mini program.
#[derive(Debug, Serialize)]
pub struct MiniProgram<'a> {
    /// It must be linked (关联) to the Official Account in the account's console.
    pub appid: &'a AppId,
    /// The page, with its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagepath: Option<String>,
}

/// A subscription message of a mini program.
///
/// Source: WeChat's documentation, ["发送订阅消息"] (`message/subscribe/send`).
///
/// ["发送订阅消息"]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
#[derive(Debug, Serialize)]
pub struct SubscribeMessage<'a> {
    /// A user of the mini program who has consented.
    pub touser: &'a OpenId,
    /// The mini program's id of the template.
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
    pub data: &'a TemplateData,
}

/// A subscription notification of an Official Account (订阅通知).
///
/// Source: WeChat's documentation, ["发送订阅通知"] (`message/subscribe/bizsend`).
///
/// ["发送订阅通知"]: https://developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html
#[derive(Debug, Serialize)]
pub struct BizsendMessage<'a> {
    /// A user of the account who has consented, follower or not.
    pub touser: &'a OpenId,
    /// The account's id of the template.
    pub template_id: &'a str,
    /// The web page that a tap opens, if there is no mini program or it can't be
    /// opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'a str>,
    /// The mini program that a tap opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgram<'a>>,
    /// As with [`TemplateMessage::client_msg_id`].
    pub client_msg_id: &'a str,
    /// The fields.
    pub data: &'a TemplateData,
}

/// A template message of a mini program, which WeChat retired on 2020-01-10.
///
/// Source: WeChat's documentation of that time, "发送模板消息"
/// (`message/wxopen/template/send`).
#[derive(Debug, Serialize)]
pub struct LegacyTemplateMessage<'a> {
    /// A user of the mini program.
    pub touser: &'a OpenId,
    /// The mini program's id of the template.
    pub template_id: &'a str,
    /// The page that a tap opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'a str>,
    /// A form that the user has submitted within the last seven days.
    pub form_id: &'a str,
    /// The fields.
    pub data: &'a TemplateData,
    /// The key that is shown large, with `.DATA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emphasis_keyword: Option<&'a str>,
}

/// WeChat has accepted a message. A receipt event reports the delivery.
#[derive(Debug)]
pub struct Accepted {
    message_id: Option<String>,
}

impl ApiResponse for Accepted {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        // WeChat's 0. A response without it is an error.
        fields.required("errcode")?;
        // As receipts have it: neither 0 nor what couldn't be part of a key.
        let is_number = |id: &String| id.bytes().all(|digit| digit.is_ascii_digit());
        Ok(Self { message_id: fields.id("msgid").filter(|id| id != "0" && is_number(id)) })
    }
}

impl Accepted {
    /// The id in the receipt, in decimal. Customer-service messages have none.
    pub fn message_id(&self) -> Option<String> {
        self.message_id.clone()
    }
}

/// A request to one of WeChat's send APIs. Its `Debug` doesn't show the body.
#[derive(Clone)]
pub struct SendRequest {
    api: &'static str,
    body: serde_json::Value,
}

impl SendRequest {
    pub(super) fn new(api: &'static str, body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body).expect("a message is made of texts and lists");
        Self { api, body }
    }

    /// The path of the API.
    pub fn api(&self) -> &'static str {
        self.api
    }

    /// The same message, which opens a web page in place of a mini program. None if it
    /// doesn't have both: a card that opens nothing is not what the template asks for.
    pub fn without_mini_program(&self) -> Option<Self> {
        let has = |name: &str| self.body.get(name).is_some_and(|value| !value.is_null());
        if !has("miniprogram") || !(has("url") || has("page")) {
            return None;
        }
        let mut other = self.clone();
        other.body.as_object_mut()?.remove("miniprogram");
        Some(other)
    }

    /// The app id of the mini program that the message opens, if it does.
    pub fn mini_program(&self) -> Option<AppId> {
        AppId::parse(self.body["miniprogram"]["appid"].as_str()?).ok()
    }

    /// The body without the user, the form id that it would use up, and the idempotency key.
    pub fn preview(&self) -> serde_json::Value {
        let mut shown = self.body.clone();
        if let Some(body) = shown.as_object_mut() {
            for name in ["touser", "client_msg_id", "form_id"] {
                body.remove(name);
            }
        }
        shown
    }
}

impl std::fmt::Debug for SendRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SendRequest({})", self.api)
    }
}

impl TemplateMessage<'_> {
    /// The request that sends it. Repeated within 10 minutes it is still one message.
    ///
    /// Refusals, among others: 43004 (doesn't follow), 47003 (a field), 40037 (the
    /// template).
    pub fn request(&self) -> SendRequest {
        SendRequest::new(api::TEMPLATE, self)
    }
}

impl SubscribeMessage<'_> {
    /// The request that sends it and uses up one consent.
    ///
    /// Refusals, among others: 43101 (no consent), 47003 (a field), 40037 (the
    /// template).
    pub fn request(&self) -> SendRequest {
        SendRequest::new(api::SUBSCRIBE, self)
    }
}

impl BizsendMessage<'_> {
    /// The request that sends it and uses up one consent. Repeated within 10 minutes it is
    /// still one message.
    ///
    /// Refusals, among others: 43101 (no consent), 47003 (a field), 40037 (the
    /// template), 48001 (no certified service account).
    pub fn request(&self) -> SendRequest {
        SendRequest::new(api::BIZSEND, self)
    }
}

impl LegacyTemplateMessage<'_> {
    /// The request that sends it and uses up the form id.
    ///
    /// Refusals, among others: 41028 (the form id is wrong or too old), 41029 (it
    /// was used), 40037 (the template).
    pub fn request(&self) -> SendRequest {
        SendRequest::new(api::LEGACY_TEMPLATE, self)
    }
}

impl WeChatClient {
    /// Sends a message.
    pub async fn send(&self, token: &Secret, message: &SendRequest) -> Result<Accepted, CallError> {
        self.post(message.api, Some(token), &message.body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data() -> TemplateData {
        TemplateData(
            [("thing1".to_owned(), TemplateValue { value: "Blue kettle".to_owned() })].into(),
        )
    }

    #[test]
    fn subscription_notification_has_wechats_request_body() {
        let (ann, shop) = (OpenId::parse("oAnn").unwrap(), AppId::parse("wx0000000000005a02"));
        let message = BizsendMessage {
            touser: &ann,
            template_id: "T",
            page: Some("https://example.test/17"),
            miniprogram: Some(MiniProgram {
                appid: &shop.unwrap(),
                pagepath: Some("p".to_owned()),
            }),
            client_msg_id: "c",
            data: &data(),
        };
        let request = message.request();
        assert_eq!(request.api(), "/cgi-bin/message/subscribe/bizsend");
        let mut body = json!({
            "touser": "oAnn", "template_id": "T", "page": "https://example.test/17",
            "miniprogram": { "appid": "wx0000000000005a02", "pagepath": "p" },
            "client_msg_id": "c", "data": { "thing1": { "value": "Blue kettle" } },
        });
        assert_eq!(request.body, body);
        for hidden in ["touser", "client_msg_id"] {
            body.as_object_mut().unwrap().remove(hidden);
        }
        assert_eq!(request.preview(), body);
        assert!(!format!("{request:?}").contains("kettle"));
    }

    #[test]
    fn legacy_template_message_has_wechats_request_body() {
        let bob = OpenId::parse("oBob").unwrap();
        let message = LegacyTemplateMessage {
            touser: &bob,
            template_id: "T",
            page: None,
            form_id: "F",
            data: &data(),
            emphasis_keyword: Some("keyword1.DATA"),
        };
        let body = json!({
            "touser": "oBob", "template_id": "T", "form_id": "F",
            "data": { "thing1": { "value": "Blue kettle" } }, "emphasis_keyword": "keyword1.DATA",
        });
        assert_eq!(message.request().body, body);
    }
}
