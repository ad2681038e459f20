//! `hongyan followers cancel`.

use super::import_status::ImportStatus;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde_json::json;

/// Cancel the import of an account's followers; those already imported stay.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan followers cancel --app shop")]
pub(crate) struct Cancel {
    /// The account's alias.
    #[arg(long, value_parser = parse::alias)]
    app: String,
}

impl Cancel {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let request = json!({ "cancel": { "app": self.app } });
        let status: ImportStatus = deployment.invoke("followers", &request).await?;
        Ok(CommandOutput::success(&status))
    }
}
