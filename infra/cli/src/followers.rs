//! `hongyan followers`: existing followers of an Official Account.

mod cancel;
mod import;
mod import_status;
mod status;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Existing followers of an Official Account: import them, show the progress.
#[derive(Debug, Subcommand)]
pub(crate) enum Followers {
    Import(import::Import),
    Status(status::Status),
    Cancel(cancel::Cancel),
}

impl Followers {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        match self {
            Self::Import(command) => command.run(deployment, terminal).await,
            Self::Status(command) => command.run(deployment).await,
            Self::Cancel(command) => command.run(deployment).await,
        }
    }
}
