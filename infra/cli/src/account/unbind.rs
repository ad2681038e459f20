//! `hongyan account unbind`.

use super::change::{AccountChange, ChangeKind, change_account};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde_json::json;

/// Unbind an account from a person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account unbind ann 87d9fb65410b4247af24549a4aaa7348")]
pub(crate) struct Unbind {
    /// The account's name.
    #[arg(value_parser = parse::account_name)]
    account: String,
    /// The person's internal id; `hongyan account look-up account=…` prints it.
    #[arg(value_parser = parse::user_id)]
    user: String,
}

impl Unbind {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let command = json!({ "unbind": { "username": self.account, "user": self.user } });
        let response = change_account(deployment, &self.account, &command).await?;
        let change =
            if response["changed"] == true { ChangeKind::Unbound } else { ChangeKind::Unchanged };
        let change = AccountChange::new(&self.account, Some(&self.user), change);
        Ok(CommandOutput::success(&change))
    }
}
