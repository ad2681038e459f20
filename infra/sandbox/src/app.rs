//! An Official Account or a Mini Program, as its operator has set it up.

use crate::crowd::Crowd;
use crate::world::expose;
use crate::{
    industry, legacy_template, login, media, once, phone, quota, rotation, token, whitelist,
};
use serde::{Deserialize, Serialize};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// What an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A service account (服务号): the kind of Official Account that may send
    /// template messages.
    OfficialAccount,
    /// A Mini Program (小程序).
    MiniProgram,
}

/// What an Official Account is, in WeChat's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// 服务号, certified: it may do all that there is.
    #[default]
    Service,
    /// 订阅号: it may send no template messages and no subscription notifications.
    Subscription,
    /// 测试号: it may send no subscription notifications, and has smaller quotas.
    Test,
}

/// How pushes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 明文模式: as it is.
    Plaintext,
    /// 兼容模式: as it is, and encrypted beside it.
    Compatible,
    /// 安全模式: encrypted only.
    Safe,
}

/// How pushes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An `<xml>` document.
    Xml,
    /// A JSON object.
    Json,
}

/// An Official Account or a Mini Program, as its operator has set it up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    /// The short name that the control API and the callback's path use.
    pub alias: String,
    /// What it is.
    pub kind: Kind,
    /// What an Official Account is; of a Mini Program it says nothing.
    #[serde(default)]
    pub account: Account,
    /// `wx…`.
    pub app_id: AppId,
    /// `gh_…`: what pushes carry as `ToUserName`.
    pub original_id: String,
    /// The AppSecret.
    #[serde(serialize_with = "expose")]
    pub secret: Secret,
    /// The Token that signs pushes; 3 to 32 letters or digits.
    #[serde(serialize_with = "expose")]
    pub callback_token: Secret,
    /// The EncodingAESKey; 43 letters or digits.
    #[serde(serialize_with = "expose")]
    pub encoding_aes_key: Secret,
    /// How pushes are protected.
    pub mode: Mode,
    /// How pushes are written.
    pub format: Format,
    /// The open-platform account that it is bound to; apps with the same one
    /// see the same unionids.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// An Official Account's menu.
    #[serde(default)]
    pub menu: Vec<MenuItem>,
    /// The templates that it may send.
    #[serde(default)]
    pub templates: Vec<Template>,
    #[serde(default)]
    pub(crate) tokens: token::Tokens,
    #[serde(default)]
    pub(crate) codes: Vec<login::Code>,
    #[serde(default)]
    pub(crate) phone_codes: Vec<phone::Code>,
    #[serde(default)]
    pub(crate) quotas: quota::Quotas,
    /// Daily quotas, by path, where they aren't WeChat's usual ones.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u64>,
    /// A page of the followers' list has so many at most, if not 10,000.
    #[serde(default)]
    pub(crate) list_page: Option<usize>,
    #[serde(default)]
    pub(crate) crowd: Crowd,
    #[serde(default)]
    pub(crate) remembered: Vec<once::Remembered>,
    #[serde(default)]
    pub(crate) forms: Vec<legacy_template::Form>,
    #[serde(default)]
    pub(crate) clears: quota::Clears,
    #[serde(default)]
    pub(crate) whitelist: whitelist::Whitelist,
    #[serde(default)]
    pub(crate) media: Vec<media::Media>,
    #[serde(default)]
    pub(crate) industries: industry::Industries,
    #[serde(default)]
    pub(crate) rotation: rotation::Rotation,
}

impl App {
    /// Another app that was set up in the same way, and in which nothing has
    /// happened yet.
    pub(crate) fn twin(&self, alias: String, app_id: AppId) -> Self {
        let last: String = app_id.as_str().chars().rev().take(12).collect();
        Self {
            alias,
            original_id: format!("gh_{}", last.chars().rev().collect::<String>()),
            app_id,
            tokens: token::Tokens::default(),
            codes: Vec::new(),
            phone_codes: Vec::new(),
            quotas: quota::Quotas::default(),
            crowd: Crowd::default(),
            remembered: Vec::new(),
            forms: Vec::new(),
            clears: quota::Clears::default(),
            rotation: rotation::Rotation::default(),
            ..self.clone()
        }
    }
}

/// An entry of an Official Account's menu: a tap on it is told to the callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuItem {
    /// What it is called.
    pub name: String,
    /// What the callback is told.
    pub key: String,
}

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    /// A template message of an Official Account; followers need no consent.
    Template,
    /// A subscription message; every consent is good for one. WeChat's type 2.
    OneTime,
    /// A subscription message; one consent is good until it is withdrawn.
    /// WeChat's type 3.
    LongTerm,
    /// A template message of a Mini Program, as it was until 2020: every form
    /// that somebody submits is good for one.
    Legacy,
}

impl TemplateKind {
    /// Whether people are asked for consent to it.
    pub(crate) fn is_subscription(self) -> bool {
        matches!(self, Self::OneTime | Self::LongTerm)
    }
}

/// A template in an app's own library.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// 43 characters.
    pub template_id: String,
    /// What it is called.
    pub title: String,
    /// What it is for.
    pub kind: TemplateKind,
    /// Lines like `Product:{{thing1.DATA}}`.
    pub content: String,
    /// The same lines with samples in place of the keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub example: String,
    /// The values that an `enum…` or `const…` key may have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Vec<String>>,
    /// The industry that it belongs to, if it is of the library of before 2023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<u8>,
}
