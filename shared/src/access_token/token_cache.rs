//! One app's token, as a process holds it.

use super::TokenError;
use crate::clock::Timestamp;
use crate::parameters::{StoredToken, WeChatApp};
use crate::secret::Secret;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A token that was read is used this many seconds before it's read again.
const FRESH: u64 = 60;
/// A token this close to its end, in seconds, is read again: its successor is
/// there by now. The machine's clock may be wrong by as much.
const MARGIN: u64 = 120;
/// If it isn't there, the old one is used this many seconds before it's looked for
/// again.
const WAITING: u64 = 5;
/// A token that WeChat called dead isn't used for this long, whoever hands it out.
/// After it WeChat may be asked again: it may have been mistaken.
const INVALID_FOR: Duration = Duration::from_secs(30);
/// A failure that only a human can end is not looked at again for this long.
const FAILURE_TTL: Duration = Duration::from_secs(1);

/// One app's token, as a process holds it.
#[derive(Debug, Default)]
pub(super) struct TokenCache {
    kept: Mutex<Kept>,
    /// Of many calls that need a token at once, one gets it. With the last failure.
    pub(super) refresh_lock: tokio::sync::Mutex<Option<RefreshFailure>>,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<(StoredToken, Timestamp)>,
    dead: Option<(Secret, Instant)>,
}

impl TokenCache {
    /// The token, if it needn't be read again.
    pub(super) fn usable(&self, now: Timestamp) -> Option<StoredToken> {
        let kept = self.kept();
        let (token, read_at) = kept.token.as_ref()?;
        let fresh = if now.plus(MARGIN) < token.expires_at { FRESH } else { WAITING };
        (now.seconds_since(*read_at) < fresh && !kept.is_invalid(token)).then(|| token.clone())
    }

    /// The token, however old, unless WeChat has just called it dead.
    pub(super) fn any(&self) -> Option<StoredToken> {
        let kept = self.kept();
        let (token, _) = kept.token.as_ref()?;
        (!kept.is_invalid(token)).then(|| token.clone())
    }

    /// The token, if it's newer than the dead one.
    pub(super) fn newer(&self, dead: &StoredToken) -> Option<StoredToken> {
        self.any().filter(|token| token.supersedes(dead))
    }

    /// Keeps a token that was read, unless a newer one was read before: the
    /// Parameter Store may show what was there a moment ago. What is kept is
    /// answered.
    pub(super) fn keep(&self, token: StoredToken, now: Timestamp) -> StoredToken {
        let mut kept = self.kept();
        let token = match kept.token.take() {
            Some((before, _)) if !token.supersedes(&before) && before.token != token.token => {
                before
            }
            _ => token,
        };
        kept.token = Some((token.clone(), now));
        token
    }

    /// Notes that WeChat called a token dead.
    pub(super) fn mark_invalid(&self, token: &StoredToken) {
        self.kept().dead = Some((token.token.clone(), Instant::now()));
    }

    /// Whether WeChat has just called this token dead.
    pub(super) fn is_invalid(&self, token: &StoredToken) -> bool {
        self.kept().is_invalid(token)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics under this lock")
    }
}

impl Kept {
    fn is_invalid(&self, token: &StoredToken) -> bool {
        self.dead
            .as_ref()
            .is_some_and(|(dead, at)| *dead == token.token && at.elapsed() < INVALID_FOR)
    }
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(super) struct RefreshFailure {
    at: Instant,
    pub(super) problem: String,
    pub(super) permanent: bool,
}

impl RefreshFailure {
    pub(super) fn new(problem: String, permanent: bool) -> Self {
        Self { at: Instant::now(), problem, permanent }
    }

    /// Whether it came about while those waited who began to ask at `asked`: it's
    /// their answer, too.
    pub(super) fn was_awaited(&self, asked: Instant) -> bool {
        self.at >= asked
    }

    /// Whether there is no need to try again yet.
    pub(super) fn holds(&self) -> bool {
        self.permanent && self.at.elapsed() < FAILURE_TTL
    }

    pub(super) fn error(&self, app: &WeChatApp) -> TokenError {
        TokenError::Unavailable {
            app: app.alias.clone(),
            problem: self.problem.clone(),
            permanent: self.permanent,
        }
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
    fn a_token_is_used_for_a_minute_and_less_near_its_end() {
        let cache = TokenCache::default();
        assert!(cache.usable(NOW).is_none());
        cache.keep(token(1, 17_200), NOW);
        assert!(cache.usable(NOW.plus(59)).is_some());
        assert!(cache.usable(NOW.plus(60)).is_none());
        assert!(cache.any().is_some(), "and still at hand when nothing can be read");
        cache.keep(token(1, 17_200), Timestamp(17_090));
        assert!(cache.usable(Timestamp(17_094)).is_some());
        assert!(cache.usable(Timestamp(17_095)).is_none());
        // Read just now, it is used even after its end: WeChat is the judge.
        cache.keep(token(1, 17_200), Timestamp(17_300));
        assert!(cache.usable(Timestamp(17_301)).is_some());
    }

    /// Fault 59.
    #[test]
    fn an_older_token_that_is_read_later_does_not_come_back() {
        let cache = TokenCache::default();
        let (old, new) = (token(1, 17_200), token(2, 24_100));
        cache.keep(new.clone(), NOW);
        assert_eq!(cache.keep(old.clone(), NOW.plus(61)).generation, 2);
        assert_eq!(cache.usable(NOW.plus(61)).unwrap().generation, 2);
        // Somebody deleted the parameter, and generations count from 1 again.
        assert_eq!(cache.keep(token(1, 24_200), NOW).expires_at, Timestamp(24_200));
    }

    #[test]
    fn a_token_that_wechat_called_dead_is_not_used_again() {
        let cache = TokenCache::default();
        let (old, new) = (token(1, 17_200), token(2, 24_100));
        cache.keep(old.clone(), NOW);
        cache.mark_invalid(&old);
        assert!(cache.usable(NOW).is_none());
        assert!(cache.any().is_none());
        assert!(cache.newer(&old).is_none());
        cache.keep(old.clone(), NOW);
        assert!(cache.usable(NOW).is_none(), "reading it again makes it no better");
        cache.keep(new, NOW);
        assert_eq!(cache.newer(&old).unwrap().generation, 2);
        assert_eq!(cache.usable(NOW).unwrap().generation, 2);
    }

    #[test]
    fn who_waited_for_a_failure_shares_it_and_who_comes_later_does_not() {
        let before = Instant::now();
        let passing = RefreshFailure::new("later".to_owned(), false);
        std::thread::sleep(Duration::from_millis(2));
        assert!(passing.was_awaited(before));
        assert!(!passing.was_awaited(Instant::now()));
        assert!(!passing.holds());
        // What only a human can end isn't asked for by each.
        let permanent = RefreshFailure { permanent: true, ..passing };
        assert!(permanent.holds());
        assert!(
            !RefreshFailure { at: permanent.at.checked_sub(FAILURE_TTL).unwrap(), ..permanent }
                .holds()
        );
    }
}
