//! `hongyan followers status` and `cancel`.

use super::progress::{Progress, State};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::name;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// How far imports of followers are, and how the last ones ended.
///
/// Ends with status 1 if one has failed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan followers status
  hongyan followers status --app shop --json")]
pub(crate) struct Status {
    /// Only of this account.
    #[arg(long, value_parser = name::alias)]
    app: Option<String>,
}

/// Call the import of an account's followers off; those who are in stay.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan followers cancel --app shop")]
pub(crate) struct Cancel {
    /// The account's alias.
    #[arg(long, value_parser = name::alias)]
    app: String,
}

/// What is told.
#[derive(Debug, Deserialize, Serialize)]
struct All {
    accounts: Vec<Progress>,
}

impl Status {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let all = match &self.app {
            Some(app) => All { accounts: vec![Progress::of(deployment, app).await?] },
            None => deployment.ask("followers", &json!({ "status": {} })).await?,
        };
        let well = all.accounts.iter().all(|it| it.state != State::Failed);
        Ok(Answer::found(&all, well))
    }
}

impl Cancel {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let asked = json!({ "cancel": { "app": self.app } });
        let progress: Progress = deployment.ask("followers", &asked).await?;
        Ok(Answer::of(&progress))
    }
}

impl fmt::Display for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.accounts.is_empty() {
            return write!(f, "there is no Official Account; `hongyan app add` sets one up");
        }
        for progress in &self.accounts {
            writeln!(f, "{progress}")?;
        }
        Ok(())
    }
}
