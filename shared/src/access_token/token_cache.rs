//! One app's token, cached in this process.

use super::error::RefreshFailure;
use crate::clock::Timestamp;
use crate::parameters::StoredToken;
use crate::secret::Secret;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// In seconds. Then the token is read again.
const TTL: u64 = 60;
/// In seconds. A token this close to its expiry is read again after [`EXPIRING_TTL`]: its
/// successor is stored by then. The machine's clock may be off by as much.
const EXPIRY_MARGIN: u64 = 120;
/// In seconds.
const EXPIRING_TTL: u64 = 5;
/// For this long a token that WeChat rejected isn't used, even if it is read again. Then
/// WeChat may be asked again, in case it was wrong.
const INVALID_FOR: Duration = Duration::from_secs(30);

/// One app's token.
#[derive(Debug, Default)]
pub(super) struct TokenCache {
    state: Mutex<State>,
    /// Single-flight: of many callers that need a token, one reads or replaces it. Holds
    /// the last failure.
    pub(super) refresh_lock: tokio::sync::Mutex<Option<RefreshFailure>>,
}

#[derive(Debug, Default)]
struct State {
    /// With the time when it was read.
    token: Option<(StoredToken, Timestamp)>,
    /// What WeChat rejected, and when.
    invalid: Option<(Secret, Instant)>,
}

impl TokenCache {
    /// The token, if it needn't be read again.
    pub(super) fn fresh(&self, now: Timestamp) -> Option<StoredToken> {
        let state = self.state();
        let (token, read_at) = state.token.as_ref()?;
        let ttl = if now.plus(EXPIRY_MARGIN) < token.expires_at { TTL } else { EXPIRING_TTL };
        (now.seconds_since(*read_at) < ttl && !state.is_invalid(token)).then(|| token.clone())
    }

    /// The token, however old, unless WeChat has just rejected it.
    pub(super) fn any(&self) -> Option<StoredToken> {
        let state = self.state();
        let (token, _) = state.token.as_ref()?;
        (!state.is_invalid(token)).then(|| token.clone())
    }

    /// The token, if it is newer than the rejected one.
    pub(super) fn newer_than(&self, rejected: &StoredToken) -> Option<StoredToken> {
        self.any().filter(|token| token.supersedes(rejected))
    }

    /// Caches a token that was read, unless a newer one is cached: the Parameter Store is
    /// eventually consistent. Returns what is cached.
    pub(super) fn insert(&self, token: StoredToken, now: Timestamp) -> StoredToken {
        let mut state = self.state();
        let token = match state.token.take() {
            Some((cached, _)) if !token.supersedes(&cached) && cached.token != token.token => {
                cached
            }
            _ => token,
        };
        state.token = Some((token.clone(), now));
        token
    }

    /// Records that WeChat rejected a token.
    pub(super) fn mark_invalid(&self, token: &StoredToken) {
        self.state().invalid = Some((token.token.clone(), Instant::now()));
    }

    /// Whether WeChat has just rejected this token.
    pub(super) fn is_invalid(&self, token: &StoredToken) -> bool {
        self.state().is_invalid(token)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }
}

impl State {
    fn is_invalid(&self, token: &StoredToken) -> bool {
        self.invalid
            .as_ref()
            .is_some_and(|(invalid, at)| *invalid == token.token && at.elapsed() < INVALID_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(generation: u64, expires_at: u64) -> StoredToken {
        StoredToken {
            token: Secret::new(format!("token-{generation}-{expires_at}")),
            expires_at: Timestamp(expires_at),
            generation,
            granted_at: None,
        }
    }

    const NOW: Timestamp = Timestamp(10_000);

    /// Fault 64.
    #[test]
    fn token_is_fresh_for_a_minute_and_less_near_its_expiry() {
        let cache = TokenCache::default();
        assert!(cache.fresh(NOW).is_none());
        cache.insert(token(1, 17_200), NOW);
        assert!(cache.fresh(NOW.plus(59)).is_some());
        assert!(cache.fresh(NOW.plus(60)).is_none());
        assert!(cache.any().is_some(), "usable when nothing can be read");
        cache.insert(token(1, 17_200), Timestamp(17_090));
        assert!(cache.fresh(Timestamp(17_094)).is_some());
        assert!(cache.fresh(Timestamp(17_095)).is_none());
        // Read just now, it is used even after its expiry: WeChat decides.
        cache.insert(token(1, 17_200), Timestamp(17_300));
        assert!(cache.fresh(Timestamp(17_301)).is_some());
    }

    /// Fault 59.
    #[test]
    fn older_token_does_not_replace_a_newer_one() {
        let cache = TokenCache::default();
        let (old, new) = (token(1, 17_200), token(2, 24_100));
        cache.insert(new.clone(), NOW);
        assert_eq!(cache.insert(old.clone(), NOW.plus(61)).generation, 2);
        assert_eq!(cache.fresh(NOW.plus(61)).unwrap().generation, 2);
        // After the parameter was deleted, generations count from 1 again.
        assert_eq!(cache.insert(token(1, 24_200), NOW).expires_at, Timestamp(24_200));
    }

    #[test]
    fn rejected_token_is_not_used_again() {
        let cache = TokenCache::default();
        let (old, new) = (token(1, 17_200), token(2, 24_100));
        cache.insert(old.clone(), NOW);
        cache.mark_invalid(&old);
        assert!(cache.fresh(NOW).is_none());
        assert!(cache.any().is_none());
        assert!(cache.newer_than(&old).is_none());
        cache.insert(old.clone(), NOW);
        assert!(cache.fresh(NOW).is_none(), "reading it again doesn't make it valid");
        cache.insert(new, NOW);
        assert_eq!(cache.newer_than(&old).unwrap().generation, 2);
        assert_eq!(cache.fresh(NOW).unwrap().generation, 2);
    }
}
