//! `hongyan notification`: stored notifications.

mod bulk_request;
mod history;
mod show;
mod stored_entry;

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Subcommand;

/// Stored notifications: show their history.
#[derive(Debug, Subcommand)]
pub(crate) enum Notification {
    Show(show::Show),
}

impl Notification {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let Self::Show(command) = self;
        command.run(deployment).await
    }
}
