//! The templates that an account has at WeChat.

use crate::app::App;
use serde::Serialize;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{ChannelKind, WeChatApp};
use shared::wechat::templates::{ConsentKind, keys};
use std::collections::BTreeMap;

/// WeChat's lists of the templates of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TemplateList {
    /// Those of template messages.
    TemplateMessages,
    /// Those of subscription messages and notifications.
    Subscriptions,
}

/// A template that an account has.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AccountTemplate {
    /// The account's own id of it.
    pub(super) template_id: String,
    /// Its title in WeChat's console.
    pub(super) title: String,
    /// Its lines, with a key in each: `地点:{{thing1.DATA}}`.
    pub(super) content: String,
    /// Its keys, in their order.
    pub(super) keys: Vec<String>,
    /// What one consent is valid for, if consent is needed and WeChat says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consent: Option<ConsentDuration>,
    /// The values that a key may have, for each key with an enumeration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) values: BTreeMap<String, Vec<String>>,
}

/// What one consent is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentDuration {
    /// One message.
    OneTime,
    /// Any number of messages, until it is withdrawn.
    LongTerm,
}

impl TemplateList {
    /// The list of this channel's templates. WeChat no longer lists those of legacy
    /// template messages, and customer service has none.
    pub(super) fn for_channel(kind: ChannelKind) -> Option<Self> {
        match kind {
            ChannelKind::Template => Some(Self::TemplateMessages),
            ChannelKind::Subscribe | ChannelKind::Bizsend => Some(Self::Subscriptions),
            ChannelKind::CustomerService | ChannelKind::LegacyTemplate => None,
        }
    }
}

/// Reads a list, in WeChat's order.
pub(super) async fn fetch_templates(
    app: &App,
    account: &WeChatApp,
    list: TemplateList,
    now: Timestamp,
) -> Result<Vec<AccountTemplate>, TokenError> {
    let keys_of = |content: &str| keys(content).map(str::to_owned).collect();
    Ok(match list {
        TemplateList::TemplateMessages => {
            let call = async |token: &_| app.wechat.private_templates(token).await;
            let listed = app.tokens.call(account, now, call).await?.into_iter();
            let templates = listed.map(|it| AccountTemplate {
                keys: keys_of(&it.content),
                template_id: it.template_id,
                title: it.title,
                content: it.content,
                consent: None,
                values: BTreeMap::new(),
            });
            templates.collect()
        }
        TemplateList::Subscriptions => {
            let call = async |token: &_| app.wechat.subscription_templates(token).await;
            let listed = app.tokens.call(account, now, call).await?.into_iter();
            let templates = listed.map(|it| AccountTemplate {
                keys: keys_of(&it.content),
                template_id: it.template_id,
                title: it.title,
                content: it.content,
                consent: match it.consent {
                    ConsentKind::OneTime => Some(ConsentDuration::OneTime),
                    ConsentKind::LongTerm => Some(ConsentDuration::LongTerm),
                    ConsentKind::Unknown => None,
                },
                values: it.values,
            });
            templates.collect()
        }
    })
}
