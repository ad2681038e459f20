//! The set of keys that sign access tokens: the next one, the current one, and the
//! previous one.
//!
//! API Gateway's JWT authorizer takes RSA only, and caches keys for two hours (see
//! "Control access to HTTP APIs with JWT authorizers" in its developer guide). So a new
//! key is published long before it signs, and an old one long after.

use super::key::{Key, PublicKey, StoredKey, unusable};
use crate::retries::PARAMETER_CONSISTENCY;
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};
use std::collections::BTreeMap;

/// The number of the first key.
const FIRST: u32 = 1;

/// The keys, by their numbers. There is at least one.
#[derive(Debug)]
pub(crate) struct Keys(BTreeMap<u32, Key>);

impl Keys {
    /// Reads the keys, or creates the first one. Concurrent cold starts agree on one key,
    /// as only one of them can write it. Fails also if no stored key is usable.
    pub(crate) async fn read_or_create(
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Self, ParameterError> {
        let found = Self::read(parameters).await?;
        if !found.0.is_empty() {
            return Ok(found);
        }
        let (key, stored) = Key::generate(now)?;
        if parameters.put_session_key(FIRST, &stored).await? {
            tracing::info!("created the first signing key");
            return Ok(Self(BTreeMap::from([(FIRST, key)])));
        }
        let read = async || {
            let found = Self::read(parameters).await?;
            Ok::<_, ParameterError>(Some(found).filter(|found| !found.0.is_empty()))
        };
        PARAMETER_CONSISTENCY.poll(read).await?.ok_or_else(|| {
            unusable("it exists but is not usable; delete it, and a new one is created")
        })
    }

    async fn read(parameters: &Parameters) -> Result<Self, ParameterError> {
        let mut keys = BTreeMap::new();
        for (number, stored) in parameters.session_keys::<StoredKey>().await? {
            match Key::parse(&stored) {
                Ok(key) => {
                    keys.insert(number, key);
                }
                Err(error) => {
                    tracing::error!("skipped signing key {number}: {error}; replace or delete it");
                }
            }
        }
        Ok(Self(keys))
    }

    /// These keys, numbered from the first.
    #[cfg(test)]
    pub(crate) fn from_keys(keys: impl IntoIterator<Item = Key>) -> Self {
        Self((FIRST..).zip(keys).collect())
    }

    /// The number of the key that signs at `now`. By a clock that is behind, no key may
    /// sign yet; then it is the first.
    pub(super) fn current_number(&self, now: Timestamp) -> u32 {
        let begun = self.0.iter().rev().find(|(_, key)| key.signs_from <= now);
        let (number, _) = begun.or(self.0.first_key_value()).expect("there is at least one key");
        *number
    }

    /// The key that signs at `now`.
    pub(crate) fn current(&self, now: Timestamp) -> &Key {
        &self.0[&self.current_number(now)]
    }

    /// The key after this one.
    pub(super) fn after(&self, number: u32) -> Option<&Key> {
        self.0.range(number + 1..).next().map(|(_, key)| key)
    }

    /// The key with this number.
    pub(super) fn get(&self, number: u32) -> Option<&Key> {
        self.0.get(&number)
    }

    /// The number of the last key before this one.
    pub(super) fn previous_number(&self, number: u32) -> Option<u32> {
        self.0.range(..number).next_back().map(|(number, _)| *number)
    }

    /// The numbers of the keys before this one.
    pub(super) fn numbers_before(&self, number: u32) -> impl Iterator<Item = u32> {
        self.0.range(..number).map(|(number, _)| *number)
    }

    /// The previous key, the current one, and those that will sign.
    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        let current = self.current_number(now);
        let previous = self.previous_number(current).unwrap_or(current);
        self.0.range(previous..).map(|(_, key)| key)
    }

    /// The public keys that verify what was, is and will be signed.
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
        let key = |&(number, from)| (number, Key::generate(Timestamp(from)).unwrap().0);
        Keys(signs_from.iter().map(key).collect())
    }

    /// The number of the current key, and those of the published ones.
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
    fn key_is_published_before_it_signs_and_after() {
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
    fn first_key_signs_when_the_clock_is_behind() {
        let keys = keys(&[(1, NOW.0 + 2), (2, NOW.0 + 9000)]);
        assert_eq!(at(&keys, NOW), (1, vec![1, 2]));
    }
}
