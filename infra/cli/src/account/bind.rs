//! `hongyan account bind`.

use super::change::{AccountChange, ChangeKind, change_account};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde_json::json;

/// Bind an account to a person, in all apps in which they have logged in.
///
/// An account may be bound to several people only by this command, for apps whose users have no
/// unionid: there, Hongyan can't know that two users are one person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account bind ann 87d9fb65410b4247af24549a4aaa7348")]
pub(crate) struct Bind {
    /// The account's name.
    #[arg(value_parser = parse::account_name)]
    account: String,
    /// The person's internal id, as a login returns it (`user`).
    #[arg(value_parser = parse::user_id)]
    user: String,
}

impl Bind {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let command = json!({ "bind": { "username": self.account, "user": self.user } });
        let response = change_account(deployment, &self.account, &command).await?;
        let change = AccountChange::new(&self.account, Some(&self.user), ChangeKind::Bound);
        Ok(CommandOutput::success(&change.also_bound_to(&response)))
    }
}
