//! `hongyan account bind` and `unbind`.

use super::{Change, Changed, change};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::who;
use clap::Args;
use serde_json::json;

/// Bind an account to a person, in all apps in which they have logged in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account bind ann 87d9fb65410b4247af24549a4aaa7348")]
pub(crate) struct Bind {
    /// The account's name.
    #[arg(value_parser = who::account)]
    account: String,
    /// The person's internal id, as a login answers it (`user`).
    #[arg(value_parser = who::user)]
    user: String,
}

/// Take an account from a person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account unbind ann 87d9fb65410b4247af24549a4aaa7348")]
pub(crate) struct Unbind {
    /// The account's name.
    #[arg(value_parser = who::account)]
    account: String,
    /// The person's internal id; `hongyan account look-up account=…` tells it.
    #[arg(value_parser = who::user)]
    user: String,
}

impl Bind {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let event = json!({ "bind": { "username": self.account, "user": self.user } });
        change(deployment, &self.account, &event).await?;
        let user = Some(self.user.clone());
        Ok(Answer::of(&Changed { user, ..Changed::new(&self.account, Change::Bound) }))
    }
}

impl Unbind {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let event = json!({ "unbind": { "username": self.account, "user": self.user } });
        let answer = change(deployment, &self.account, &event).await?;
        let done = if answer["changed"] == true { Change::Unbound } else { Change::Unchanged };
        let user = Some(self.user.clone());
        Ok(Answer::of(&Changed { user, ..Changed::new(&self.account, done) }))
    }
}
