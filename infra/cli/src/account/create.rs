//! `hongyan account create`.

use super::change::{AccountChange, ChangeKind, change_account};
use super::password::ask_password;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde_json::json;

/// Create an account, with or without a password.
///
/// Asks for the password, 8 to 128 characters, without echo; from a pipe, it is the first
/// line. White space around it is removed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account create ann                   asks for the password, twice
  hongyan account create ann < password.txt
  hongyan account create ann --no-password     only `hongyan account bind` binds it")]
pub(crate) struct Create {
    /// The account's name: 1 to 64 letters, digits, or any of - _ . @ +.
    #[arg(value_parser = parse::account_name)]
    account: String,
    /// Without a password, so that no login binds the account.
    #[arg(long)]
    no_password: bool,
}

impl Create {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let mut account = json!({ "username": self.account });
        let change = if self.no_password {
            ChangeKind::CreatedWithoutPassword
        } else {
            account["password"] = json!(ask_password(terminal)?.expose());
            ChangeKind::Created
        };
        let command = json!({ "create_account": account });
        change_account(deployment, &self.account, &command).await?;
        Ok(CommandOutput::success(&AccountChange::new(&self.account, None, change)))
    }
}
