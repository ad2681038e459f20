//! The apps' parameters under `/apps`.

use crate::deployment::{Deployment, StoredParameter};
use crate::error::{Error, ErrorKind};
use serde_json::Value;
use shared::parameters::{self, AppKind};
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct RegisteredApp {
    pub(crate) alias: String,
    /// The settings as the functions read them, or why they can't.
    pub(crate) settings: Result<AppSettings, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct AppSettings {
    pub(crate) app_id: AppId,
    pub(crate) kind: AppKind,
    /// `gh_…`, if known.
    pub(crate) original_id: Option<String>,
    /// Number of automatic replies.
    pub(crate) replies: usize,
    /// Invalid settings that the functions ignore.
    pub(crate) problems: Vec<String>,
}

impl RegisteredApp {
    fn parse(deployment: &Deployment, alias: &str, stored: &StoredParameter) -> Self {
        let name = deployment.parameter_name(&format!("apps/{alias}"));
        let settings = parameters::read_app(&name, alias, &stored.value).map(|(app, problems)| {
            let raw: Value = serde_json::from_str(stored.value.expose()).unwrap_or_default();
            AppSettings {
                app_id: app.app_id,
                kind: app.kind,
                original_id: raw["original_id"].as_str().map(str::to_owned),
                replies: raw["replies"].as_array().map_or(0, Vec::len),
                problems,
            }
        });
        Self { alias: alias.to_owned(), settings: settings.map_err(|error| error.to_string()) }
    }
}

/// All apps, by alias.
pub(crate) async fn list_apps(
    deployment: &Deployment,
) -> Result<BTreeMap<String, RegisteredApp>, Error> {
    let stored = deployment.parameters_under("apps").await?.into_iter();
    let apps = stored.map(|(alias, stored)| {
        let app = RegisteredApp::parse(deployment, &alias, &stored);
        (alias, app)
    });
    Ok(apps.collect())
}

/// An app; an error if it doesn't exist.
pub(crate) async fn find_app(deployment: &Deployment, alias: &str) -> Result<RegisteredApp, Error> {
    match deployment.parameter(&format!("apps/{alias}")).await? {
        Some(stored) => Ok(RegisteredApp::parse(deployment, alias, &stored)),
        None => Err(app_not_found(deployment, alias)),
    }
}

pub(crate) fn app_not_found(deployment: &Deployment, alias: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no app {alias} in the stage {}", deployment.stage),
        "`hongyan app list` lists the apps; `hongyan app add` adds one",
    )
}

/// An app's settings; an error if it doesn't exist or is invalid.
pub(crate) async fn find_valid_app(
    deployment: &Deployment,
    alias: &str,
) -> Result<AppSettings, Error> {
    find_app(deployment, alias).await?.settings.map_err(|problem| {
        let advice = format!(
            "correct the parameter {}",
            deployment.parameter_name(&format!("apps/{alias}"))
        );
        Error::new(ErrorKind::Invalid, problem, advice)
    })
}

/// The name of a kind in the parameters.
pub(crate) fn kind_name(kind: AppKind) -> &'static str {
    match kind {
        AppKind::OfficialAccount => "official_account",
        AppKind::MiniProgram => "mini_program",
    }
}
