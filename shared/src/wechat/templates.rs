//! The templates that an account has at WeChat.
//!
//! Source: WeChat's documentation, ["获取已添加至账号下所有模板列表"]
//! (`template/get_all_private_template`) for template messages, and "获取个人模板列表"
//! (`newtmpl/gettemplate`) for subscription messages.
//!
//! ["获取已添加至账号下所有模板列表"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};
use std::collections::BTreeMap;

/// A template of template messages (模板消息), in an Official Account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateTemplate {
    /// The account's id of the template.
    pub template_id: String,
    /// Its name in WeChat's console.
    pub title: String,
    /// Its lines, each with a key; see [`keys`].
    pub content: String,
}

/// A template of subscription messages (订阅消息, 订阅通知), in a mini program or
/// an Official Account.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl PrivateTemplate {
    /// None if the entry of the list has no id or no lines.
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            template_id: fields.word("template_id")?,
            title: fields.text("title"),
            content: fields.written("content")?,
        })
    }
}

impl SubscriptionTemplate {
    /// None if the entry of the list has no id or no lines.
    fn read(fields: Fields<'_>) -> Option<Self> {
        let values = fields.objects("keywordEnumValueList").into_iter();
        Some(Self {
            template_id: fields.word("priTmplId")?,
            title: fields.text("title"),
            content: fields.written("content")?,
            consent: match fields.number("type") {
                Some(2) => ConsentKind::OneTime,
                Some(3) => ConsentKind::LongTerm,
                _ => ConsentKind::Unknown,
            },
            values: values.filter_map(allowed_values).collect(),
        })
    }
}

/// The allowed values of one key, which comes with or without the suffix of a placeholder.
fn allowed_values(fields: Fields<'_>) -> Option<(String, Vec<String>)> {
    let key = fields.word("keywordCode")?;
    let key = key.strip_suffix(".DATA").unwrap_or(&key).to_owned();
    Some((key, fields.texts("enumValueList")))
}

/// A list of templates, without `errcode` on success.
pub(super) struct PrivateTemplates(pub(super) Vec<PrivateTemplate>);

impl ApiResponse for PrivateTemplates {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let listed = fields.required_array("template_list")?;
        Ok(Self(listed.filter_map(PrivateTemplate::read).collect()))
    }
}

/// As [`PrivateTemplates`], of subscription templates.
pub(super) struct SubscriptionTemplates(pub(super) Vec<SubscriptionTemplate>);

impl ApiResponse for SubscriptionTemplates {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let listed = fields.required_array("data")?;
        Ok(Self(listed.filter_map(SubscriptionTemplate::read).collect()))
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
        let query = [("access_token", access_token.expose())];
        let PrivateTemplates(listed) =
            self.list("/cgi-bin/template/get_all_private_template", &query).await?;
        Ok(listed)
    }

    /// The templates of a mini program's subscription messages, or of an Official
    /// Account's subscription notifications.
    ///
    /// Refusals, among others: 200100 (the account has no such messages).
    pub async fn subscription_templates(
        &self,
        access_token: &Secret,
    ) -> Result<Vec<SubscriptionTemplate>, CallError> {
        let query = [("access_token", access_token.expose())];
        let SubscriptionTemplates(listed) =
            self.list("/wxaapi/newtmpl/gettemplate", &query).await?;
        Ok(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::wire::answer;

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
        let read = |text: &str| {
            let tree = answer::tree(text.as_bytes()).unwrap();
            SubscriptionTemplate::read(Fields(&tree)).unwrap()
        };
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
