//! The apps of a business.

use super::ReplyRules;
use crate::wechat::id::AppId;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An Official Account or a mini program.
#[derive(Clone, Debug)]
pub struct WeChatApp {
    /// The operator's short name for it, which stands in addresses.
    pub alias: String,
    /// WeChat's name for it: `wx…`.
    pub app_id: AppId,
    /// Which of the two it is.
    pub kind: AppKind,
    /// What it answers by itself.
    pub replies: ReplyRules,
}

/// What kind of app it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A service account (服务号): people follow it.
    OfficialAccount,
    /// A mini program (小程序): people log in to it.
    MiniProgram,
}

/// What stands in `/apps/{app}`.
#[derive(Deserialize)]
pub(super) struct StoredApp {
    app_id: AppId,
    kind: AppKind,
    /// `gh_…`, which WeChat's console shows: for the operator's own use.
    #[serde(rename = "original_id")]
    _original_id: Option<String>,
    #[serde(default)]
    replies: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl WeChatApp {
    /// The app, and what is wrong with the rest of its parameter. A bad rule or
    /// a misspelt name is passed over: it may not keep the rules that are good
    /// from answering, nor anything else from working.
    pub(super) fn new(alias: String, stored: StoredApp) -> (Self, Vec<String>) {
        let mut problems: Vec<_> =
            stored.others.keys().map(|name| format!("nobody knows what {name:?} is")).collect();
        let rules = match stored.replies {
            Value::Null => Vec::new(),
            Value::Array(rules) => rules,
            _ => {
                problems.push("its replies are no list of rules".to_owned());
                Vec::new()
            }
        };
        let (replies, bad_rules) = ReplyRules::read(&rules, stored.kind);
        problems.extend(bad_rules);
        (Self { alias, app_id: stored.app_id, kind: stored.kind, replies }, problems)
    }
}

/// All apps of a deployment; at least one.
#[derive(Clone, Debug)]
pub struct Apps(Vec<WeChatApp>);

impl Apps {
    pub(super) fn new(apps: Vec<WeChatApp>) -> Self {
        Self(apps)
    }

    /// The app with this alias.
    pub fn by_alias(&self, alias: &str) -> Option<&WeChatApp> {
        self.0.iter().find(|app| app.alias == alias)
    }

    /// The app with this id.
    pub fn by_id(&self, app_id: &AppId) -> Option<&WeChatApp> {
        self.0.iter().find(|app| app.app_id == *app_id)
    }

    /// One after the other, in the order of their aliases.
    pub fn iter(&self) -> impl Iterator<Item = &WeChatApp> {
        self.0.iter()
    }
}
