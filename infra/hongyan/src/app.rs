//! The apps: Official Accounts and mini programs.

mod list;
mod registered;
mod show;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Official Accounts and mini programs: set up, look at, rotate, remove.
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    List(list::List),
    Show(show::Show),
}

impl App {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        _terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        match self {
            Self::List(command) => command.run(deployment).await,
            Self::Show(command) => command.run(deployment).await,
        }
    }
}
