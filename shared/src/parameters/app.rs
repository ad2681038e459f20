//! The apps of a business.

use crate::wechat::id::AppId;
use serde::Deserialize;

/// An Official Account or a mini program.
#[derive(Clone, Debug)]
pub struct App {
    /// The operator's short name for it, which stands in addresses.
    pub alias: String,
    /// WeChat's name for it: `wx…`.
    pub app_id: AppId,
    /// Which of the two it is.
    pub kind: Kind,
}

/// What kind of app it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A service account (服务号): people follow it.
    OfficialAccount,
    /// A mini program (小程序): people log in to it.
    MiniProgram,
}

/// What stands in `/apps/{app}`.
#[derive(Deserialize)]
pub(super) struct StoredApp {
    app_id: AppId,
    kind: Kind,
}

impl App {
    pub(super) fn new(alias: String, stored: StoredApp) -> Self {
        Self { alias, app_id: stored.app_id, kind: stored.kind }
    }
}

/// All apps of a deployment; at least one.
#[derive(Clone, Debug)]
pub struct Apps(Vec<App>);

impl Apps {
    pub(super) fn new(apps: Vec<App>) -> Self {
        Self(apps)
    }

    /// The app with this alias.
    pub fn by_alias(&self, alias: &str) -> Option<&App> {
        self.0.iter().find(|app| app.alias == alias)
    }

    /// The app with this id.
    pub fn by_id(&self, app_id: &AppId) -> Option<&App> {
        self.0.iter().find(|app| app.app_id == *app_id)
    }

    /// One after the other, in the order of their aliases.
    pub fn iter(&self) -> impl Iterator<Item = &App> {
        self.0.iter()
    }
}
