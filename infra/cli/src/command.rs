//! All commands.

use crate::account;
use crate::answer::Answer;
use crate::app;
use crate::deployment::Deployment;
use crate::doctor;
use crate::error::Error;
use crate::events;
use crate::followers;
use crate::forget;
use crate::keys;
use crate::next;
use crate::notification;
use crate::person;
use crate::send;
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
    Send(send::Send),
    Person(person::Person),
    #[command(subcommand)]
    Notification(notification::Notification),
    #[command(subcommand)]
    Events(events::Events),
    #[command(subcommand)]
    Followers(followers::Followers),
    #[command(subcommand)]
    Account(account::Account),
    #[command(subcommand)]
    Keys(keys::Keys),
    Forget(forget::Forget),
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
            Self::Send(command) => command.run(deployment, terminal).await,
            Self::Person(command) => command.run(deployment, terminal).await,
            Self::Notification(command) => command.run(deployment).await,
            Self::Events(command) => command.run(deployment, terminal).await,
            Self::Followers(command) => command.run(deployment, terminal).await,
            Self::Account(command) => command.run(deployment, terminal).await,
            Self::Keys(command) => command.run(deployment).await,
            Self::Forget(command) => command.run(deployment, terminal).await,
        }
    }
}
