//! A stored access token.

use crate::clock::Timestamp;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// The longest lifetime of a token, in seconds.
///
/// Source: WeChat's documentation, "获取稳定版接口调用凭据".
const MAX_TOKEN_TTL: u64 = 7200;

/// The parameter `/tokens/{app_id}`.
///
/// The generation tells a reader whose token WeChat rejected whether it has been replaced
/// since: the Parameter Store has no conditional write.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredToken {
    /// The token.
    pub token: Secret,
    /// Its expiry.
    pub expires_at: Timestamp,
    /// Counts up with every new token.
    pub generation: u64,
    /// When WeChat issued it. None if an older version stored it.
    pub granted_at: Option<Timestamp>,
}

impl StoredToken {
    /// Seconds since WeChat issued it, as far as known.
    pub fn age(&self, now: Timestamp) -> u64 {
        let granted_at =
            self.granted_at.unwrap_or(Timestamp(self.expires_at.0.saturating_sub(MAX_TOKEN_TTL)));
        now.seconds_since(granted_at)
    }

    /// Whether this one is to be used rather than `other`. Generations may count from 1 again
    /// after the parameter was deleted, but a token that WeChat issued later also expires
    /// later.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.generation > other.generation || self.expires_at > other.expires_at
    }

    pub(super) fn to_value(&self) -> Secret {
        #[derive(Serialize)]
        struct Stored<'a> {
            token: &'a str,
            expires_at: Timestamp,
            generation: u64,
            granted_at: Option<Timestamp>,
        }
        let stored = Stored {
            token: self.token.expose(),
            expires_at: self.expires_at,
            generation: self.generation,
            granted_at: self.granted_at,
        };
        Secret::new(serde_json::to_string(&stored).expect("a token is made of strings and numbers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(generation: u64, expires_at: u64) -> StoredToken {
        StoredToken {
            token: Secret::new("t"),
            expires_at: Timestamp(expires_at),
            generation,
            granted_at: Some(Timestamp(5)),
        }
    }

    #[test]
    fn stored_token_can_be_read() {
        let token = token(3, 7200);
        let read: StoredToken = serde_json::from_str(token.to_value().expose()).unwrap();
        assert_eq!(read.token, token.token);
        assert_eq!(read.generation, 3);
        assert_eq!((read.granted_at, read.age(Timestamp(65))), (Some(Timestamp(5)), 60));
    }

    /// Fault 84.
    #[test]
    fn token_of_an_older_version_can_be_read() {
        let old = r#"{"token":"t","expires_at":7300,"generation":3,"forced_at":[5]}"#;
        let read: StoredToken = serde_json::from_str(old).unwrap();
        assert_eq!((read.generation, read.age(Timestamp(160))), (3, 60));
    }

    /// Fault 59.
    #[test]
    fn older_token_does_not_supersede_a_newer_one() {
        let (old, new) = (token(3, 7200), token(4, 14_100));
        assert!(new.supersedes(&old));
        assert!(!old.supersedes(&new));
        assert!(!old.supersedes(&old));
        // Counted from 1 again, and still newer.
        assert!(token(1, 14_200).supersedes(&new));
    }
}
