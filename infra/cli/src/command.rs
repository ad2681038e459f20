//! All commands.

use crate::account;
use crate::app;
use crate::deployment::Deployment;
use crate::doctor;
use crate::erase;
use crate::error::Error;
use crate::events;
use crate::followers;
use crate::keys;
use crate::next;
use crate::notification;
use crate::output::CommandOutput;
use crate::person;
use crate::send;
use crate::target::Target;
use crate::template;
use crate::terminal::Terminal;
use crate::version;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one per process")]
pub(crate) enum Command {
    #[command(flatten)]
    OnDeployment(DeploymentCommand),
    Version(version::Version),
}

/// The commands that need a deployment.
#[derive(Debug, Subcommand)]
pub(crate) enum DeploymentCommand {
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
    Erase(erase::Erase),
}

impl Command {
    pub(crate) async fn run(
        &self,
        target: &Target,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        match self {
            Self::Version(command) => Ok(command.run()),
            Self::OnDeployment(command) => {
                let deployment = Deployment::connect(target).await?;
                command.run(&deployment, terminal).await
            }
        }
    }
}

impl DeploymentCommand {
    async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        // The doctor reports a missing deployment as a finding.
        if !matches!(self, Self::Doctor(_)) {
            deployment.info().await?;
        }
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
            Self::Erase(command) => command.run(deployment, terminal).await,
        }
    }
}
