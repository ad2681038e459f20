//! `hongyan followers`: those who already follow.

mod import;
mod progress;
mod status;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Those who already follow an Official Account: bring them in, see how far it is.
#[derive(Debug, Subcommand)]
pub(crate) enum Followers {
    Import(import::Import),
    Status(status::Status),
    Cancel(status::Cancel),
}

impl Followers {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        match self {
            Self::Import(command) => command.run(deployment, terminal).await,
            Self::Status(command) => command.run(deployment).await,
            Self::Cancel(command) => command.run(deployment).await,
        }
    }
}
