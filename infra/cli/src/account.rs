//! The accounts that the business hands out.

mod bind;
mod create;
mod look_up;
mod password;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::terminal::Terminal;
use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Accounts: create, give and take passwords, bind to persons, look up.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    Create(create::Create),
    SetPassword(password::SetPassword),
    ClearPassword(password::ClearPassword),
    Bind(bind::Bind),
    Unbind(bind::Unbind),
    LookUp(look_up::LookUp),
}

impl Account {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        match self {
            Self::Create(command) => command.run(deployment, terminal).await,
            Self::SetPassword(command) => command.run(deployment, terminal).await,
            Self::ClearPassword(command) => command.run(deployment).await,
            Self::Bind(command) => command.run(deployment).await,
            Self::Unbind(command) => command.run(deployment).await,
            Self::LookUp(command) => command.run(deployment).await,
        }
    }
}

/// What is told of an account that was changed.
#[derive(Debug, Serialize)]
struct Changed {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Created,
    CreatedWithoutPassword,
    PasswordSet,
    PasswordCleared,
    Bound,
    Unbound,
    /// It was not bound to them.
    Unchanged,
}

impl Changed {
    fn new(account: &str, change: Change) -> Self {
        Self { account: account.to_owned(), user: None, change }
    }
}

/// Has the login function do something to an account, and says what to do if it
/// doesn't.
async fn change(deployment: &Deployment, account: &str, event: &Value) -> Result<Value, Error> {
    deployment.invoke("login", event).await.map_err(|error| explain(error, account))
}

fn explain(error: Error, account: &str) -> Error {
    let says = |words: &str| error.problem.contains(words);
    let advice = match error.kind {
        Kind::Conflict if says("AccountExists") => format!(
            "choose another name; `hongyan account set-password {account}` gives that one another password"
        ),
        Kind::Conflict if says("username:") => format!(
            "`hongyan account look-up account={account}` says to whom, `hongyan account unbind` frees it"
        ),
        Kind::Conflict => {
            "`hongyan account look-up user=…` says to which, `hongyan account unbind` frees them"
                .to_owned()
        }
        Kind::NotFound if says("username:") => {
            format!("see whether it is written so, or make it: `hongyan account create {account}`")
        }
        Kind::NotFound => {
            "see whether it is the id that a login answered; who was forgotten has another one"
                .to_owned()
        }
        _ => error.advice.clone(),
    };
    Error { advice, ..error }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, user) = (&self.account, self.user.as_deref().unwrap_or_default());
        match self.change {
            Change::Created => {
                write!(f, "The account {account} is made. A login with its password binds it.")
            }
            Change::CreatedWithoutPassword => write!(
                f,
                "The account {account} is made, without a password: no login binds it, but \
                 `hongyan account bind {account} USER` does."
            ),
            Change::PasswordSet => {
                write!(f, "The account {account} has this password now. Sessions go on.")
            }
            Change::PasswordCleared => write!(
                f,
                "The account {account} has no password any more: no login binds it. Whoever it is \
                 bound to keeps it."
            ),
            Change::Bound => write!(f, "The account {account} is bound to {user}."),
            Change::Unbound => write!(f, "The account {account} is no longer bound to {user}."),
            Change::Unchanged => write!(f, "The account {account} was not bound to {user}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_function_refuses_says_what_to_do() {
        let advice = |kind, problem: &str| explain(Error::new(kind, problem, "x"), "ann").advice;
        let exists = advice(Kind::Conflict, "AccountExists: username: there is an account");
        assert!(exists.contains("set-password ann"), "{exists}");
        let taken = advice(Kind::Conflict, "AlreadyBound: username: the account is bound");
        assert!(taken.contains("look-up account=ann"), "{taken}");
        let other = advice(Kind::Conflict, "AlreadyBound: user: this person is bound");
        assert!(other.contains("look-up user="), "{other}");
        let missing = advice(Kind::NotFound, "NotFound: username: there is no account");
        assert!(missing.contains("account create ann"), "{missing}");
        assert_eq!(advice(Kind::Refused, "InternalError"), "x");
    }
}
