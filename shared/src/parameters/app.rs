//! The parameters `/apps/{app}`.

use super::ReplyRules;
use crate::json::Json;
use crate::wechat::id::AppId;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// An Official Account or a mini program.
#[derive(Clone, Debug)]
pub struct WeChatApp {
    /// The operator's short name for it, which is part of URLs.
    pub alias: String,
    /// WeChat's id: `wx…`.
    pub app_id: AppId,
    /// The kind of app.
    pub kind: AppKind,
    /// Its automatic replies.
    pub replies: ReplyRules,
}

/// The kind of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A service account (服务号): people follow it.
    OfficialAccount,
    /// A mini program (小程序): people log in to it.
    MiniProgram,
}

/// The parameter `/apps/{app}`.
#[derive(Deserialize)]
pub(super) struct StoredApp {
    app_id: AppId,
    kind: AppKind,
    /// `gh_…` from WeChat's console, for the operator's information.
    #[serde(rename = "original_id")]
    _original_id: Option<String>,
    /// Read apart, see [`WeChatApp::new`].
    #[serde(default, rename = "replies")]
    _replies: IgnoredAny,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl WeChatApp {
    /// The app, and the problems of its parameter. An invalid rule or an unknown name is
    /// ignored, so that everything else works.
    pub(super) fn new(alias: String, stored: StoredApp, replies: &Json) -> (Self, Vec<String>) {
        let mut problems: Vec<_> =
            stored.others.keys().map(|name| format!("unknown name {name:?}")).collect();
        let rules = match replies {
            Json::Null => &[],
            Json::Array(rules) => rules.as_slice(),
            _ => {
                problems.push("its replies are not a list of rules".to_owned());
                &[]
            }
        };
        let (replies, bad_rules) = ReplyRules::read(rules, stored.kind);
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

    /// In the order of their aliases.
    pub fn iter(&self) -> impl Iterator<Item = &WeChatApp> {
        self.0.iter()
    }
}
