//! `hongyan account set-password` and `clear-password`.

use super::{Change, Changed, change};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::terminal::Terminal;
use crate::who;
use clap::Args;
use serde_json::json;
use shared::secret::Secret;

/// Give an account another password, which is asked for without echo.
///
/// 8 to 128 characters; from a pipe it is the first line. White space around it is no
/// part of it. Sessions go on: they are the person's.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account set-password ann
  hongyan account set-password ann < password.txt")]
pub(crate) struct SetPassword {
    /// The account's name.
    #[arg(value_parser = who::account)]
    account: String,
}

/// Take the password from an account, so that no login binds it any more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan account clear-password ann")]
pub(crate) struct ClearPassword {
    /// The account's name.
    #[arg(value_parser = who::account)]
    account: String,
}

impl SetPassword {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let password = asked(terminal)?;
        let event =
            json!({ "set_password": { "username": self.account, "password": password.expose() } });
        change(deployment, &self.account, &event).await?;
        Ok(Answer::of(&Changed::new(&self.account, Change::PasswordSet)))
    }
}

impl ClearPassword {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let event = json!({ "clear_password": { "username": self.account } });
        change(deployment, &self.account, &event).await?;
        Ok(Answer::of(&Changed::new(&self.account, Change::PasswordCleared)))
    }
}

/// Asks for a new password.
///
/// # Errors
///
/// When there is none, or it isn't one.
pub(super) fn asked(terminal: &mut Terminal) -> Result<Secret, Error> {
    let password = terminal.new_secret("the password (not shown)")?;
    check(&password)?;
    Ok(password)
}

fn check(password: &Secret) -> Result<(), Error> {
    if (8..=128).contains(&password.expose().chars().count()) {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, "a password has 8 to 128 characters", "choose another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_8_to_128_characters() {
        let fits = |text: &str| check(&Secret::new(text)).is_ok();
        assert!(fits("12345678") && fits(&"安".repeat(128)));
        assert!(!fits("1234567") && !fits(&"a".repeat(129)));
    }
}
