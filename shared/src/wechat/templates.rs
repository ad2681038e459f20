//! The templates that an account has at WeChat.
//!
//! Source: WeChat's documentation, ["获取已添加至账号下所有模板列表"]
//! (`template/get_all_private_template`) for template messages, and "获取个人模板列表"
//! (`newtmpl/gettemplate`) for subscription messages.
//!
//! ["获取已添加至账号下所有模板列表"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A template of template messages (模板消息), in an Official Account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PrivateTemplate {
    /// The account's id of the template.
    pub template_id: String,
    /// Its name in WeChat's console.
    #[serde(default)]
    pub title: String,
    /// Its lines, each with a key; see [`keys`].
    pub content: String,
}

/// A template of subscription messages (订阅消息, 订阅通知), in a mini program or
/// an Official Account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "ListedTemplate")]
pub struct SubscriptionTemplate {
    /// The account's id of the template.
    pub template_id: String,
    /// Its name in WeChat's console.
    pub title: String,
    /// Its lines, each with a key; see [`keys`].
    pub content: String,
    /// What one consent to it allows.
    pub consent: ConsentKind,
    /// The allowed values of each key that has a list of them.
    pub values: BTreeMap<String, Vec<String>>,
}

/// What one consent of a person allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentKind {
    /// One message.
    OneTime,
    /// Any number of messages, until it is withdrawn.
    LongTerm,
    /// A `type` that WeChat's documentation doesn't name: it has 2 and 3.
    Unknown,
}

/// A subscription template as WeChat lists it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedTemplate {
    #[serde(rename = "priTmplId")]
    template_id: String,
    #[serde(default)]
    title: String,
    content: String,
    #[serde(default, rename = "type")]
    kind: i64,
    #[serde(default)]
    keyword_enum_value_list: Option<Vec<Values>>,
}

/// The values of one key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    keyword_code: String,
    enum_value_list: Vec<String>,
}

impl From<ListedTemplate> for SubscriptionTemplate {
    fn from(listed: ListedTemplate) -> Self {
        let values = listed.keyword_enum_value_list.unwrap_or_default().into_iter();
        Self {
            template_id: listed.template_id,
            title: listed.title,
            content: listed.content,
            consent: match listed.kind {
                2 => ConsentKind::OneTime,
                3 => ConsentKind::LongTerm,
                _ => ConsentKind::Unknown,
            },
            // The key comes with or without the suffix of a placeholder.
            values: values
                .map(|it| {
                    let key = it.keyword_code.strip_suffix(".DATA").unwrap_or(&it.keyword_code);
                    (key.to_owned(), it.enum_value_list)
                })
                .collect(),
        }
    }
}

/// The keys of a template's content in their order. `thing1` is written `{{thing1.DATA}}`.
pub fn keys(content: &str) -> impl Iterator<Item = &str> {
    content.split("{{").skip(1).filter_map(|rest| {
        let (key, _) = rest.split_once("}}")?;
        let key = key.trim().strip_suffix(".DATA")?.trim_end();
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        (!key.is_empty() && key.bytes().all(allowed)).then_some(key)
    })
}

impl WeChatClient {
    /// The templates of an Official Account's template messages.
    ///
    /// Refusals, among others: 48001 (not a service account).
    pub async fn private_templates(
        &self,
        access_token: &Secret,
    ) -> Result<Vec<PrivateTemplate>, CallError> {
        /// Without `errcode` on success.
        #[derive(Deserialize)]
        struct Response {
            template_list: Vec<PrivateTemplate>,
        }
        let query = [("access_token", access_token.expose())];
        let response: Response =
            self.list("/cgi-bin/template/get_all_private_template", &query).await?;
        Ok(response.template_list)
    }

    /// The templates of a mini program's subscription messages, or of an Official
    /// Account's subscription notifications.
    ///
    /// Refusals, among others: 200100 (the account has no such messages).
    pub async fn subscription_templates(
        &self,
        access_token: &Secret,
    ) -> Result<Vec<SubscriptionTemplate>, CallError> {
        #[derive(Deserialize)]
        struct Response {
            data: Vec<SubscriptionTemplate>,
        }
        let query = [("access_token", access_token.expose())];
        let response: Response = self.list("/wxaapi/newtmpl/gettemplate", &query).await?;
        Ok(response.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_the_order_of_their_lines() {
        let read = |content| keys(content).collect::<Vec<_>>();
        assert_eq!(read("会议时间:{{date2.DATA}}\n地点:{{thing1.DATA}}\n"), ["date2", "thing1"]);
        assert_eq!(
            read("{{first.DATA}}\n订单：{{ keyword1.DATA }}\n{{remark.DATA}}"),
            ["first", "keyword1", "remark"]
        );
        assert_eq!(read("{{a.DATA}}{{character_string2.DATA}}"), ["a", "character_string2"]);
        let none: [&str; 0] = [];
        for content in ["", "no keys", "{{thing1}}", "{{.DATA}}", "{{thing1.DATA", "{{a b.DATA}}"] {
            assert_eq!(read(content), none, "{content}");
        }
    }

    #[test]
    fn subscription_template_is_read_as_wechat_lists_it() {
        let read = |text: &str| serde_json::from_str::<SubscriptionTemplate>(text).unwrap();
        let washing = read(
            r#"{"priTmplId":"T","title":"洗衣机故障提醒","content":"位置:{{enum_string2.DATA}}\n",
                "example":"位置:客厅\n","type":3,"keywordEnumValueList":[
                {"keywordCode":"enum_string2.DATA","enumValueList":["客厅","厨房"]},
                {"keywordCode":"enum_string3","enumValueList":["红"]}]}"#,
        );
        assert_eq!((washing.template_id.as_str(), washing.consent), ("T", ConsentKind::LongTerm));
        assert_eq!(washing.values["enum_string2"], ["客厅", "厨房"]);
        assert_eq!(washing.values["enum_string3"], ["红"]);
        let plain = |kind: &str| read(&format!(r#"{{"priTmplId":"T","content":""{kind}}}"#));
        assert_eq!(plain(r#","type":2,"keywordEnumValueList":null"#).consent, ConsentKind::OneTime);
        assert_eq!(plain(r#","type":4"#).consent, ConsentKind::Unknown);
        assert!(plain("").values.is_empty());
    }
}
