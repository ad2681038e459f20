//! `hongyan keys`: the keys that sign sessions.

mod rotate;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Subcommand;

/// The keys that sign sessions: rotate them.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    Rotate(rotate::Rotate),
}

impl Keys {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let Self::Rotate(command) = self;
        command.run(deployment).await
    }
}
