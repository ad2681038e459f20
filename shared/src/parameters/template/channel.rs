//! One way to say something: which app speaks, and how the fields fill what
//! WeChat sends.

use super::field_source::{self, FieldSource};
use crate::parameters::AppKind;
use crate::wechat::api;
use crate::wechat::customer_service::CustomerServiceMessage;
use crate::wechat::field::MessageKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// One way to say it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "channel", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// A template message of an Official Account (模板消息), for its followers.
    Template {
        /// The account's alias.
        app: String,
        /// The account's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what fills them.
        #[serde(deserialize_with = "field_source::data")]
        #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, FieldSource>"))]
        data: BTreeMap<String, FieldSource>,
        /// Where a tap leads. May have `{field}` in it.
        #[serde(default)]
        url: Option<String>,
        /// The mini program that a tap opens.
        #[serde(default)]
        mini_program: Option<MiniProgramPage>,
    },
    /// A subscription message of a mini program (订阅消息), for a user who has
    /// consented.
    Subscribe {
        /// The mini program's alias.
        app: String,
        /// The mini program's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what fills them.
        #[serde(deserialize_with = "field_source::data")]
        #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, FieldSource>"))]
        data: BTreeMap<String, FieldSource>,
        /// The page that a tap opens. May have `{field}` in it.
        #[serde(default)]
        page: Option<String>,
        /// The version of the mini program that a tap opens; the released one, if absent.
        #[serde(default)]
        state: Option<MiniProgramState>,
        /// The language of the mini program; `zh_CN`, if absent.
        #[serde(default)]
        lang: Option<MessageLanguage>,
        /// Whether one consent lasts until it is withdrawn, as WeChat allows for
        /// templates of some trades; otherwise it is good for one message.
        #[serde(default)]
        long_term: bool,
    },
    /// A subscription notification of an Official Account (订阅通知), for a user who
    /// has consented, follower or not.
    Bizsend {
        /// The account's alias.
        app: String,
        /// The account's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what fills them.
        #[serde(deserialize_with = "field_source::data")]
        #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, FieldSource>"))]
        data: BTreeMap<String, FieldSource>,
        /// The web page that a tap opens. May have `{field}` in it.
        #[serde(default)]
        page: Option<String>,
        /// The mini program that a tap opens.
        #[serde(default)]
        mini_program: Option<MiniProgramPage>,
        /// Whether one consent lasts until it is withdrawn; otherwise it is good for
        /// one message.
        #[serde(default)]
        long_term: bool,
    },
    /// A message from customer service (客服消息), for a user who has been in touch
    /// lately.
    CustomerService(CustomerService),
    /// A template message of a mini program by a form id, which WeChat retired on
    /// 2020-01-10.
    LegacyTemplate {
        /// The mini program's alias.
        app: String,
        /// The mini program's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what fills them.
        #[serde(deserialize_with = "field_source::data")]
        #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, FieldSource>"))]
        data: BTreeMap<String, FieldSource>,
        /// The page that a tap opens. May have `{field}` in it.
        #[serde(default)]
        page: Option<String>,
        /// The key that is shown large.
        #[serde(default)]
        emphasis_keyword: Option<String>,
    },
}

impl Channel {
    /// The mini program that a tap leads to, if the channel names one.
    pub fn target(&self) -> Option<&MiniProgramPage> {
        match self {
            Self::Template { mini_program, .. } | Self::Bizsend { mini_program, .. } => {
                mini_program.as_ref()
            }
            Self::Subscribe { .. } | Self::CustomerService(_) | Self::LegacyTemplate { .. } => None,
        }
    }
}

impl ChannelKind {
    /// The kind of app that has such channels, if only one has.
    pub fn sender_kind(self) -> Option<AppKind> {
        match self {
            Self::Template | Self::Bizsend => Some(AppKind::OfficialAccount),
            Self::Subscribe | Self::LegacyTemplate => Some(AppKind::MiniProgram),
            Self::CustomerService => None,
        }
    }
}

/// A message from customer service: `{"app": "shop", "text": "…"}`, or in place
/// of `text` one of the other kinds of [`CustomerServiceMessage`].
#[derive(Clone, Debug)]
pub struct CustomerService {
    /// The app's alias.
    pub app: String,
    /// The message. Every text of it may have `{field}` in it.
    pub message: CustomerServiceMessage,
}

/// A page of a mini program.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MiniProgramPage {
    /// The mini program's alias.
    pub app: String,
    /// The page with its query. May have `{field}` in it.
    #[serde(default)]
    pub page: Option<String>,
}

/// A version of a mini program, as `miniprogram_state` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MiniProgramState {
    /// The one under development (开发版).
    Developer,
    /// The trial one (体验版).
    Trial,
    /// The released one (正式版).
    Formal,
}

