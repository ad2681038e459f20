//! A stored access token.

use crate::clock::Timestamp;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// What stands in `/tokens/{app_id}`.
///
/// The Parameter Store has no conditional write, so the number of the
/// generation stands in the value: a reader whom WeChat refused can tell
/// whether the token has been replaced since.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredToken {
    /// The token.
    pub token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Counts up with every new token.
    pub generation: u64,
    /// When tokens were last replaced by force, newest last: the forced
    /// refreshes of the last 24 hours.
    #[serde(default)]
    pub forced_at: Vec<Timestamp>,
}

impl StoredToken {
    pub(super) fn to_value(&self) -> Secret {
        #[derive(Serialize)]
        struct Stored<'a> {
            token: &'a str,
            expires_at: Timestamp,
            generation: u64,
            forced_at: &'a [Timestamp],
        }
        let stored = Stored {
            token: self.token.expose(),
            expires_at: self.expires_at,
            generation: self.generation,
            forced_at: &self.forced_at,
        };
        Secret::new(serde_json::to_string(&stored).expect("a token is made of strings and numbers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let token = StoredToken {
            token: Secret::new("t"),
            expires_at: Timestamp(7200),
            generation: 3,
            forced_at: vec![Timestamp(5)],
        };
        let read: StoredToken = serde_json::from_str(token.to_value().expose()).unwrap();
        assert_eq!(read.token, token.token);
        assert_eq!(read.generation, 3);
        assert_eq!(read.forced_at, [Timestamp(5)]);
    }
}
