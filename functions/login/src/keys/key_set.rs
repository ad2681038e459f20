//! The sets of keys that make sessions: the next key, the current one, and those before it
//! whose tokens are still valid.
//!
//! Execution environments cache the keys, and so does API Gateway. So a new key is stored
//! long before it makes its first token, and an old one long after its last.

use super::key::{Key, PublicKey};
use super::session_key::{SessionKey, StoredKey, unusable};
use crate::retries::PARAMETER_CONSISTENCY;
use crate::retry_key::RetryKey;
use crate::session::refresh_token::{Presented, RefreshKey, RefreshToken, key_number};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};
use shared::store::SecretHash;
use std::collections::BTreeMap;

/// The number of the first key.
const FIRST: u32 = 1;

/// The keys of one kind, by their numbers. There is at least one.
#[derive(Debug)]
pub(crate) struct KeySet<K>(BTreeMap<u32, K>);

/// The RSA keys that sign access tokens.
pub(crate) type Keys = KeySet<Key>;

/// The keys that seal refresh tokens.
pub(crate) type RefreshKeys = KeySet<RefreshKey>;

impl<K: SessionKey> KeySet<K> {
    /// Reads the keys, or creates the first one. Concurrent cold starts agree on one key,
    /// as only one of them can write it. Fails also if no stored key is usable.
    pub(crate) async fn read_or_create(
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Self, ParameterError> {
        if let Some(found) = Self::read(parameters).await? {
            return Ok(found);
        }
        let (key, stored) = K::generate(FIRST, now)?;
        if parameters.put_session_key(K::KIND, FIRST, &stored, false).await? {
            tracing::info!(kid = key.id(), "created the first {}", K::NAME);
            return Ok(Self(BTreeMap::from([(FIRST, key)])));
        }
        PARAMETER_CONSISTENCY.poll(|| Self::read(parameters)).await?.ok_or_else(|| {
            unusable(K::KIND, "it exists but is not usable; delete it, and a new one is created")
        })
    }

    /// The stored keys; none if there is no usable one.
    pub(super) async fn read(parameters: &Parameters) -> Result<Option<Self>, ParameterError> {
        let mut keys = BTreeMap::new();
        for (number, stored) in parameters.session_keys::<StoredKey>(K::KIND).await? {
            match K::parse(number, &stored) {
                Ok(key) => {
                    keys.insert(number, key);
                }
                Err(error) => {
                    tracing::error!("skipped {} {number}: {error}; replace or delete it", K::NAME);
                }
            }
        }
        Ok(Some(Self(keys)).filter(|found| !found.0.is_empty()))
    }

    /// These keys, numbered from the first.
    #[cfg(test)]
    pub(crate) fn from_keys(keys: impl IntoIterator<Item = K>) -> Self {
        Self((FIRST..).zip(keys).collect())
    }

    /// The number of the key that makes tokens at `now`. By a clock that is behind, no key
    /// may yet; then it is the first.
    pub(crate) fn current_number(&self, now: Timestamp) -> u32 {
        let begun = self.0.iter().rev().find(|(_, key)| key.signs_from() <= now);
        let (number, _) = begun.or(self.0.first_key_value()).expect("there is at least one key");
        *number
    }

    /// The key that makes tokens at `now`.
    pub(crate) fn current(&self, now: Timestamp) -> &K {
        &self.0[&self.current_number(now)]
    }

    /// The key after this one, with its number.
    pub(super) fn after(&self, number: u32) -> Option<(u32, &K)> {
        self.0.range(number + 1..).next().map(|(number, key)| (*number, key))
    }

    /// Whether this number is not that of a key which was created since the keys were read.
    pub(crate) fn knows_number(&self, number: u32) -> bool {
        self.0.last_key_value().is_some_and(|(newest, _)| number <= *newest)
    }

    /// The key with this number.
    pub(super) fn get(&self, number: u32) -> Option<&K> {
        self.0.get(&number)
    }

    /// All keys, by their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &K)> {
        self.0.iter().map(|(number, key)| (*number, key))
    }

    /// The number of the oldest key whose tokens are valid at `now`.
    pub(super) fn oldest_valid(&self, now: Timestamp) -> u32 {
        let current = self.current_number(now);
        let mut before = self.0.range(..current).rev().map(|(number, _)| *number);
        match K::RETENTION_SECS {
            None => before.next(),
            Some(seconds) => before
                .take_while(|number| {
                    let next = self.after(*number);
                    next.is_some_and(|(_, next)| now < next.signs_from().plus(seconds))
                })
                .last(),
        }
        .unwrap_or(current)
    }

