//! What became of an event: taken effect, failed, or set aside.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{number, string};
use aws_sdk_dynamodb::types::AttributeValue;

/// So many minutes lie between a try that failed and the next. After one more
/// an event is set aside: it stays in the table, but nobody tries it again
/// before an operator asks for it.
const PAUSES: [u64; 9] = [1, 2, 4, 8, 16, 32, 60, 60, 60];

/// What counting a failure led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The sweep tries it again then.
    Due(Timestamp),
    /// Nobody tries it again.
    SetAside,
    /// Nothing: another invocation has tried the same event, and its outcome
    /// counts.
    Already,
}

impl Events {
    /// Notes that an event has taken effect. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn applied(&self, event: &StoredEvent, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression("SET applied_at = :now REMOVE unapplied, due_at")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":now", number(now));
        self.table.conditional("noting that an event is applied", update.send().await).map(drop)
    }

    /// Counts a try that failed, and keeps why and when. It is tried again after
    /// a pause, unless that is `hopeless` or has been done often enough.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn failed(
        &self,
        event: &StoredEvent,
        problem: &str,
        hopeless: bool,
        now: Timestamp,
    ) -> Result<Counted, AwsError> {
        let pause = usize::try_from(event.tries).ok().and_then(|tries| PAUSES.get(tries));
        let due_at = pause.filter(|_| !hopeless).map(|minutes| now.plus(minutes * 60));
        let (expression, value) = match due_at {
            Some(due_at) => {
                ("SET tries = :tries, problem = :problem, failed_at = :now, due_at = :due", due_at)
            }
            None => (
                "SET tries = :tries, problem = :problem, failed_at = :now, set_aside_at = :due REMOVE unapplied, due_at",
                now,
            ),
        };
        // What was counted since the event was read isn't counted again.
        let mut update = self
            .update(event)
            .update_expression(expression)
            .expression_attribute_values(":tries", number(event.tries.saturating_add(1)))
            .expression_attribute_values(":problem", string(problem))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":due", number(value));
        if event.tries == 0 {
            update = update.condition_expression(
                "attribute_exists(unapplied) AND attribute_not_exists(tries)",
            );
        } else {
            update = update
                .condition_expression("attribute_exists(unapplied) AND tries = :known")
                .expression_attribute_values(":known", number(event.tries));
        }
        let counted = self.table.conditional("counting a try that failed", update.send().await)?;
        Ok(match (counted, due_at) {
            (None, _) => Counted::Already,
            (Some(_), Some(due_at)) => Counted::Due(due_at),
            (Some(_), None) => Counted::SetAside,
        })
    }

    /// Takes up again an event that was set aside, as if it had never been
    /// tried. Why it was set aside stays on the row. None if it isn't set aside
    /// any more.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn take_up(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<Option<StoredEvent>, AwsError> {
        let update = self
            .update(event)
            .update_expression("SET unapplied = app_id, due_at = :now REMOVE tries, set_aside_at")
            .condition_expression("attribute_exists(set_aside_at)")
            .expression_attribute_values(":now", number(now));
        let taken = self.table.conditional("taking up an event again", update.send().await)?;
        Ok(taken.map(|_| StoredEvent {
            tries: 0,
            unapplied: Some(event.app_id.clone()),
            set_aside_at: None,
            ..event.clone()
        }))
    }

    /// Notes on the first of several events of one identity that this is
    /// another (`twins`). False if that is noted, or there is no first one.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn note_twin(&self, event: &StoredEvent) -> Result<bool, AwsError> {
        let Some(first) = event.first_of_its_identity() else { return Ok(false) };
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&event.user))
            .key("event", string(first))
            .update_expression("ADD twins :twins")
            .condition_expression("attribute_exists(#user) AND NOT contains(twins, :twin)")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":twin", string(&event.event))
            .expression_attribute_values(":twins", AttributeValue::Ss(vec![event.event.clone()]));
        let noted = self.table.conditional("noting a twin", update.send().await)?;
        Ok(noted.is_some())
    }
}
