//! `hongyan events`: what came in.

mod found;
mod replay;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::terminal::Terminal;
use clap::Subcommand;

/// What came in: have it take effect once more.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    Replay(replay::Replay),
}

impl Events {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        let Self::Replay(command) = self;
        command.run(deployment, terminal).await
    }
}
