//! How often a password may be tried: a count for each pair of account and
//! address, so that a stranger can't lock the honest user out.
//!
//! The count is taken before the password is looked at, and only a write that
//! DynamoDB has confirmed allows a try: many at the same moment are counted one
//! by one.

use super::conflict::retry_on_conflict;
use super::{Item, Users, get_time, item_of, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, Update};
use sha2::{Digest, Sha256};

/// So many tries ...
pub(super) const MAX_ATTEMPTS_PER_PERIOD: u64 = 10;
/// ... in so many seconds, counted from the first: 15 minutes.
pub(super) const PERIOD: u64 = 15 * 60;

/// How often a write is made again that others got in between of.
const MAX_ATTEMPTS: usize = 3;

/// Whose password is tried from where.
#[derive(Debug)]
pub struct AttemptKey(String);

/// Whether a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// It may, and has been counted.
    Allowed,
    /// Not before so many seconds have passed.
    Limited {
        /// In seconds, at least one.
        wait: u64,
    },
}

impl AttemptKey {
    /// The account, whether or not there is one of that name, and the address.
    /// Neither can be read from the row: it is named by a hash.
    pub fn new(account: &str, address: &str) -> Self {
        let hash = Sha256::digest(format!("{}\n{account}\n{address}", account.len()));
        Self(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    fn key(&self) -> Item {
        item_of([
            ("user", string(format!("password_attempts#{}", self.0))),
            ("item", string("attempts")),
        ])
    }
}

impl Users {
    /// Counts a try, if there may be another. AWS may lose the confirmation of a
    /// write, and then one try counts as two.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then nothing may be tried.
    pub async fn count_attempt(
        &self,
        pair: &AttemptKey,
        now: Timestamp,
    ) -> Result<RateLimit, AwsError> {
        const ACTION: &str = "counting a password that is tried";
        for _ in 0..MAX_ATTEMPTS {
            let next = Update::builder()
                .table_name(&self.table.name)
                .set_key(Some(pair.key()))
                .update_expression("ADD attempts :one")
                .condition_expression("ends_at > :now AND attempts < :most")
                .expression_attribute_values(":one", number(1_u64))
                .expression_attribute_values(":most", number(MAX_ATTEMPTS_PER_PERIOD))
                .expression_attribute_values(":now", number(now))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            let next = self.table.request(next);
            let Err(error) = retry_on_conflict(|| next.clone().send()).await else {
                return Ok(RateLimit::Allowed);
            };
            let there = match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item(),
                _ => return Err(AwsError::new(self.table.action(ACTION), &error)),
            };
            let ends_at = there.and_then(|item| get_time(item, "ends_at"));
            if let Some(ends_at) = ends_at.filter(|ends_at| *ends_at > now) {
                return Ok(RateLimit::Limited { wait: ends_at.seconds_since(now) });
            }
            // The first, or the first after a while.
            let ends_at = number(now.plus(PERIOD));
            let first = Update::builder()
                .table_name(&self.table.name)
                .set_key(Some(pair.key()))
                .update_expression("SET attempts = :one, ends_at = :ends, expires = :ends")
                .condition_expression("attribute_not_exists(ends_at) OR ends_at <= :now")
                .expression_attribute_values(":one", number(1_u64))
                .expression_attribute_values(":ends", ends_at)
                .expression_attribute_values(":now", number(now));
            if self.table.change(ACTION, first).await? {
                return Ok(RateLimit::Allowed);
            }
        }
        Err(AwsError::unexpected(ACTION, "others of the same pair kept getting in between"))
    }

    /// Forgets the tries: the password was right.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn reset_attempts(&self, pair: &AttemptKey) -> Result<(), AwsError> {
        let delete = self
            .table
            .dynamodb
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(pair.key()));
        let deleted = retry_on_conflict(|| delete.clone().send()).await;
        let action = || self.table.action("forgetting attempts");
        deleted.map(drop).map_err(|error| AwsError::new(action(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Engine;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    async fn users() -> Users {
        Users { table: Engine::start().await.table("users", ["user", "item"]) }
    }

    #[tokio::test]
    async fn ten_tries_in_fifteen_minutes_are_allowed_by_pair() {
        let users = users().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        for second in 0..MAX_ATTEMPTS_PER_PERIOD {
            assert_eq!(
                users.count_attempt(&ann, NOW.plus(second)).await.unwrap(),
                RateLimit::Allowed
            );
        }
        let refused = users.count_attempt(&ann, NOW.plus(600)).await.unwrap();
        assert_eq!(refused, RateLimit::Limited { wait: 300 });
        // Neither another account from there nor ann from elsewhere.
        for (account, address) in [("bob", "203.0.113.9"), ("ann", "203.0.113.10")] {
            let pair = AttemptKey::new(account, address);
            assert_eq!(
                users.count_attempt(&pair, NOW.plus(600)).await.unwrap(),
                RateLimit::Allowed
            );
        }
        // What was refused doesn't make it longer.
        assert_eq!(users.count_attempt(&ann, NOW.plus(PERIOD)).await.unwrap(), RateLimit::Allowed);
        assert_eq!(
            users.count_attempt(&ann, NOW.plus(PERIOD + 1)).await.unwrap(),
            RateLimit::Allowed
        );
    }

    #[tokio::test]
    async fn who_got_it_right_begins_anew() {
        let users = users().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        for _ in 0..MAX_ATTEMPTS_PER_PERIOD {
            users.count_attempt(&ann, NOW).await.unwrap();
        }
        users.reset_attempts(&ann).await.unwrap();
        for _ in 0..MAX_ATTEMPTS_PER_PERIOD {
            assert_eq!(users.count_attempt(&ann, NOW).await.unwrap(), RateLimit::Allowed);
        }
        assert_eq!(
            users.count_attempt(&ann, NOW).await.unwrap(),
            RateLimit::Limited { wait: PERIOD }
        );
    }

    #[tokio::test]
    async fn of_many_at_once_no_more_are_allowed() {
        let users = users().await;
        let ann = AttemptKey::new("ann", "203.0.113.9");
        let attempts = (0..40).map(|_| users.count_attempt(&ann, NOW));
        let attempts = futures_util::future::join_all(attempts).await;
        let allowed = attempts.iter().filter(|it| matches!(it, Ok(RateLimit::Allowed))).count();
        assert_eq!(allowed, 10);
        assert_eq!(
            users.count_attempt(&ann, NOW).await.unwrap(),
            RateLimit::Limited { wait: PERIOD }
        );
    }

    #[test]
    fn a_pair_is_not_mistaken_for_another() {
        let key = |account: &str, address: &str| AttemptKey::new(account, address).0;
        assert_eq!(key("ann", "1"), key("ann", "1"));
        assert_ne!(key("ann\n1", ""), key("ann", "1\n"));
        assert!(!key("ann", "203.0.113.9").contains("203"));
    }
}
