//! `hongyan account clear-password`.

use super::change::{AccountChange, ChangeKind, change_account};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde_json::json;

/// Clear an account's password, so that no login binds the account.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan account clear-password ann")]
pub(crate) struct ClearPassword {
    /// The account's name.
    #[arg(value_parser = parse::account_name)]
    account: String,
}

impl ClearPassword {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let command = json!({ "clear_password": { "username": self.account } });
        change_account(deployment, &self.account, &command).await?;
        let change = AccountChange::new(&self.account, None, ChangeKind::PasswordCleared);
        Ok(CommandOutput::success(&change))
    }
}
