//! Rate limits of password attempts: counts for a pair of account and network, for a network,
//! for an account, and for a WeChat user.
//!
//! An attempt is counted before the password is compared, and only a write that DynamoDB
//! has confirmed allows it: many at the same time are counted one by one. A right password
//! takes its own attempt back, so that what stays are the wrong ones, of whomever.
//!
//! A pair's limit is small, as a stranger elsewhere can't use it up. The account's can be used
//! up by strangers, so it refuses no one: it makes the login function exchange WeChat's code
//! before it looks at the password, and count by WeChat user from then on.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_number, get_time, number};
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId};
use sha2::{Digest, Sha256};

/// A number of attempts in a period, which begins with the first.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    scope: &'static str,
    max_attempts: u64,
    /// In seconds.
    period: u64,
    /// The attribute with the end of the period.
    ends_at: &'static str,
}

const MINUTE: u64 = 60;
const PERIOD_ENDS_AT: &str = "period_ends_at";

/// One account from one network.
static PAIR: Limit =
    Limit { scope: "pair", max_attempts: 10, period: 15 * MINUTE, ends_at: "ends_at" };
/// All accounts from one network, which may be that of a school or of a mobile operator.
static NETWORK: Limit =
    Limit { scope: "network", max_attempts: 100, period: 15 * MINUTE, ends_at: PERIOD_ENDS_AT };
/// One account from everywhere.
static ACCOUNT: Limit =
    Limit { scope: "account", max_attempts: 100, period: 60 * MINUTE, ends_at: PERIOD_ENDS_AT };
/// One WeChat user, for all accounts that are beyond their limit.
static WECHAT_USER: Limit =
    Limit { scope: "wechat_user", max_attempts: 5, period: 60 * MINUTE, ends_at: PERIOD_ENDS_AT };

/// How often a count is tried when others of the same kind get in between.
const MAX_WRITES: usize = 5;
const ACTION: &str = "counting a password attempt";

/// Whose attempts are counted together. No one can be read from the row: its key is a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptKey {
    hash: String,
    limit: &'static Limit,
}

/// Whether a password may be tried.
#[derive(Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// It may, and has been counted.
    Allowed(CountedAttempt),
    /// Not now.
    Limited {
        /// In seconds, at least one.
        wait: u64,
    },
}

/// An attempt that was counted.
#[derive(Debug, PartialEq, Eq)]
pub struct CountedAttempt {
    key: AttemptKey,
    /// The end of the period in which it was counted.
    ends_at: Timestamp,
}

impl AttemptKey {
    /// An account, whether or not there is one of that name, from one network: 10 attempts in
    /// 15 minutes.
    pub fn pair(account: &str, network: &str) -> Self {
        Self::new(&PAIR, &[account, network])
    }

    /// All accounts from one network: 100 attempts in 15 minutes.
    pub fn network(network: &str) -> Self {
        Self::new(&NETWORK, &[network])
    }

    /// An account, whether or not there is one of that name, from all networks: 100 attempts
    /// in an hour.
    pub fn account(account: &str) -> Self {
        Self::new(&ACCOUNT, &[account])
    }

    /// A WeChat user, for accounts that are beyond their limit: 5 attempts in an hour.
    pub fn wechat_user(app_id: &AppId, open_id: &OpenId) -> Self {
        Self::new(&WECHAT_USER, &[&user_key(app_id, open_id)])
    }

    fn new(limit: &'static Limit, parts: &[&str]) -> Self {
        let mut hash = Sha256::new_with_prefix(limit.scope);
        for part in parts {
            hash.update(format!("\n{}\n{part}", part.len()));
        }
        let hash = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { hash, limit }
    }

    fn item(&self) -> Item {
        item_key(format!("password_attempts#{}", self.hash), "attempts")
    }
}

aggregate! {
    /// The counts of password attempts.
    pub struct PasswordAttempts { table: UsersTable }
}

impl PasswordAttempts {
    /// Counts an attempt, if there may be another. AWS may lose the confirmation of a
    /// write, and then one attempt counts as two. After an error none is allowed.
    ///
    /// It makes the same calls whether or not there was an attempt before, so that their
    /// number doesn't tell.
    pub async fn count(&self, key: &AttemptKey, now: Timestamp) -> Result<RateLimit, AwsError> {
        let Limit { max_attempts, period, ends_at, .. } = *key.limit;
        for _ in 0..MAX_WRITES {
            let row = self.table.read(ACTION, key.item()).await?.unwrap_or_default();
            let end = get_time(&row, ends_at).filter(|end| *end > now);
            let write = Write::update(&self.table, key.item());
            let (end, write) = match end {
                Some(end) if get_number(&row, "attempts") >= Some(max_attempts) => {
                    return Ok(RateLimit::Limited { wait: end.seconds_since(now) });
                }
                Some(end) => {
                    let is_below = attr("attempts").less_than(number(max_attempts));
                    let is_same = attr(ends_at).equals(number(end));
                    (end, write.increment("attempts").when(is_same).when(is_below))
                }
                // The first of a period.
                None => {
                    let end = now.plus(period);
                    let is_over = attr(ends_at).not_exists();
                    let is_over = is_over.or(attr(ends_at).at_most(number(now)));
                    let first = write
                        .set("attempts", number(1_u64))
                        .set(ends_at, number(end))
                        .set("expires", number(end));
                    (end, first.when(is_over))
                }
            };
            if self.table.write(ACTION, write).await? {
                return Ok(RateLimit::Allowed(CountedAttempt { key: key.clone(), ends_at: end }));
            }
        }
        Err(AwsError::unexpected(ACTION, "others of the same kind kept getting in between"))
    }

