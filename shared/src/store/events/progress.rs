//! What became of an event: taken effect, failed, or set aside.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{get_number, number, string};
use aws_sdk_dynamodb::types::ReturnValue;

/// An event is set aside after so many tries of the sweep, one a minute.
const MOST_TRIES: u64 = 10;

impl Events {
    /// Notes that an event has taken effect. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn applied(&self, event: &StoredEvent, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression("SET applied_at = :now REMOVE unapplied")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":now", number(now));
        self.table.conditional("noting that an event is applied", update.send().await).map(drop)
    }

    /// Counts a try that failed, and keeps why. After [`MOST_TRIES`] the event
    /// is set aside: it stays in the table, but nobody tries it again. True if
    /// that has happened now.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn failed(
        &self,
        event: &StoredEvent,
        problem: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const WHAT: &str = "counting a try that failed";
        let update = self
            .update(event)
            .update_expression("SET problem = :problem ADD tries :one")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":problem", string(problem))
            .expression_attribute_values(":one", number(1_u64))
            .return_values(ReturnValue::AllNew);
        let counted = self.table.conditional(WHAT, update.send().await)?;
        let tries: u64 = counted
            .and_then(|counted| counted.attributes)
            .and_then(|item| get_number(&item, "tries"))
            .unwrap_or_default();
        if tries < MOST_TRIES {
            return Ok(false);
        }
        let update = self
            .update(event)
            .update_expression("SET set_aside_at = :now REMOVE unapplied")
            .condition_expression("attribute_exists(unapplied)")
            .expression_attribute_values(":now", number(now));
        Ok(self.table.conditional(WHAT, update.send().await)?.is_some())
    }
}
