//! Attempts to apply an event, and how they end: applied, failed, or quarantined.

use super::Events;
use super::stored::{StoredEvent, event_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{number, string, string_set};
use crate::store::dynamodb::write::Write;

/// Minutes between a failed attempt and the next. After one more an event is quarantined:
/// it stays in the table, but isn't attempted again before an operator requeues it.
const RETRY_DELAYS_MINUTES: [u64; 9] = [1, 2, 4, 8, 16, 32, 60, 60, 60];
const MAX_ATTEMPTS: u64 = RETRY_DELAYS_MINUTES.len() as u64 + 1;
const LAST_ATTEMPT_CRASHED: &str =
    "it was tried as often as it may be, and the last try never came to an end";

/// The result of a claim.
#[derive(Clone, Debug)]
pub enum ClaimResult {
    /// The caller has to apply it. Until the next attempt is due, no other invocation
    /// does.
    Acquired(Box<StoredEvent>),
    /// Another invocation holds it, or has changed it since it was read.
    Held,
    /// The maximum number of attempts was reached, and it is quarantined.
    Exhausted,
}

/// What recording a failure led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureRecord {
    /// The sweep retries it then.
    RetryAt(Timestamp),
    /// It isn't attempted again.
    Quarantined,
    /// Another invocation has attempted the same event, and its result counts.
    Superseded,
}

impl StoredEvent {
    /// Whether an invocation claimed it and recorded no result: it crashed, perhaps by
    /// this event.
    pub fn is_abandoned(&self) -> bool {
        self.claimed_at.is_some()
    }

    /// The event as it is stored when it was claimed.
    fn claimed(&self, attempts: u64, now: Timestamp) -> Box<Self> {
        let pending = Some(self.pending_key());
        let claimed_at = Some(now);
        Box::new(Self { attempts, pending, claimed_at, quarantined_at: None, ..self.clone() })
    }

    /// The condition that no attempt was counted since the event was read.
    fn is_unchanged(&self) -> Condition {
        if self.attempts == 0 {
            attr("attempts").not_exists()
        } else {
            attr("attempts").equals(number(self.attempts))
        }
    }
}

/// Seconds between this attempt and the next; none after the last.
fn retry_delay(attempts: u64) -> Option<u64> {
    let at = usize::try_from(attempts).ok()?.checked_sub(1)?;
    RETRY_DELAYS_MINUTES.get(at).map(|minutes| minutes * 60)
}

impl Events {
    /// Claims a pending event before it is applied: the attempt is counted first, so that
    /// one that ends the whole process counts as well. The claim holds until the next
    /// attempt is due. With `only_due` the event has to be due by `now`. After an error
    /// it must not be applied.
    pub async fn claim(
        &self,
        event: &StoredEvent,
        only_due: bool,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let attempts = event.attempts.saturating_add(1);
        if attempts > MAX_ATTEMPTS {
            return self.quarantine_crashed(event, now).await;
        }
        // The last attempt gets as much time as the one before it.
        let delay = retry_delay(attempts.min(MAX_ATTEMPTS - 1)).unwrap_or_default();
        let mut update = Write::update(&self.table, event.key())
            .set("attempts", number(attempts))
            .set("claimed_at", number(now))
            .set("due_at", number(now.plus(delay)))
            .when(attr("pending").exists())
            .when(event.is_unchanged());
        if only_due {
            update = update.when(attr("due_at").at_most(number(now)));
        }
        let is_claimed = self.table.write("claiming an event", update).await?;
        Ok(if is_claimed {
            ClaimResult::Acquired(event.claimed(attempts, now))
        } else {
            ClaimResult::Held
        })
    }

    async fn quarantine_crashed(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let update = Write::update(&self.table, event.key())
            .set("problem", string(LAST_ATTEMPT_CRASHED))
            .set("failed_at", number(now))
            .set("quarantined_at", number(now))
            .remove(["pending", "due_at", "claimed_at"])
            .when(attr("pending").exists())
            // The last attempt may still be under way.
            .when(attr("due_at").at_most(number(now)))
            .when(event.is_unchanged());
        let is_quarantined = self.table.write("quarantining an event", update).await?;
        Ok(if is_quarantined { ClaimResult::Exhausted } else { ClaimResult::Held })
    }

    /// Claims a quarantined event, as if it had never been attempted. The row still says
    /// why it was quarantined. After an error it must not be applied.
    pub async fn requeue(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<ClaimResult, AwsError> {
        let update = Write::update(&self.table, event.key())
            .set("pending", string(event.pending_key()))
            .set("attempts", number(1_u64))
            .set("claimed_at", number(now))
            .set("due_at", number(now.plus(retry_delay(1).unwrap_or_default())))
            .remove(["quarantined_at"])
            .when(attr("quarantined_at").exists());
        let is_claimed = self.table.write("requeueing an event", update).await?;
        Ok(if is_claimed {
            ClaimResult::Acquired(event.claimed(1, now))
        } else {
            ClaimResult::Held
        })
    }

    /// Records that an event is applied, also if another invocation has quarantined it
    /// meanwhile. It may be repeated.
    pub async fn mark_applied(&self, event: &StoredEvent, now: Timestamp) -> Result<(), AwsError> {
        let update = Write::update(&self.table, event.key())
            .set("applied_at", number(now))
            .remove(["pending", "due_at", "claimed_at", "quarantined_at"])
            .when(attr("pending").exists().or(attr("quarantined_at").exists()));
        self.table.write("recording that an event is applied", update).await.map(drop)
    }

    /// Records why and when an attempt failed, and counts it if the claim didn't. The
    /// next attempt follows after a delay, unless the failure is `permanent` or the
    /// maximum number of attempts is reached.
    pub async fn record_failure(
        &self,
        event: &StoredEvent,
        problem: &str,
        permanent: bool,
        now: Timestamp,
    ) -> Result<FailureRecord, AwsError> {
        let attempts = event.attempts.saturating_add(u64::from(event.claimed_at.is_none()));
        let delay = retry_delay(attempts).filter(|_| !permanent);
        let retry_at = delay.map(|delay| now.plus(delay));
        let update = Write::update(&self.table, event.key())
            .set("attempts", number(attempts))
            .set("problem", string(problem))
            .set("failed_at", number(now))
            .remove(["claimed_at"])
            .when(attr("pending").exists())
            .when(event.is_unchanged());
        let update = match retry_at {
            Some(retry_at) => update.set("due_at", number(retry_at)),
            None => update.set("quarantined_at", number(now)).remove(["pending", "due_at"]),
        };
        let is_recorded = self.table.write("recording a failed attempt", update).await?;
        Ok(match retry_at {
            _ if !is_recorded => FailureRecord::Superseded,
            Some(retry_at) => FailureRecord::RetryAt(retry_at),
            None => FailureRecord::Quarantined,
        })
    }

    /// Records on the first of several events with one deduplication key that this is
    /// another (`key_collisions`). False if that is recorded already, or there is no
    /// first one.
    pub async fn record_key_collision(&self, event: &StoredEvent) -> Result<bool, AwsError> {
        let Some(first) = event.first_with_same_key() else { return Ok(false) };
        let update = Write::update(&self.table, event_key(&event.user, first))
            .add_members("key_collisions", string_set([&event.event]))
            .when(attr("user").exists())
            .when(attr("key_collisions").contains(&event.event).negated());
        self.table.write("recording a key collision", update).await
    }
}
