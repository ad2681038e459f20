//! Accounts: a name and a password that the business hands out.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::store::Mappings;

/// The name of an account: 1 to 64 letters, digits, or any of `- _ . @ +`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Username(String);

/// A password: 8 to 128 characters.
#[derive(Debug)]
pub(crate) struct Password(Secret);

impl Username {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
        if !(1..=64).contains(&name.chars().count()) || !name.chars().all(allowed) {
            return Err(serde::de::Error::custom(
                "a username has 1 to 64 letters, digits, or any of - _ . @ +",
            ));
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let password = Secret::deserialize(deserializer)?;
        if !(8..=128).contains(&password.expose().chars().count()) {
            return Err(serde::de::Error::custom("a password has 8 to 128 characters"));
        }
        Ok(Self(password))
    }
}

/// Makes an account. False if there is one of that name.
pub(crate) async fn create(
    mappings: &Mappings,
    username: &Username,
    password: &Password,
    now: Timestamp,
) -> Result<bool, AwsError> {
    let hash = Argon2::default()
        .hash_password(password.0.expose().as_bytes())
        .map_err(|error| AwsError::unexpected("hashing a password", error.to_string()))?;
    mappings.create_account(username.as_str(), Some(&Secret::new(hash.to_string())), now).await
}

/// Whether a password is that of the account. An account that doesn't exist
/// takes as long as one that does.
pub(crate) async fn verify(
    mappings: &Mappings,
    username: &Username,
    password: &Password,
) -> Result<bool, AwsError> {
    let stored = mappings.password_hash(username.as_str()).await?;
    let exists = stored.is_some();
    let hash = stored.unwrap_or_else(|| Secret::new(NOBODYS));
    let hash = PasswordHash::new(hash.expose()).map_err(|_| {
        AwsError::unexpected("checking a password", "the stored hash can't be read")
    })?;
    let matches = Argon2::default().verify_password(password.0.expose().as_bytes(), &hash).is_ok();
    Ok(exists && matches)
}

/// A hash with the parameters of all others, of a password that nobody knows.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_costs_what_others_cost() {
        let real = Argon2::default().hash_password(b"a password").unwrap();
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        assert_eq!(nobodys.algorithm, real.algorithm);
        assert_eq!(nobodys.params, real.params);
        assert!(Argon2::default().verify_password(b"a password", &nobodys).is_err());
    }

    #[test]
    fn names_and_passwords_have_limits() {
        let username = |name: &str| serde_json::from_value::<Username>(name.into()).is_ok();
        assert!(username("ann") && username("安") && username("ann@example.com"));
        assert!(
            !username("") && !username("a b") && !username("a#b") && !username(&"a".repeat(65))
        );
        let password = |text: &str| serde_json::from_value::<Password>(text.into()).is_ok();
        assert!(password("12345678") && !password("1234567") && !password(&"a".repeat(129)));
    }
}
