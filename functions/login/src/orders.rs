//! What can be asked by invoking the function, which takes an IAM permission.

use crate::account::{self, Password, Username};
use crate::app::App;
use crate::body::read;
use crate::keys;
use lambda_http::lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::fmt::Display;

/// What can be asked by invoking the function.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Makes an account that a login can bind.
    CreateAccount { username: Username, password: Password },
    /// Makes the key that will sign sessions.
    RotateKeys(keys::Asked),
}

/// Does what is asked, or says what is wrong with it.
pub(crate) async fn answer(app: &App, body: &[u8], now: Timestamp) -> Result<Value, Diagnostic> {
    let command: Command = read(body).map_err(|problem| failure("InvalidRequest", problem))?;
    match command {
        Command::CreateAccount { username, password } => {
            let created = account::create(&app.logins.mappings, &username, &password, now).await;
            match created {
                Ok(true) => Ok(json!({ "account": username.as_str() })),
                Ok(false) => Err(failure(
                    "AccountExists",
                    "username: there is an account of this name".to_owned(),
                )),
                Err(error) => Err(internal(&error)),
            }
        }
        Command::RotateKeys(asked) => match keys::rotate(&app.parameters, &asked, now).await {
            Ok(rotated) => Ok(json!(rotated)),
            Err(error) => Err(internal(&error)),
        },
    }
}

fn failure(kind: &str, message: String) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}

/// An error of ours: told to the log, and not to who asked.
fn internal(error: &dyn Display) -> Diagnostic {
    tracing::error!("{error}");
    failure("InternalError", "internal error".to_owned())
}
