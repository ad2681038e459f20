//! `hongyan account set-password`.

use super::change::{AccountChange, ChangeKind, change_account};
use super::password::ask_password;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde_json::json;

/// Set an account's password.
///
/// Asks for the password, 8 to 128 characters, without echo; from a pipe, it is the first
/// line. White space around it is removed. Sessions continue: they belong to the person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account set-password ann
  hongyan account set-password ann < password.txt")]
pub(crate) struct SetPassword {
    /// The account's name.
    #[arg(value_parser = parse::account_name)]
    account: String,
}

impl SetPassword {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let password = ask_password(terminal)?;
        let command =
            json!({ "set_password": { "username": self.account, "password": password.expose() } });
        change_account(deployment, &self.account, &command).await?;
        let change = AccountChange::new(&self.account, None, ChangeKind::PasswordSet);
        Ok(CommandOutput::success(&change))
    }
}
