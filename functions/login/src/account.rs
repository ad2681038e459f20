//! Accounts: a name and a password that the operator issues.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use shared::aws::AwsError;
use shared::secret::Secret;
use shared::store::Mappings;

/// The name of an account: 1 to 64 letters, digits, or any of `- _ . @ +`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = r"^[\p{L}\p{Nd}_.@+-]{1,64}$"))
)]
pub(crate) struct Username(String);

/// A password: 8 to 128 characters.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Password(
    #[cfg_attr(test, schemars(with = "String", length(min = 8, max = 128)))] Secret,
);

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

/// The hash of a password, as it is stored.
pub(crate) fn hash(password: &Password) -> Result<Secret, AwsError> {
    let hash = Argon2::default()
        .hash_password(password.0.expose().as_bytes())
        .map_err(|error| AwsError::unexpected("hashing a password", error.to_string()))?;
    Ok(Secret::new(hash.to_string()))
}

/// The stored hash, if the password matches it. An account that doesn't exist or has no
/// password takes as much work as one that does, so that timing doesn't reveal it.
pub(crate) async fn verify(
    mappings: &Mappings,
    username: &Username,
    password: &Password,
) -> Result<Option<Secret>, AwsError> {
    let stored = mappings.password_hash(username.as_str()).await?;
    let matches = compare(stored.as_ref(), |hash| {
        Argon2::default().verify_password(password.0.expose().as_bytes(), hash).is_ok()
    })?;
    Ok(stored.filter(|_| matches))
}

/// Compares with the stored hash, or with [`DUMMY_HASH`] if there is none.
fn compare(
    stored: Option<&Secret>,
    compare: impl FnOnce(&PasswordHash) -> bool,
) -> Result<bool, AwsError> {
    let hash = PasswordHash::new(stored.map_or(DUMMY_HASH, Secret::expose)).map_err(|_| {
        AwsError::unexpected("checking a password", "the stored hash can't be read")
    })?;
    let matches = compare(&hash);
    Ok(matches && stored.is_some())
}

/// A hash with the same parameters as all others, which no password has.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of comparing with a hash: its algorithm, its parameters, and the lengths
    /// of salt and output.
    fn cost(hash: &PasswordHash) -> String {
        let lengths = (hash.salt.as_ref().unwrap().len(), hash.hash.as_ref().unwrap().len());
        format!("{} {:?} {} {lengths:?}", hash.algorithm, hash.version, hash.params)
    }

    #[test]
    fn missing_account_takes_as_much_work_as_an_existing_one() {
        let stored = hash(&Password(Secret::new("a password"))).unwrap();
        let mut costs = Vec::new();
        for (stored, equal) in [(Some(&stored), true), (Some(&stored), false), (None, true)] {
            let found = compare(stored, |hash| {
                costs.push(cost(hash));
                equal
            });
            assert_eq!(found.unwrap(), equal && stored.is_some());
        }
        assert_eq!(costs.len(), 3, "each is compared once");
        assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
        assert!(costs[0].starts_with("argon2id Some(19) m=19456,t=2,p=1"), "{costs:?}");
    }

    #[test]
    fn usernames_and_passwords_have_length_limits() {
        let username = |name: &str| serde_json::from_value::<Username>(name.into()).is_ok();
        assert!(username("ann") && username("安") && username("ann@example.com"));
        assert!(
            !username("") && !username("a b") && !username("a#b") && !username(&"a".repeat(65))
        );
        let password = |text: &str| serde_json::from_value::<Password>(text.into()).is_ok();
        assert!(password("12345678") && !password("1234567") && !password(&"a".repeat(129)));
    }
}
