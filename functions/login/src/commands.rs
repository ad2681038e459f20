//! The commands that an operator gives by invoking the function, which takes an IAM
//! permission.

mod erase;
mod look_up;
mod person_selector;

use crate::account::{self, Password, Username};
use crate::account_conflicts::report_second;
use crate::app::App;
use crate::body;
use crate::error::LoginError;
use crate::keys::list::{ListKeys, list};
use crate::keys::revoke::{RevokeKey, revoke};
use crate::keys::rotate::{RotateKeys, rotate};
use erase::{erase, erase_again};
use lambda_http::lambda_runtime::Diagnostic;
use look_up::look_up;
use person_selector::{PersonSelector, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::store::BindError;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Creates an account. A login can bind it only if it has a password; without one,
    /// only [`Command::Bind`] can.
    CreateAccount {
        username: Username,
        #[serde(default)]
        password: Option<Password>,
    },
    /// Replaces an account's password. Sessions stay valid: they belong to the person.
    SetPassword { username: Username, password: Password },
    /// Removes an account's password, so that no login can bind it any more.
    ClearPassword { username: Username },
    /// Binds an account to a person, in all apps in which they have logged in, also if it is
    /// bound to another person in other apps.
    Bind { username: Username, user: UserId },
    /// Removes the binding of an account to a person.
    Unbind { username: Username, user: UserId },
    /// Reports in which apps a person can be reached.
    LookUp(PersonSelector),
    /// Erases everything that is stored about a person.
    Erase(PersonSelector),
    /// Erases once more everybody who was erased within the last 37 days, after a table was
    /// restored from a backup.
    EraseAgain(Empty),
    /// Creates the next key that signs access tokens, and the next one that seals refresh
    /// tokens.
    RotateKeys(RotateKeys),
    /// Withdraws one of these keys at once.
    RevokeKey(RevokeKey),
    /// Lists these keys.
    ListKeys(ListKeys),
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// Executes the command in `body` until `deadline`.
pub(crate) async fn respond(
    app: &App,
    body: &[u8],
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    let executed = match body::parse(body) {
        Ok(command) => execute(app, command, now, deadline).await,
        Err(error) => Err(error),
    };
    executed.map_err(|error| {
        if error.status() >= 500 {
            tracing::error!("a command failed: {error}");
        }
        Diagnostic {
            error_type: error.error_type().to_owned(),
            error_message: error.public_message(),
        }
    })
}

async fn execute(
    app: &App,
    command: Command,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, LoginError> {
    let accounts = &app.accounts;
    match command {
        Command::CreateAccount { username, password } => {
            let hash = password.as_ref().map(account::hash).transpose()?;
            if !accounts.create(username.as_str(), hash.as_ref(), now).await? {
                return Err(LoginError::AccountExists);
            }
            Ok(json!({ "account": username.as_str() }))
        }
        Command::SetPassword { username, password } => {
            let hash = account::hash(&password)?;
            if !accounts.set_password(username.as_str(), Some(&hash)).await? {
                return Err(BindError::NoAccount.into());
            }
            Ok(json!({ "account": username.as_str() }))
        }
        Command::ClearPassword { username } => {
            if !accounts.set_password(username.as_str(), None).await? {
                return Err(BindError::NoAccount.into());
            }
            Ok(json!({ "account": username.as_str() }))
        }
        Command::Bind { username, user } => {
            let others = accounts.bind(username.as_str(), user.as_str()).await?;
            tracing::info!(user = user.as_str(), "bound an account");
            report_second("", user.as_str(), &others);
            let mut response = json!({ "account": username.as_str(), "user": user.as_str() });
            if !others.is_empty() {
                response["also_bound_to"] = json!(others);
            }
            Ok(response)
        }
        Command::Unbind { username, user } => {
            let changed = accounts.unbind(username.as_str(), user.as_str()).await?;
            tracing::info!(user = user.as_str(), changed, "unbound an account");
            Ok(json!({ "account": username.as_str(), "user": user.as_str(), "changed": changed }))
        }
        Command::LookUp(person) => look_up(app, &person, now).await,
        Command::Erase(person) => erase(app, &person, now, deadline).await,
        Command::EraseAgain(Empty {}) => erase_again(app, now, deadline).await,
        Command::RotateKeys(request) => {
            let rotated = rotate(&app.parameters, &request, now).await?;
            app.invalidate_keys().await;
            Ok(json!(rotated))
        }
        Command::RevokeKey(request) => {
            let revoked = revoke(&app.parameters, &request, now).await?;
            app.invalidate_keys().await;
            Ok(json!(revoked))
        }
        Command::ListKeys(ListKeys {}) => Ok(json!(list(&app.parameters, now).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(command: &Value) -> String {
        body::parse::<Command>(command.to_string().as_bytes()).unwrap_err().public_message()
    }

    #[test]
    fn invalid_command_names_its_field_and_quotes_no_password() {
        let id = "an internal id has 32 hexadecimal digits, as a login answers it";
        let bind = |user: &str| json!({ "bind": { "username": "ann", "user": user } });
        assert_eq!(problem(&bind("ann")), format!("bind.user: {id}"));
        assert_eq!(problem(&bind(&"A".repeat(32))), format!("bind.user: {id}"));
        assert!(body::parse::<Command>(bind(&"a".repeat(32)).to_string().as_bytes()).is_ok());
        assert_eq!(
            problem(&json!({ "set_password": { "username": "ann", "password": "hunter2" } })),
            "set_password.password: a password has 8 to 128 characters"
        );
        assert_eq!(
            problem(&json!({ "clear_password": {} })),
            "clear_password: missing field `username`"
        );
        let both = json!({ "user": "a".repeat(32), "account": "b" });
        for person in [json!({}), json!({ "app": "shop" }), both] {
            let problem = problem(&json!({ "erase": person }));
            assert!(problem.contains("expected one of"), "{problem}");
        }
        assert!(problem(&json!({ "remove": {} })).contains("unknown variant `remove`"));
    }
}
