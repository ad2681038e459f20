//! Why there is no valid access token.

use crate::wechat::client::CallError;
use std::time::{Duration, Instant};

/// For this long a permanent failure is returned without another attempt.
const FAILURE_TTL: Duration = Duration::from_secs(1);

/// A call that needs an access token failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The call itself.
    #[error(transparent)]
    Call(CallError),
    /// There is no valid token. Nothing was sent, or WeChat rejected the token that it
    /// was sent with.
    #[error("no access token of {app} is available: {problem}")]
    Unavailable {
        /// The app's alias.
        app: String,
        /// Why, and what to do about it.
        problem: String,
        /// Whether it stays until an operator acts. Otherwise a later attempt may succeed.
        permanent: bool,
    },
}

/// Why the token could not be refreshed.
#[derive(Clone, Debug)]
pub(super) struct RefreshFailure {
    at: Instant,
    pub(super) problem: String,
    pub(super) permanent: bool,
}

impl RefreshFailure {
    pub(super) fn transient(problem: String) -> Self {
        Self { at: Instant::now(), problem, permanent: false }
    }

    pub(super) fn permanent(problem: String) -> Self {
        Self { permanent: true, ..Self::transient(problem) }
    }

    /// Whether it happened while a caller waited that began at `since`. Then it is that
    /// caller's failure, too.
    pub(super) fn happened_since(&self, since: Instant) -> bool {
        self.at >= since
    }

    /// Whether another attempt is pointless for now.
    pub(super) fn is_current(&self) -> bool {
        self.permanent && self.at.elapsed() < FAILURE_TTL
    }

    /// The error for a caller that needs a token of this app.
    pub(super) fn for_app(&self, alias: &str) -> TokenError {
        TokenError::Unavailable {
            app: alias.to_owned(),
            problem: self.problem.clone(),
            permanent: self.permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_shared_by_waiting_callers_and_stays_current_if_permanent() {
        let before = Instant::now();
        let transient = RefreshFailure::transient("later".to_owned());
        std::thread::sleep(Duration::from_millis(2));
        assert!(transient.happened_since(before));
        assert!(!transient.happened_since(Instant::now()));
        assert!(!transient.is_current());
        let permanent = RefreshFailure { permanent: true, ..transient };
        assert!(permanent.is_current());
        let at = permanent.at.checked_sub(FAILURE_TTL).unwrap();
        assert!(!RefreshFailure { at, ..permanent }.is_current());
    }
}