    /// The keys whose tokens are valid, and those that will make some.
    pub(crate) fn valid(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &K> {
        self.0.range(self.oldest_valid(now)..).map(|(_, key)| key)
    }

    /// The key with this number, if its tokens are valid.
    pub(crate) fn get_valid(&self, number: u32, now: Timestamp) -> Option<&K> {
        self.get(number).filter(|_| number >= self.oldest_valid(now))
    }
}

impl Keys {
    /// The public keys that verify what was, is and will be signed.
    pub(crate) fn published(&self, now: Timestamp) -> Vec<&PublicKey> {
        self.valid(now).map(|key| &key.public).collect()
    }

    /// The published key with this id.
    pub(crate) fn find(&self, kid: &str, now: Timestamp) -> Option<&Key> {
        self.valid(now).find(|key| key.public.kid == kid)
    }
}

impl RefreshKeys {
    /// Verifies a token. None if no valid key has sealed it.
    pub(crate) fn open_token(&self, text: &str, now: Timestamp) -> Option<Presented> {
        self.get_valid(key_number(text)?, now)?.open_token(text)
    }

    /// The token that has replaced this one, of which the hash is stored. None if the key
    /// that sealed it was revoked.
    pub(crate) fn find_successor(
        &self,
        presented: &Presented,
        retry_key: Option<&RetryKey>,
        stored: SecretHash,
        now: Timestamp,
    ) -> Option<RefreshToken> {
        let successors =
            self.valid(now).rev().filter_map(|key| key.successor(presented, retry_key));
        successors.into_iter().find(|successor| successor.hash == stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::store::SESSION_IDLE_TTL;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn keys<K: SessionKey>(signs_from: &[(u32, u64)]) -> KeySet<K> {
        let key = |&(number, from)| (number, K::generate(number, Timestamp(from)).unwrap().0);
        KeySet(signs_from.iter().map(key).collect())
    }

    /// The number of the current key, and those of the valid ones.
    fn at<K: SessionKey>(keys: &KeySet<K>, now: Timestamp) -> (u32, Vec<u32>) {
        let all = keys.iter().map(|(number, _)| number);
        let valid: Vec<_> = all.filter(|number| keys.get_valid(*number, now).is_some()).collect();
        assert_eq!(valid.len(), keys.valid(now).count());
        (keys.current_number(now), valid)
    }

    /// Fault 71.
    #[test]
    fn key_is_published_before_it_signs_and_after() {
        let keys: Keys = keys(&[(3, NOW.0 - 500), (4, NOW.0 - 100), (5, NOW.0 + 100)]);
        assert_eq!(at(&keys, NOW), (4, vec![3, 4, 5]));
        assert_eq!(keys.published(NOW).len(), 3);
        assert_eq!(at(&keys, NOW.plus(99)), (4, vec![3, 4, 5]));
        assert_eq!(at(&keys, NOW.plus(100)), (5, vec![4, 5]));
        let kid = &keys.0[&3].public.kid;
        assert!(keys.find(kid, NOW).is_some());
        assert!(keys.find(kid, NOW.plus(100)).is_none());
        assert!(keys.find("", NOW).is_none());
    }

    /// Fault 108.
    #[test]
    fn refresh_key_is_valid_as_long_as_an_idle_session_after_its_last_token() {
        let keys: RefreshKeys =
            keys(&[(1, NOW.0 - 900), (2, NOW.0 - 500), (3, NOW.0 - 100), (4, NOW.0 + 100)]);
        assert_eq!(at(&keys, NOW), (3, vec![1, 2, 3, 4]));
        let end = Timestamp(NOW.0 - 500 + SESSION_IDLE_TTL);
        assert_eq!(at(&keys, Timestamp(end.0 - 1)), (4, vec![1, 2, 3, 4]));
        assert_eq!(at(&keys, end), (4, vec![2, 3, 4]));
        assert_eq!(at(&keys, end.plus(400)), (4, vec![3, 4]));
        assert_eq!(at(&keys, end.plus(600)), (4, vec![4]));
    }

    #[test]
    fn first_key_signs_when_the_clock_is_behind() {
        let keys: Keys = keys(&[(1, NOW.0 + 2), (2, NOW.0 + 9000)]);
        assert_eq!(at(&keys, NOW), (1, vec![1, 2]));
    }
}
