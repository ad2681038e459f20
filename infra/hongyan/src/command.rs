//! All commands.

use crate::answer::Answer;
use crate::app;
use crate::deployment::Deployment;
use crate::doctor;
use crate::error::Error;
use crate::next;
use crate::template;
use crate::terminal::Terminal;
use clap::Subcommand;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Next(next::Next),
    #[command(subcommand)]
    App(app::App),
    #[command(subcommand)]
    Template(template::Template),
    Doctor(doctor::Doctor),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    ///
    /// What could not be done, and what to do about it.
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        match self {
            Self::Next(command) => command.run(deployment).await,
            Self::App(command) => command.run(deployment, terminal).await,
            Self::Template(command) => command.run(deployment, terminal).await,
            Self::Doctor(command) => command.run(deployment, terminal).await,
        }
    }
}
