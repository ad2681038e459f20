//! `hongyan account create`.

use super::password::asked;
use super::{Change, Changed, change};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::terminal::Terminal;
use crate::who;
use clap::Args;
use serde_json::json;

/// Make an account, with a password or without.
///
/// The password, 8 to 128 characters, is asked for without echo; from a pipe it is the
/// first line. White space around it is no part of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account create ann                   asks for the password, twice
  hongyan account create ann < password.txt
  hongyan account create ann --no-password     then only `hongyan account bind` binds it")]
pub(crate) struct Create {
    /// The account's name: 1 to 64 letters, digits, or any of - _ . @ +.
    #[arg(value_parser = who::account)]
    account: String,
    /// It has no password, so that no login binds it.
    #[arg(long)]
    no_password: bool,
}

impl Create {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let mut asked_for = json!({ "username": self.account });
        let done = if self.no_password {
            Change::CreatedWithoutPassword
        } else {
            asked_for["password"] = json!(asked(terminal)?.expose());
            Change::Created
        };
        change(deployment, &self.account, &json!({ "create_account": asked_for })).await?;
        Ok(Answer::of(&Changed::new(&self.account, done)))
    }
}
