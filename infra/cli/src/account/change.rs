//! A change of an account.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

#[derive(Debug, Serialize)]
pub(super) struct AccountChange {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    change: ChangeKind,
    /// The other people to whom the account is bound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_bound_to: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChangeKind {
    Created,
    CreatedWithoutPassword,
    PasswordSet,
    PasswordCleared,
    Bound,
    Unbound,
    /// The account was not bound to the person.
    Unchanged,
}

impl AccountChange {
    pub(super) fn new(account: &str, user: Option<&str>, change: ChangeKind) -> Self {
        let (account, user) = (account.to_owned(), user.map(str::to_owned));
        Self { account, user, change, also_bound_to: Vec::new() }
    }

    /// With what the response to `bind` says of other people.
    pub(super) fn also_bound_to(self, response: &Value) -> Self {
        let people = response["also_bound_to"].as_array().into_iter().flatten();
        let people = people.filter_map(|id| id.as_str().map(str::to_owned));
        Self { also_bound_to: people.collect(), ..self }
    }
}

/// Has the login function change an account.
pub(super) async fn change_account(
    deployment: &Deployment,
    account: &str,
    command: &Value,
) -> Result<Value, Error> {
    deployment.invoke("login", command).await.map_err(|error| with_advice(error, account))
}

fn with_advice(error: Error, account: &str) -> Error {
    let has = |text: &str| error.problem.contains(text);
    let advice = match error.kind {
        ErrorKind::Conflict if has("AccountExists") => format!(
            "choose another name; `hongyan account set-password {account}` changes the existing \
             account's password"
        ),
        ErrorKind::Conflict if has("username:") => format!(
            "`hongyan account look-up account={account}` shows to whom, `hongyan account unbind` \
             unbinds it"
        ),
        ErrorKind::Conflict => {
            "`hongyan account look-up user=…` shows to which, `hongyan account unbind` unbinds them"
                .to_owned()
        }
        ErrorKind::NotFound if has("username:") => {
            format!("check the spelling, or create it: `hongyan account create {account}`")
        }
        ErrorKind::NotFound => {
            "check that a login returned this id; an erased person gets another one".to_owned()
        }
        _ => error.advice.clone(),
    };
    Error { advice, ..error }
}

impl fmt::Display for AccountChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, user) = (&self.account, self.user.as_deref().unwrap_or_default());
        match self.change {
            ChangeKind::Created => {
                write!(f, "Created the account {account}. A login with its password binds it.")
            }
            ChangeKind::CreatedWithoutPassword => write!(
                f,
                "Created the account {account} without a password. Only `hongyan account bind \
                 {account} USER` binds it."
            ),
            ChangeKind::PasswordSet => {
                write!(f, "Set the password of the account {account}. Sessions continue.")
            }
            ChangeKind::PasswordCleared => write!(
                f,
                "Cleared the password of the account {account}: no login binds it. An existing \
                 binding stays."
            ),
            ChangeKind::Bound if self.also_bound_to.is_empty() => {
                write!(f, "Bound the account {account} to {user}.")
            }
            ChangeKind::Bound => write!(
                f,
                "Bound the account {account} to {user}. It is bound to {} as well; if that is \
                 another person, unbind one: `hongyan account unbind {account} USER`.",
                self.also_bound_to.join(", ")
            ),
            ChangeKind::Unbound => write!(f, "Unbound the account {account} from {user}."),
            ChangeKind::Unchanged => write!(f, "The account {account} was not bound to {user}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_the_login_function_decides_the_advice() {
        let advice =
            |kind, problem: &str| with_advice(Error::new(kind, problem, "x"), "ann").advice;
        let exists = advice(ErrorKind::Conflict, "AccountExists: username: there is an account");
        assert!(exists.contains("set-password ann"), "{exists}");
        let taken = advice(ErrorKind::Conflict, "AlreadyBound: username: the account is bound");
        assert!(taken.contains("look-up account=ann"), "{taken}");
        let other = advice(ErrorKind::Conflict, "AlreadyBound: user: this person is bound");
        assert!(other.contains("look-up user="), "{other}");
        let missing = advice(ErrorKind::NotFound, "NotFound: username: there is no account");
        assert!(missing.contains("account create ann"), "{missing}");
        assert_eq!(advice(ErrorKind::Refused, "InternalError"), "x");
    }
}
