//! `hongyan keys`: the keys that sign and refresh sessions.

mod list;
mod revoke;
mod rotate;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Subcommand;

/// The keys that sign and refresh sessions: list, rotate and revoke them.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    List(list::List),
    Rotate(rotate::Rotate),
    Revoke(revoke::Revoke),
}

impl Keys {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        match self {
            Self::List(command) => command.run(deployment).await,
            Self::Rotate(command) => command.run(deployment).await,
            Self::Revoke(command) => command.run(deployment).await,
        }
    }
}
