//! `hongyan events`: stored events.

mod event_list;
mod replay;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Stored events: apply them again.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    Replay(replay::Replay),
}

impl Events {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        let Self::Replay(command) = self;
        command.run(deployment, terminal).await
    }
}
