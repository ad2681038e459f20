//! Trying an event, and what became of it: taken effect, failed, or set aside.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{number, string};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

/// So many minutes lie between a try that failed and the next. After one more
/// an event is set aside: it stays in the table, but nobody tries it again
/// before an operator asks for it.
const RETRY_DELAYS_MINUTES: [u64; 9] = [1, 2, 4, 8, 16, 32, 60, 60, 60];
/// What the row of an event says that was tried as often, and whose last try
/// never came to an end.
const LAST_ATTEMPT_CRASHED: &str =
    "it was tried as often as it may be, and the last try never came to an end";

/// What came of taking an event.
#[derive(Clone, Debug)]
pub enum ClaimResult {
    /// It is the caller's to try. Until its next try is due, nobody else does.
    Acquired(Box<StoredEvent>),
    /// Somebody else is at it, or has been since it was read.
    Held,
    /// It was tried often enough. Nobody tries it again.
    Exhausted,
}

/// What counting a failure led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureRecord {
    /// The sweep tries it again then.
    RetryAt(Timestamp),
    /// Nobody tries it again.
    Quarantined,
    /// Nothing: another invocation has tried the same event, and its outcome
    /// counts.
    Superseded,
}

impl StoredEvent {
    /// Whether somebody took it and neither failed nor succeeded: whoever did
    /// was ended in the middle, perhaps by this event.
    pub fn is_abandoned(&self) -> bool {
        self.claimed_at.is_some()
    }

    /// How many seconds lie between the try that is counted as this one and the
    /// next; none after the last.
    fn retry_delay(attempts: u64) -> Option<u64> {
        let at = usize::try_from(attempts).ok()?.checked_sub(1)?;
        RETRY_DELAYS_MINUTES.get(at).map(|minutes| minutes * 60)
    }

    /// That nobody has counted a try since the event was read, as a condition.
    fn unchanged(
        &self,
        update: UpdateItemFluentBuilder,
        condition: &str,
    ) -> UpdateItemFluentBuilder {
        if self.attempts == 0 {
            update.condition_expression(format!("{condition} AND attribute_not_exists(attempts)"))
        } else {
            update
                .condition_expression(format!("{condition} AND attempts = :known"))
                .expression_attribute_values(":known", number(self.attempts))
        }
    }
}

