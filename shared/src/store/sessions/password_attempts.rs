//! A rate limit of password attempts: a count for each pair of account and address, so
//! that a stranger can't lock the honest user out.
//!
//! An attempt is counted before the password is compared, and only a write that DynamoDB
//! has confirmed allows it: many at the same time are counted one by one.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_time, number};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::item_key;
use crate::store::tables::{UsersTable, aggregate};
use sha2::{Digest, Sha256};

/// Maximum number of attempts in a period ...
const MAX_ATTEMPTS: u64 = 10;
/// ... of this many seconds, counted from the first: 15 minutes.
const PERIOD: u64 = 15 * 60;
/// How often the count is tried when others of the same pair get in between.
const MAX_WRITES: usize = 3;

/// Whose password is tried, from where.
#[derive(Debug)]
pub struct AttemptKey(String);

/// Whether a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// It may, and has been counted.
    Allowed,
    /// Not now.
    Limited {
        /// In seconds, at least one.
        wait: u64,
    },
}

impl AttemptKey {
    /// The account, whether or not there is one of that name, and the address. Neither
    /// can be read from the row: its key is a hash.
    pub fn new(account: &str, address: &str) -> Self {
        let hash = Sha256::digest(format!("{}\n{account}\n{address}", account.len()));
        Self(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    fn key(&self) -> Item {
        item_key(format!("password_attempts#{}", self.0), "attempts")
    }
}

aggregate! {
    /// The counts of password attempts.
    pub struct PasswordAttempts { table: UsersTable }
}

impl PasswordAttempts {
    /// Counts an attempt, if there may be another. AWS may lose the confirmation of a
    /// write, and then one attempt counts as two. After an error none is allowed.
    pub async fn count(&self, key: &AttemptKey, now: Timestamp) -> Result<RateLimit, AwsError> {
        const ACTION: &str = "counting a password attempt";
        for _ in 0..MAX_WRITES {
            let next = Write::update(&self.table, key.key())
                .increment("attempts")
                .when(attr("ends_at").greater_than(number(now)))
                .when(attr("attempts").less_than(number(MAX_ATTEMPTS)));
            let existing = match self.table.write_or_existing(ACTION, next).await? {
                WriteOutcome::Written(_) => return Ok(RateLimit::Allowed),
                WriteOutcome::Refused(existing) => existing,
            };
            let ends_at = get_time(&existing, "ends_at").filter(|ends_at| *ends_at > now);
            if let Some(ends_at) = ends_at {
                return Ok(RateLimit::Limited { wait: ends_at.seconds_since(now) });
            }
            // The first of a period.
            let ends_at = now.plus(PERIOD);
            let first = Write::update(&self.table, key.key())
                .set("attempts", number(1_u64))
                .set("ends_at", number(ends_at))
                .set("expires", number(ends_at))
                .when(attr("ends_at").not_exists().or(attr("ends_at").at_most(number(now))));
            if self.table.write(ACTION, first).await? {
                return Ok(RateLimit::Allowed);
            }
        }
        Err(AwsError::unexpected(ACTION, "others of the same pair kept getting in between"))
    }

    /// Deletes the count: the password was right.
    pub async fn reset(&self, key: &AttemptKey) -> Result<(), AwsError> {
        let delete = Write::delete(&self.table, key.key());
        self.table.write("resetting password attempts", delete).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::tests::EmptyTables;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    async fn attempts() -> PasswordAttempts {
        PasswordAttempts::new(&EmptyTables::start().await.users)
    }

    #[tokio::test]
    async fn ten_tries_in_fifteen_minutes_are_allowed_by_pair() {
        let attempts = attempts().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        for second in 0..MAX_ATTEMPTS {
            assert_eq!(attempts.count(&ann, NOW.plus(second)).await.unwrap(), RateLimit::Allowed);
        }
        let refused = attempts.count(&ann, NOW.plus(600)).await.unwrap();
        assert_eq!(refused, RateLimit::Limited { wait: 300 });
        // Neither another account from there nor ann from elsewhere.
        for (account, address) in [("bob", "203.0.113.9"), ("ann", "203.0.113.10")] {
            let pair = AttemptKey::new(account, address);
            assert_eq!(attempts.count(&pair, NOW.plus(600)).await.unwrap(), RateLimit::Allowed);
        }
        // What was refused doesn't make it longer.
        assert_eq!(attempts.count(&ann, NOW.plus(PERIOD)).await.unwrap(), RateLimit::Allowed);
        assert_eq!(attempts.count(&ann, NOW.plus(PERIOD + 1)).await.unwrap(), RateLimit::Allowed);
    }

    #[tokio::test]
    async fn right_password_resets_the_count() {
        let attempts = attempts().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        for _ in 0..MAX_ATTEMPTS {
            attempts.count(&ann, NOW).await.unwrap();
        }
        attempts.reset(&ann).await.unwrap();
        for _ in 0..MAX_ATTEMPTS {
            assert_eq!(attempts.count(&ann, NOW).await.unwrap(), RateLimit::Allowed);
        }
        assert_eq!(attempts.count(&ann, NOW).await.unwrap(), RateLimit::Limited { wait: PERIOD });
    }

    #[tokio::test]
    async fn concurrent_attempts_do_not_exceed_the_limit() {
        let attempts = attempts().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        let many = (0..40).map(|_| attempts.count(&ann, NOW));
        let results = futures_util::future::join_all(many).await;
        let allowed = results.iter().filter(|it| matches!(it, Ok(RateLimit::Allowed))).count();
        assert_eq!(allowed, 10);
        assert_eq!(attempts.count(&ann, NOW).await.unwrap(), RateLimit::Limited { wait: PERIOD });
    }

    #[test]
    fn attempt_key_differs_for_every_pair() {
        let key = |account: &str, address: &str| AttemptKey::new(account, address).0;
        assert_eq!(key("ann", "1"), key("ann", "1"));
        assert_ne!(key("ann\n1", ""), key("ann", "1\n"));
        assert!(!key("ann", "203.0.113.9").contains("203"));
    }
}
