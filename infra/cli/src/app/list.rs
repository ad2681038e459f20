//! `hongyan app list`.

use super::registered::{self, Registered, word};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// List the apps of the stage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app list\n  hongyan --local app list --json")]
pub(crate) struct List {}

/// What is told.
#[derive(Debug, Serialize)]
struct Listed {
    apps: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    callback_url: String,
    /// Whether `/callback/{app}` and `/secrets/{app}` are there.
    callback: bool,
    secret: bool,
    problems: Vec<String>,
}

impl List {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let api = &deployment.about().await?.api;
        let (apps, callbacks, secrets) = tokio::try_join!(
            registered::all(deployment),
            deployment.folder("callback"),
            deployment.folder("secrets")
        )?;
        let line = |(alias, app): (String, Registered)| {
            let callback = callbacks.contains_key(&alias);
            let secret = secrets.contains_key(&alias);
            let callback_url = format!("{api}/callback/{alias}");
            let (known, problems) = match app.read {
                Ok(read) => (Some((read.app_id, read.kind)), read.problems),
                Err(problem) => (None, vec![problem]),
            };
            Line {
                app_id: known.as_ref().map(|(app_id, _)| app_id.to_string()),
                kind: known.map(|(_, kind)| word(kind)),
                app: alias,
                callback_url,
                callback,
                secret,
                problems,
            }
        };
        let listed = Listed { apps: apps.into_iter().map(line).collect() };
        Ok(Answer::of(&listed))
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.apps.is_empty() {
            return write!(f, "there is no app yet; `hongyan app add` sets one up");
        }
        for line in &self.apps {
            let app_id = line.app_id.as_deref().unwrap_or("(can't be read)");
            let kind = line.kind.unwrap_or_default();
            writeln!(f, "{:<16} {app_id:<20} {kind:<17} {}", line.app, line.callback_url)?;
            for problem in &line.problems {
                writeln!(f, "{:<16} ! {problem}", "")?;
            }
            for (there, what) in [(line.callback, "token"), (line.secret, "AppSecret")] {
                if !there {
                    writeln!(
                        f,
                        "{:<16} ! it has no {what}; `hongyan app add {}` goes on with it",
                        "", line.app
                    )?;
                }
            }
        }
        Ok(())
    }
}
