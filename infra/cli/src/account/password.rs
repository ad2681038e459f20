//! New passwords of accounts.

use crate::error::{Error, ErrorKind};
use crate::terminal::Terminal;
use shared::secret::Secret;

/// Asks for a new password.
pub(super) fn ask_password(terminal: &mut Terminal) -> Result<Secret, Error> {
    let password = terminal.ask_new_secret("the password (not shown)")?;
    check(&password)?;
    Ok(password)
}

fn check(password: &Secret) -> Result<(), Error> {
    if (8..=128).contains(&password.expose().chars().count()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "a password has 8 to 128 characters", "choose another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_has_8_to_128_characters() {
        let is_valid = |text: &str| check(&Secret::new(text)).is_ok();
        assert!(is_valid("12345678") && is_valid(&"安".repeat(128)));
        assert!(!is_valid("1234567") && !is_valid(&"a".repeat(129)));
    }
}
