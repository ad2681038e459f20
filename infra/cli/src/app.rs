//! `hongyan app`: Official Accounts and mini programs.

mod add;
pub(crate) mod callback_settings;
mod check_result;
mod console_settings;
mod list;
pub(crate) mod registry;
mod remove;
mod rotate;
mod secret;
mod show;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Official Accounts and mini programs: add, show, rotate secrets, remove.
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
    ) -> Result<CommandOutput, Error> {
        match self {
            Self::Add(command) => command.run(deployment, terminal).await,
            Self::List(command) => command.run(deployment).await,
            Self::Show(command) => command.run(deployment).await,
            Self::Rotate(command) => command.run(deployment, terminal).await,
            Self::Remove(command) => command.run(deployment, terminal).await,
        }
    }
}