impl MiniProgramState {
    /// WeChat's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Trial => "trial",
            Self::Formal => "formal",
        }
    }
}

/// A language that a subscription message opens the mini program in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum MessageLanguage {
    /// Simplified Chinese.
    #[serde(rename = "zh_CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en_US")]
    EnUs,
    /// Traditional Chinese, as in Hong Kong.
    #[serde(rename = "zh_HK")]
    ZhHk,
    /// Traditional Chinese, as in Taiwan.
    #[serde(rename = "zh_TW")]
    ZhTw,
}

impl MessageLanguage {
    /// WeChat's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::EnUs => "en_US",
            Self::ZhHk => "zh_HK",
            Self::ZhTw => "zh_TW",
        }
    }
}

/// The kind of a channel, by which a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A template message of an Official Account (模板消息).
    Template,
    /// A subscription message of a mini program (订阅消息).
    Subscribe,
    /// A subscription notification of an Official Account (订阅通知).
    Bizsend,
    /// A message from customer service (客服消息).
    CustomerService,
    /// A template message of a mini program by a form id, retired by WeChat.
    LegacyTemplate,
}

impl ChannelKind {
    /// The word for it, in templates, requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Subscribe => "subscribe",
            Self::Bizsend => "bizsend",
            Self::CustomerService => "customer_service",
            Self::LegacyTemplate => "legacy_template",
        }
    }

    /// The path of the API that sends through such a channel.
    pub fn api(self) -> &'static str {
        match self {
            Self::Template => api::TEMPLATE,
            Self::Subscribe => api::SUBSCRIBE,
            Self::Bizsend => api::BIZSEND,
            Self::CustomerService => api::CUSTOMER_SERVICE,
            Self::LegacyTemplate => api::LEGACY_TEMPLATE,
        }
    }

    /// Whether WeChat keeps a repeated message from being seen twice, by its
    /// `client_msg_id`.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Template | Self::Bizsend)
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CustomerService {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut written = Map::deserialize(deserializer)?;
        let app = match written.remove("app") {
            Some(Value::String(app)) => app,
            Some(_) => return Err(D::Error::custom("app: expected a text")),
            None => return Err(D::Error::missing_field("app")),
        };
        if written.len() != 1 {
            return Err(D::Error::custom(
                "a customer_service channel has one of text, image, link, news, mini_program_page and menu",
            ));
        }
        let message = CustomerServiceMessage::deserialize(Value::Object(written))
            .map_err(D::Error::custom)?;
        Ok(Self { app, message })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CustomerService {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CustomerService".into()
    }

    /// The kinds of message, each with the app beside it.
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = CustomerServiceMessage::json_schema(generator);
        let kinds = schema.get_mut("oneOf").and_then(Value::as_array_mut);
        for kind in kinds.into_iter().flatten() {
            kind["properties"]["app"] =
                serde_json::json!({ "type": "string", "description": "The app's alias." });
            kind["required"].as_array_mut().into_iter().for_each(|it| it.push("app".into()));
        }
        // The tag stands beside these, so none of them alone can say what is too much.
        schema.insert("unevaluatedProperties".to_owned(), false.into());
        schema
    }
}

impl Channel {
    /// Its kind.
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Template { .. } => ChannelKind::Template,
            Self::Subscribe { .. } => ChannelKind::Subscribe,
            Self::Bizsend { .. } => ChannelKind::Bizsend,
            Self::CustomerService { .. } => ChannelKind::CustomerService,
            Self::LegacyTemplate { .. } => ChannelKind::LegacyTemplate,
        }
    }

    /// The alias of the app that speaks in it.
    pub fn app(&self) -> &str {
        match self {
            Self::Template { app, .. }
            | Self::Subscribe { app, .. }
            | Self::Bizsend { app, .. }
            | Self::CustomerService(CustomerService { app, .. })
            | Self::LegacyTemplate { app, .. } => app,
        }
    }

    /// WeChat's template, if it's made of one.
    pub fn template_id(&self) -> Option<&str> {
        match self {
            Self::Template { template_id, .. }
            | Self::Subscribe { template_id, .. }
            | Self::Bizsend { template_id, .. }
            | Self::LegacyTemplate { template_id, .. } => Some(template_id),
            Self::CustomerService(_) => None,
        }
    }

    /// WeChat's keys, what fills them, and the kind of message they belong to,
    /// if it's one with keys.
    pub fn data(&self) -> Option<(&BTreeMap<String, FieldSource>, MessageKind)> {
        match self {
            Self::Template { data, .. } | Self::LegacyTemplate { data, .. } => {
                Some((data, MessageKind::Template))
            }
            Self::Subscribe { data, .. } | Self::Bizsend { data, .. } => {
                Some((data, MessageKind::Subscribe))
            }
            Self::CustomerService(_) => None,
        }
    }
}
