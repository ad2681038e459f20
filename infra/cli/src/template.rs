//! `hongyan template`: notification templates.

mod add;
mod check;
mod draft;
mod list;
mod pull;

pub(crate) use check::compare_templates;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Subcommand;

/// Notification templates: add from a file, list, compare with WeChat, draft.
#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    Add(add::Add),
    List(list::List),
    Check(check::Check),
    Pull(pull::Pull),
}

impl Template {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        match self {
            Self::Add(command) => command.run(deployment).await,
            Self::List(command) => command.run(deployment).await,
            Self::Check(command) => command.run(deployment, terminal).await,
            Self::Pull(command) => command.run(deployment, terminal).await,
        }
    }
}
