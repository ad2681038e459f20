//! The RSA keys that sign sessions: the next one, the one that signs, and the one
//! before it.
//!
//! API Gateway's JWT authorizer takes RSA only, and keeps the keys that it has
//! read for two hours (see "Control access to HTTP APIs with JWT authorizers" in
//! its developer guide). So a new key is published long before it signs, and an
//! old one long after.

mod key;
mod rotate;

pub(crate) use key::{Key, PublicKey};
pub(crate) use rotate::{Asked, rotate};

use key::Stored;
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of the first key.
const FIRST: u32 = 1;
/// How often a key is looked for that somebody else has just written: the
/// Parameter Store may show it a moment later.
const LOOKS: u32 = 5;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The keys that sign sessions, by their numbers. There is at least one.
#[derive(Debug)]
pub(crate) struct Keys(BTreeMap<u32, Key>);

impl Keys {
    /// Reads the keys, or makes the first one. Two functions that start together
    /// agree, as only one of them can write.
    ///
    /// # Errors
    ///
    /// When the Parameter Store doesn't answer, or no key in it can be used.
    pub(crate) async fn read_or_make(
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Self, ParameterError> {
        let found = Self::read(parameters).await?;
        if !found.0.is_empty() {
            return Ok(found);
        }
        let (key, stored) = Key::make(now)?;
        if parameters.put_session_key(FIRST, &stored).await? {
            tracing::info!("made the first key for sessions");
            return Ok(Self(BTreeMap::from([(FIRST, key)])));
        }
        for _ in 0..LOOKS {
            let theirs = Self::read(parameters).await?;
            if !theirs.0.is_empty() {
                return Ok(theirs);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(key::unusable("it is there, but can't be used; delete it, and another one is made"))
    }

    async fn read(parameters: &Parameters) -> Result<Self, ParameterError> {
        let mut keys = BTreeMap::new();
        for (number, stored) in parameters.session_keys::<Stored>().await? {
            match Key::open(&stored) {
                Ok(key) => {
                    keys.insert(number, key);
                }
                Err(error) => {
                    tracing::error!("key {number} of sessions: {error}; it is passed over");
                }
            }
        }
        Ok(Self(keys))
    }

    /// These keys, numbered from the first.
    #[cfg(test)]
    pub(crate) fn of(keys: impl IntoIterator<Item = Key>) -> Self {
        Self((FIRST..).zip(keys).collect())
    }

    /// The number of the key that signs: the last that has begun to. By a clock
    /// that is behind, none may have begun; then it is the first.
    fn signing(&self, now: Timestamp) -> u32 {
        let begun = self.0.iter().rev().find(|(_, key)| key.signs_from <= now);
        let (number, _) = begun.or(self.0.first_key_value()).expect("there is at least one key");
        *number
    }

    /// The key that signs what is issued now.
    pub(crate) fn current(&self, now: Timestamp) -> &Key {
        &self.0[&self.signing(now)]
    }

    /// The keys that are published: the one that signs, the one before it, and
    /// those that will sign.
    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        let current = self.signing(now);
        let previous = self.0.range(..current).next_back();
        let previous = previous.map_or(current, |(number, _)| *number);
        self.0.range(previous..).map(|(_, key)| key)
    }

    /// The public keys that verify what is, was or will be signed.
    pub(crate) fn published(&self, now: Timestamp) -> Vec<&PublicKey> {
        self.valid(now).map(|key| &key.public).collect()
    }

    /// The published key with this id.
    pub(crate) fn find(&self, kid: &str, now: Timestamp) -> Option<&Key> {
        self.valid(now).find(|key| key.public.kid == kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn keys(signs_from: &[(u32, u64)]) -> Keys {
        let key = |&(number, from)| (number, Key::make(Timestamp(from)).unwrap().0);
        Keys(signs_from.iter().map(key).collect())
    }

    /// The numbers of the key that signs, and of those that are published.
    fn at(keys: &Keys, now: Timestamp) -> (u32, Vec<u32>) {
        let number = |kid: &str| {
            let found = keys.0.iter().find(|(_, key)| key.public.kid == kid);
            *found.unwrap().0
        };
        let current = number(&keys.current(now).public.kid);
        (current, keys.published(now).iter().map(|key| number(&key.kid)).collect())
    }

    /// Fault 71.
    #[test]
    fn a_key_is_published_before_it_signs_and_after() {
        let keys = keys(&[(3, NOW.0 - 500), (4, NOW.0 - 100), (5, NOW.0 + 100)]);
        assert_eq!(at(&keys, NOW), (4, vec![3, 4, 5]));
        assert_eq!(at(&keys, NOW.plus(99)), (4, vec![3, 4, 5]));
        assert_eq!(at(&keys, NOW.plus(100)), (5, vec![4, 5]));
        let kid = &keys.0[&3].public.kid;
        assert!(keys.find(kid, NOW).is_some());
        assert!(keys.find(kid, NOW.plus(100)).is_none());
        assert!(keys.find("", NOW).is_none());
    }

    #[test]
    fn a_clock_that_is_behind_has_a_key_to_sign_with() {
        let keys = keys(&[(1, NOW.0 + 2), (2, NOW.0 + 9000)]);
        assert_eq!(at(&keys, NOW), (1, vec![1, 2]));
    }
}
