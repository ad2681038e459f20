//! An app's AppSecret.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::terminal::Terminal;
use crate::token_check::{TokenCheck, check_token};
use shared::secret::Secret;

/// Asks for the AppSecret.
pub(super) fn ask_app_secret(terminal: &mut Terminal) -> Result<Secret, Error> {
    let secret = terminal.ask_secret("AppSecret (开发者密码), not shown while you paste it")?;
    let text = secret.expose();
    if text.len() != 32 || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Error::new(
            ErrorKind::Invalid,
            "this is no AppSecret: one has 32 letters and digits",
            "copy it from WeChat's console, which shows it when you reset it (开发者密码 → 重置)",
        ));
    }
    Ok(secret)
}

/// Has the token function fetch an access token, which needs the AppSecret.
pub(super) async fn fetch_token(
    deployment: &Deployment,
    alias: &str,
    terminal: &Terminal,
) -> Result<TokenCheck, Error> {
    let bar = terminal.spinner("fetching an access token");
    let check = check_token(deployment, alias).await;
    bar.finish_and_clear();
    check
}

/// An error if WeChat issued no token.
pub(super) fn require_token(check: TokenCheck) -> Result<(), Error> {
    match check.failure {
        None => Ok(()),
        Some(failure) => {
            let advice = failure.advice(&check.app);
            Err(Error::new(ErrorKind::Refused, failure.problem, advice))
        }
    }
}