impl Events {
    /// Takes an event that has to take effect, before it is tried: the try is
    /// counted first, so that one that ends the whole process counts as well. It
    /// is the taker's until the next try is due. With `only_due` it has to be due
    /// by `now`.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then it must not be tried.
    pub async fn claim(
        &self,
        event: &StoredEvent,
        only_due: bool,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let attempts = event.attempts.saturating_add(1);
        let last = u64::try_from(RETRY_DELAYS_MINUTES.len()).unwrap_or(u64::MAX).saturating_add(1);
        if attempts > last {
            return self.last_attempt_crashed(event, now).await;
        }
        // The last try is given as long as the one before it.
        let pause = StoredEvent::retry_delay(attempts.min(last - 1)).unwrap_or_default();
        let due_at = now.plus(pause);
        let due = if only_due { " AND due_at <= :now" } else { "" };
        let update = self
            .update(event)
            .update_expression("SET attempts = :attempts, claimed_at = :now, due_at = :due")
            .expression_attribute_values(":attempts", number(attempts))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":due", number(due_at));
        let update = event.unchanged(update, &format!("attribute_exists(pending){due}"));
        let taken = self.table.conditional("taking an event", update.send().await)?;
        Ok(if taken.is_some() {
            ClaimResult::Acquired(event.claimed(attempts, now))
        } else {
            ClaimResult::Held
        })
    }

    async fn last_attempt_crashed(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let update = self
            .update(event)
            .update_expression(
                "SET problem = :problem, failed_at = :now, quarantined_at = :now REMOVE pending, due_at, claimed_at",
            )
            .expression_attribute_values(":problem", string(LAST_ATTEMPT_CRASHED))
            .expression_attribute_values(":now", number(now));
        // The last try may still be under way.
        let update = event.unchanged(update, "attribute_exists(pending) AND due_at <= :now");
        let quarantined = self.table.conditional("setting an event aside", update.send().await)?;
        Ok(if quarantined.is_some() { ClaimResult::Exhausted } else { ClaimResult::Held })
    }

    /// Takes an event that was set aside, as if it had never been tried. Why it
    /// was set aside stays on the row.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then it must not be tried.
    pub async fn requeue(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let due_at = now.plus(StoredEvent::retry_delay(1).unwrap_or_default());
        let update = self
            .update(event)
            .update_expression(
                "SET pending = app_id, attempts = :one, claimed_at = :now, due_at = :due REMOVE quarantined_at",
            )
            .condition_expression("attribute_exists(quarantined_at)")
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":due", number(due_at));
        let taken = self.table.conditional("taking up an event again", update.send().await)?;
        Ok(if taken.is_some() {
            ClaimResult::Acquired(event.claimed(1, now))
        } else {
            ClaimResult::Held
        })
    }

    /// Notes that an event has taken effect, also if somebody else has set it
    /// aside meanwhile. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn mark_applied(&self, event: &StoredEvent, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression(
                "SET applied_at = :now REMOVE pending, due_at, claimed_at, quarantined_at",
            )
            .condition_expression("attribute_exists(pending) OR attribute_exists(quarantined_at)")
            .expression_attribute_values(":now", number(now));
        self.table.conditional("noting that an event is applied", update.send().await).map(drop)
    }

    /// Keeps why and when a try failed, and counts it if that wasn't done when
    /// the event was taken. It is tried again after a pause, unless that is
    /// `hopeless` or has been done often enough.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn record_failure(
        &self,
        event: &StoredEvent,
        problem: &str,
        hopeless: bool,
        now: Timestamp,
    ) -> Result<FailureRecord, AwsError> {
        let attempts = event.attempts.saturating_add(u64::from(event.claimed_at.is_none()));
        let due_at =
            StoredEvent::retry_delay(attempts).filter(|_| !hopeless).map(|pause| now.plus(pause));
        let (expression, value) = match due_at {
            Some(due_at) => (
                "SET attempts = :attempts, problem = :problem, failed_at = :now, due_at = :due REMOVE claimed_at",
                due_at,
            ),
            None => (
                "SET attempts = :attempts, problem = :problem, failed_at = :now, quarantined_at = :due REMOVE pending, due_at, claimed_at",
                now,
            ),
        };
        let update = self
            .update(event)
            .update_expression(expression)
            .expression_attribute_values(":attempts", number(attempts))
            .expression_attribute_values(":problem", string(problem))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":due", number(value));
        let update = event.unchanged(update, "attribute_exists(pending)");
        let counted = self.table.conditional("counting a try that failed", update.send().await)?;
        Ok(match (counted, due_at) {
            (None, _) => FailureRecord::Superseded,
            (Some(_), Some(due_at)) => FailureRecord::RetryAt(due_at),
            (Some(_), None) => FailureRecord::Quarantined,
        })
    }

    /// Notes on the first of several events of one identity that this is
    /// another (`key_collisions`). False if that is noted, or there is no first one.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn record_key_collision(&self, event: &StoredEvent) -> Result<bool, AwsError> {
        let Some(first) = event.first_with_same_key() else { return Ok(false) };
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&event.user))
            .key("event", string(first))
            .update_expression("ADD key_collisions :collisions")
            .condition_expression(
                "attribute_exists(#user) AND NOT contains(key_collisions, :collision)",
            )
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":collision", string(&event.event))
            .expression_attribute_values(
                ":collisions",
                AttributeValue::Ss(vec![event.event.clone()]),
            );
        let noted = self.table.conditional("noting a twin", update.send().await)?;
        Ok(noted.is_some())
    }
}
