//! Accounts: a name and a password that the business hands out.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::store::{AttemptKey, Logins, Mappings, RateLimit};
use std::net::IpAddr;

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

/// The hash by which a password is kept.
pub(crate) fn hash(password: &Password) -> Result<Secret, AwsError> {
    let hash = Argon2::default()
        .hash_password(password.0.expose().as_bytes())
        .map_err(|error| AwsError::unexpected("hashing a password", error.to_string()))?;
    Ok(Secret::new(hash.to_string()))
}

/// A password that doesn't do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// It isn't the account's, or there is no such account, or it has none.
    #[error("wrong username or password")]
    Wrong,
    /// Too many were wrong.
    #[error("too many wrong passwords; wait {wait} seconds")]
    TooMany {
        /// In seconds.
        wait: u64,
    },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Checks the password of an account, and answers the hash that it has. From one address only so many wrong ones are
/// looked at, whether or not there is such an account.
pub(crate) async fn authenticate(
    logins: &Logins,
    username: &Username,
    password: &Password,
    address: &str,
    now: Timestamp,
) -> Result<Secret, Denied> {
    let pair = AttemptKey::new(username.as_str(), &network(address));
    if let RateLimit::Limited { wait } = logins.users.count_attempt(&pair, now).await? {
        return Err(Denied::TooMany { wait });
    }
    let hash = verify(&logins.mappings, username, password).await?.ok_or(Denied::Wrong)?;
    logins.users.reset_attempts(&pair).await?;
    Ok(hash)
}

/// What counts as one address: of IPv6 the first 64 bits, as everybody has all the
/// others to choose from (RFC 4291, section 2.5.4).
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(long)) if long.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = long.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => address.to_owned(),
    }
}

/// The hash of the account's password, if this is it. An account that doesn't
/// exist, or has no password, takes as much work as one that does.
async fn verify(
    mappings: &Mappings,
    username: &Username,
    password: &Password,
) -> Result<Option<Secret>, AwsError> {
    let stored = mappings.password_hash(username.as_str()).await?;
    let equal = compare(stored.as_ref(), |hash| {
        Argon2::default().verify_password(password.0.expose().as_bytes(), hash).is_ok()
    })?;
    Ok(stored.filter(|_| equal))
}

/// Compares once, whether there is a hash or not; without one, nothing is equal.
fn compare(
    stored: Option<&Secret>,
    compare: impl FnOnce(&PasswordHash) -> bool,
) -> Result<bool, AwsError> {
    let hash = PasswordHash::new(stored.map_or(NOBODYS, Secret::expose)).map_err(|_| {
        AwsError::unexpected("checking a password", "the stored hash can't be read")
    })?;
    let equal = compare(&hash);
    Ok(equal && stored.is_some())
}

/// A hash with the parameters of all others, of a password that nobody knows.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    /// What comparing with a hash takes: the algorithm, its memory, its passes and
    /// lanes, and the lengths of salt and sum.
    fn work(hash: &PasswordHash) -> String {
        let lengths = (hash.salt.as_ref().unwrap().len(), hash.hash.as_ref().unwrap().len());
        format!("{} {:?} {} {lengths:?}", hash.algorithm, hash.version, hash.params)
    }

    #[test]
    fn an_account_that_there_is_not_takes_as_much_work() {
        let stored = hash(&Password(Secret::new("a password"))).unwrap();
        let mut works = Vec::new();
        for (stored, equal) in [(Some(&stored), true), (Some(&stored), false), (None, true)] {
            let found = compare(stored, |hash| {
                works.push(work(hash));
                equal
            });
            assert_eq!(found.unwrap(), equal && stored.is_some());
        }
        assert_eq!(works.len(), 3, "each is compared once");
        assert!(works.iter().all(|work| *work == works[0]), "{works:?}");
        assert!(works[0].starts_with("argon2id Some(19) m=19456,t=2,p=1"), "{works:?}");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("somewhere"), "somewhere");
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
