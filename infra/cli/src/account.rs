//! `hongyan account`: accounts of the business.

mod bind;
mod change;
mod clear_password;
mod create;
mod look_up;
mod password;
mod set_password;
mod unbind;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Accounts: create, set or clear passwords, bind to people, look up.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    Create(create::Create),
    SetPassword(set_password::SetPassword),
    ClearPassword(clear_password::ClearPassword),
    Bind(bind::Bind),
    Unbind(unbind::Unbind),
    LookUp(look_up::LookUp),
}

impl Account {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        match self {
            Self::Create(command) => command.run(deployment, terminal).await,
            Self::SetPassword(command) => command.run(deployment, terminal).await,
            Self::ClearPassword(command) => command.run(deployment).await,
            Self::Bind(command) => command.run(deployment).await,
            Self::Unbind(command) => command.run(deployment).await,
            Self::LookUp(command) => command.run(deployment).await,
        }
    }
}
