//! `hongyan app list`.

use super::callback_settings::CallbackSettings;
use super::registry::{self, RegisteredApp, kind_name};
use crate::deployment::{CallbackUrl, Deployment};
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Args;
use serde::Serialize;
use shared::url_key::FIRST_VERSION;
use std::fmt;

/// List the apps of the stage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app list\n  hongyan --local app list --json")]
pub(crate) struct List {}

#[derive(Debug, Serialize)]
struct AppList {
    apps: Vec<AppRow>,
}

#[derive(Debug, Serialize)]
struct AppRow {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Without its key.
    callback_url: String,
    /// Whether `/callback/{app}` and `/secrets/{app}` exist.
    callback: bool,
    secret: bool,
    problems: Vec<String>,
}

impl List {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let base = deployment.info().await?.callback_base();
        let (apps, callbacks, secrets, url_secret) = tokio::try_join!(
            registry::list_apps(deployment),
            deployment.parameters_under("callback"),
            deployment.parameters_under("secrets"),
            deployment.url_secret()
        )?;
        let row = |(alias, app): (String, RegisteredApp)| {
            let callback = callbacks.contains_key(&alias);
            let secret = secrets.contains_key(&alias);
            let settings =
                callbacks.get(&alias).and_then(|stored| CallbackSettings::parse(&stored.value));
            let version = settings.map_or(FIRST_VERSION, |settings| settings.url_version);
            let callback_url =
                CallbackUrl::new(base, &alias, url_secret.as_ref(), version).to_string();
            let (settings, problems) = match app.settings {
                Ok(settings) => (Some((settings.app_id, settings.kind)), settings.problems),
                Err(problem) => (None, vec![problem]),
            };
            AppRow {
                app_id: settings.as_ref().map(|(app_id, _)| app_id.to_string()),
                kind: settings.map(|(_, kind)| kind_name(kind)),
                app: alias,
                callback_url,
                callback,
                secret,
                problems,
            }
        };
        let list = AppList { apps: apps.into_iter().map(row).collect() };
        Ok(CommandOutput::success(&list))
    }
}

impl fmt::Display for AppList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.apps.is_empty() {
            return write!(f, "There is no app; `hongyan app add` adds one.");
        }
        for row in &self.apps {
            let app_id = row.app_id.as_deref().unwrap_or("(invalid)");
            let kind = row.kind.unwrap_or_default();
            writeln!(f, "{:<16} {app_id:<20} {kind:<17} {}", row.app, row.callback_url)?;
            for problem in &row.problems {
                writeln!(f, "{:<16} ! {problem}", "")?;
            }
            for (exists, what) in [(row.callback, "token"), (row.secret, "AppSecret")] {
                if !exists {
                    let app = &row.app;
                    writeln!(f, "{:<16} ! no {what}; `hongyan app add {app}` adds it", "")?;
                }
            }
        }
        Ok(())
    }
}
