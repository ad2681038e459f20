//! The apps: Official Accounts and mini programs.

mod add;
mod console;
mod list;
pub(crate) mod registered;
mod remove;
mod rotate;
pub(crate) mod settings;
mod show;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Official Accounts and mini programs: set up, look at, rotate, remove.
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Rotate(rotate::Rotate),
    Remove(remove::Remove),
}

impl App {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        match self {
            Self::Add(command) => command.run(deployment, terminal).await,
            Self::List(command) => command.run(deployment).await,
            Self::Show(command) => command.run(deployment).await,
            Self::Rotate(command) => command.run(deployment, terminal).await,
            Self::Remove(command) => command.run(deployment, terminal).await,
        }
    }
}
