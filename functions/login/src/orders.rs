//! What can be asked by invoking the function, which takes an IAM permission.

use crate::account::{self, Password, Username};
use crate::app::App;
use crate::body::read;
use crate::keys;
use crate::persons::{self, Who};
use lambda_http::lambda_runtime::Diagnostic;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::ParameterError;
use shared::store::{BindError, PersonError};

/// What can be asked by invoking the function.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Makes an account. With a password, a login can bind it; without, only
    /// [`Command::Bind`] can.
    CreateAccount {
        username: Username,
        #[serde(default)]
        password: Option<Password>,
    },
    /// Gives an account a new password. Sessions go on: they are the person's.
    SetPassword { username: Username, password: Password },
    /// Takes the password from an account: no login binds it any more.
    ClearPassword { username: Username },
    /// Binds an account to a person, in all apps in which they have logged in.
    Bind { username: Username, user: UserId },
    /// Takes an account from a person.
    Unbind { username: Username, user: UserId },
    /// Says where a person can be reached.
    LookUp(Who),
    /// Forgets a person entirely.
    Forget(Who),
    /// Makes the key that will sign sessions.
    RotateKeys(keys::Asked),
}

/// A person's internal id, as logins answer it: 32 hexadecimal digits.
#[derive(Debug)]
pub(crate) struct UserId(String);

impl UserId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let digits = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if id.len() == 32 && id.bytes().all(digits) {
            Ok(Self(id))
        } else {
            Err(serde::de::Error::custom(
                "an internal id has 32 hexadecimal digits, as a login answers it",
            ))
        }
    }
}

/// Does what is asked until `deadline`, or says what is wrong with it.
pub(crate) async fn answer(
    app: &App,
    body: &[u8],
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    let command: Command = read(body).map_err(|problem| failure("InvalidRequest", problem))?;
    obey(app, command, now, deadline).await.map_err(|refused| refused.tell())
}

async fn obey(
    app: &App,
    command: Command,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Refused> {
    let mappings = &app.logins.mappings;
    match command {
        Command::CreateAccount { username, password } => {
            let hash = password.as_ref().map(account::hash).transpose()?;
            if mappings.create_account(username.as_str(), hash.as_ref(), now).await? {
                Ok(json!({ "account": username.as_str() }))
            } else {
                Err(Refused::AccountExists)
            }
        }
        Command::SetPassword { username, password } => {
            let hash = account::hash(&password)?;
            if mappings.set_password(username.as_str(), Some(&hash)).await? {
                Ok(json!({ "account": username.as_str() }))
            } else {
                Err(BindError::NoAccount.into())
            }
        }
        Command::ClearPassword { username } => {
            if mappings.set_password(username.as_str(), None).await? {
                Ok(json!({ "account": username.as_str() }))
            } else {
                Err(BindError::NoAccount.into())
            }
        }
        Command::Bind { username, user } => {
            app.logins.bind(username.as_str(), user.as_str()).await?;
            tracing::info!(user = user.as_str(), "bound an account");
            Ok(json!({ "account": username.as_str(), "user": user.as_str() }))
        }
        Command::Unbind { username, user } => {
            let changed = app.logins.unbind(username.as_str(), user.as_str()).await?;
            tracing::info!(user = user.as_str(), changed, "unbound an account");
            Ok(json!({ "account": username.as_str(), "user": user.as_str(), "changed": changed }))
        }
        Command::RotateKeys(asked) => Ok(json!(keys::rotate(&app.parameters, &asked, now).await?)),
        Command::LookUp(who) => persons::look_up(app, &who, now).await,
        Command::Forget(who) => persons::forget(app, &who, now, deadline).await,
    }
}

/// What is asked can't be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("username: there is an account of this name")]
    AccountExists,
    #[error("app: there is no app of this alias")]
    UnknownApp,
    #[error("nobody is known by that name")]
    Nobody,
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Person(#[from] PersonError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Refused {
    /// The error's type, and what the caller is told: nothing, where it is ours.
    fn tell(&self) -> Diagnostic {
        let (kind, field) = match self {
            Self::AccountExists => ("AccountExists", ""),
            Self::UnknownApp => ("NotFound", ""),
            Self::Nobody => ("NotFound", ""),
            Self::Bind(BindError::NoAccount) => ("NotFound", "username: "),
            Self::Bind(BindError::NoPerson) => ("NotFound", "user: "),
            Self::Bind(BindError::AccountTaken) => ("AlreadyBound", "username: "),
            Self::Bind(BindError::PersonTaken) => ("AlreadyBound", "user: "),
            Self::Person(PersonError::AmbiguousAccount) => ("InvalidRequest", "account: "),
            Self::Bind(BindError::Aws(_))
            | Self::Person(PersonError::Aws(_))
            | Self::Parameter(_)
            | Self::Aws(_) => {
                tracing::error!("{self}");
                return failure("InternalError", "internal error".to_owned());
            }
        };
        failure(kind, format!("{field}{self}"))
    }
}

fn failure(kind: &str, message: String) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(command: &Value) -> String {
        read::<Command>(command.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn a_command_that_does_not_fit_names_its_field_and_quotes_no_password() {
        let id = "an internal id has 32 hexadecimal digits, as a login answers it";
        let bind = |user: &str| json!({ "bind": { "username": "ann", "user": user } });
        assert_eq!(problem(&bind("ann")), format!("bind.user: {id}"));
        assert_eq!(problem(&bind(&"A".repeat(32))), format!("bind.user: {id}"));
        assert!(read::<Command>(bind(&"a".repeat(32)).to_string().as_bytes()).is_ok());
        assert_eq!(
            problem(&json!({ "set_password": { "username": "ann", "password": "hunter2" } })),
            "set_password.password: a password has 8 to 128 characters"
        );
        assert_eq!(
            problem(&json!({ "clear_password": {} })),
            "clear_password: missing field `username`"
        );
        let both = json!({ "user": "a".repeat(32), "account": "b" });
        for who in [json!({}), json!({ "app": "shop" }), both] {
            let problem = problem(&json!({ "forget": who }));
            assert!(problem.contains("expected one of"), "{problem}");
        }
        assert!(problem(&json!({ "erase": {} })).contains("unknown variant `erase`"));
    }
}