    /// Takes an attempt back, as its password was right. Those of others stay, and so does
    /// the count of a period that has begun since.
    pub async fn take_back(&self, attempt: &CountedAttempt) -> Result<(), AwsError> {
        let ends_at = attempt.key.limit.ends_at;
        let update = Write::update(&self.table, attempt.key.item())
            .decrement("attempts")
            .when(attr(ends_at).equals(number(attempt.ends_at)))
            .when(attr("attempts").greater_than(number(0_u64)));
        self.table.write("taking a password attempt back", update).await.map(drop)
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

    fn keys() -> [AttemptKey; 4] {
        let (app_id, open_id) = (AppId::parse("wxMini").unwrap(), OpenId::parse("oAnn").unwrap());
        [
            AttemptKey::pair("ann", "203.0.113.9"),
            AttemptKey::network("203.0.113.9"),
            AttemptKey::account("ann"),
            AttemptKey::wechat_user(&app_id, &open_id),
        ]
    }

    impl PasswordAttempts {
        /// The attempt; none if it was refused.
        async fn attempt(&self, key: &AttemptKey, now: Timestamp) -> Option<CountedAttempt> {
            match self.count(key, now).await.unwrap() {
                RateLimit::Allowed(attempt) => Some(attempt),
                RateLimit::Limited { .. } => None,
            }
        }
    }

    #[tokio::test]
    async fn each_limit_has_its_number_of_attempts_and_its_period() {
        let attempts = attempts().await;
        let limits = [(10, 900), (100, 900), (100, 3600), (5, 3600)];
        for (key, (max_attempts, period)) in keys().iter().zip(limits) {
            for _ in 0..max_attempts {
                assert!(attempts.attempt(key, NOW).await.is_some(), "{key:?}");
            }
            let refused = attempts.count(key, NOW.plus(600)).await.unwrap();
            assert_eq!(refused, RateLimit::Limited { wait: period - 600 }, "{key:?}");
            // What was refused doesn't make it longer.
            assert!(attempts.attempt(key, NOW.plus(period - 1)).await.is_none(), "{key:?}");
            assert!(attempts.attempt(key, NOW.plus(period)).await.is_some(), "{key:?}");
            assert!(attempts.attempt(key, NOW.plus(period + 1)).await.is_some(), "{key:?}");
        }
    }

    #[tokio::test]
    async fn right_password_takes_its_own_attempt_back_only() {
        let attempts = attempts().await;
        for key in keys() {
            let max_attempts = key.limit.max_attempts;
            for _ in 1..max_attempts {
                attempts.attempt(&key, NOW).await.unwrap();
            }
            let right = attempts.attempt(&key, NOW.plus(1)).await.unwrap();
            assert!(attempts.attempt(&key, NOW.plus(1)).await.is_none());
            attempts.take_back(&right).await.unwrap();
            assert!(attempts.attempt(&key, NOW.plus(1)).await.is_some());
            assert!(attempts.attempt(&key, NOW.plus(1)).await.is_none());

            // In the next period it isn't counted.
            let next = NOW.plus(key.limit.period);
            assert!(attempts.attempt(&key, next).await.is_some());
            attempts.take_back(&right).await.unwrap();
            for _ in 1..max_attempts {
                assert!(attempts.attempt(&key, next).await.is_some());
            }
            assert!(attempts.attempt(&key, next).await.is_none());
        }
    }

    /// Fault 109.
    #[tokio::test]
    async fn concurrent_attempts_do_not_exceed_the_limit() {
        let attempts = attempts().await;
        for key in keys() {
            let many = (0..key.limit.max_attempts + 30).map(|_| attempts.count(&key, NOW));
            let results = futures_util::future::join_all(many).await;
            let allowed = results.iter().filter(|it| matches!(it, Ok(RateLimit::Allowed(_))));
            assert_eq!(allowed.count() as u64, key.limit.max_attempts);
            assert!(attempts.attempt(&key, NOW).await.is_none());
        }
    }

    #[test]
    fn attempts_of_others_have_other_keys() {
        let all: std::collections::BTreeSet<_> = [
            AttemptKey::pair("ann", "1"),
            AttemptKey::pair("ann", "2"),
            AttemptKey::pair("bob", "1"),
            AttemptKey::pair("ann\n1", ""),
            AttemptKey::pair("ann", "1\n"),
            AttemptKey::network("ann"),
            AttemptKey::account("ann"),
        ]
        .map(|key| key.hash)
        .into();
        assert_eq!(all.len(), 7);
        let [pair, ..] = keys();
        assert_eq!(pair, keys()[0]);
        assert!(!pair.hash.contains("203"));
    }
}
