//! `hongyan followers status`.

use super::import_status::{ImportState, ImportStatus};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// Show the progress of imports of followers, and the results of the last ones.
///
/// Exits with status 1 if one failed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan followers status
  hongyan followers status --app shop --json")]
pub(crate) struct Status {
    /// Only this account.
    #[arg(long, value_parser = parse::alias)]
    app: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ImportStatuses {
    accounts: Vec<ImportStatus>,
}

impl Status {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let statuses = match &self.app {
            Some(app) => {
                ImportStatuses { accounts: vec![ImportStatus::fetch(deployment, app).await?] }
            }
            None => deployment.invoke("followers", &json!({ "status": {} })).await?,
        };
        let success = statuses.accounts.iter().all(|it| it.state != ImportState::Failed);
        Ok(CommandOutput::new(&statuses, success))
    }
}

impl fmt::Display for ImportStatuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.accounts.is_empty() {
            return write!(f, "There is no Official Account; `hongyan app add` adds one.");
        }
        for status in &self.accounts {
            writeln!(f, "{status}")?;
        }
        Ok(())
    }
}
