//! What somebody has to come back to, and calling it off.

use super::{NotificationRow, NotificationStatus, Notifications};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{get_string, item_of, number, string};
use aws_sdk_dynamodb::types::Update;

/// The index is spread over so many keys: DynamoDB takes 1,000 writes a second
/// of each.
pub(super) const SHARDS: u32 = 8;

/// What came of calling a notification off.
#[derive(Debug)]
pub enum CancelResult {
    /// It won't be sent.
    Cancelled,
    /// It stands like this, and can't be called off.
    TooLate(Box<NotificationRow>),
    /// Nobody knows of it.
    NotFound,
}

/// The index key of a notification.
pub(super) fn shard(id: &str) -> String {
    // FNV-1a, which spreads short texts well.
    let hash = id
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash % SHARDS).to_string()
}

impl Notifications {
    /// The notification of this id.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn get(&self, id: &str) -> Result<Option<NotificationRow>, AwsError> {
        let found =
            self.table.read("reading a notification", item_of([("id", string(id))])).await?;
        Ok(found.as_ref().and_then(NotificationRow::read))
    }

    /// The ids of those that somebody has to come back to by `now`, the longest
    /// due first in each part of the index, at most `limit` of each part. The
    /// index is always a little behind: read each before doing anything.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<String>, AwsError> {
        let parts = (0..SHARDS).map(async |shard| {
            let found = self
                .table
                .dynamodb
                .query()
                .table_name(&self.table.name)
                .index_name("due")
                .key_condition_expression("due_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", string(shard.to_string()))
                .expression_attribute_values(":now", number(now))
                .limit(limit)
                .send()
                .await
                .map_err(|error| {
                    AwsError::new(self.table.action("looking for notifications"), &error)
                })?;
            Ok(found.items.unwrap_or_default())
        });
        let parts: Vec<Vec<_>> = futures_util::future::try_join_all(parts).await?;
        let ids = parts.iter().flatten().filter_map(|item| get_string(item, "id"));
        Ok(ids.map(str::to_owned).collect())
    }

    /// Nobody has to come back to it before `until`, or at all, unless something
    /// has changed since it was read.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn reschedule(
        &self,
        row: &NotificationRow,
        until: Option<Timestamp>,
    ) -> Result<(), AwsError> {
        let Some(due_at) = row.due_at else { return Ok(()) };
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("id", string(&row.id))
            .condition_expression("due_at = :due AND #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":due", number(due_at))
            .expression_attribute_values(":status", string(row.status.as_str()));
        let update = match until {
            None => update.update_expression("REMOVE due_shard, due_at"),
            Some(until) => update
                .update_expression("SET due_at = :until")
                .expression_attribute_values(":until", number(until)),
        };
        self.table.change("noting when to come back to a notification", update).await.map(drop)
    }

    /// Calls a notification off that is scheduled, or waits to be tried again and
    /// has certainly not been sent.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn cancel(&self, id: &str, now: Timestamp) -> Result<CancelResult, AwsError> {
        let Some(row) = self.get(id).await? else { return Ok(CancelResult::NotFound) };
        if row.status == NotificationStatus::Cancelled {
            return Ok(CancelResult::Cancelled);
        }
        let waits =
            matches!(row.status, NotificationStatus::Scheduled | NotificationStatus::Retrying);
        if !waits || row.intent.is_some() {
            return Ok(CancelResult::TooLate(Box::new(row)));
        }
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("id", string(id))
            .update_expression(
                "SET #status = :cancelled, expires = :expires \
                 REMOVE due_shard, due_at, content, retry_at, report",
            )
            .condition_expression(
                "(lease_owner = :seen AND #status = :stood) OR #status = :cancelled",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":seen", string(&row.lease_owner))
            .expression_attribute_values(":stood", string(row.status.as_str()))
            .expression_attribute_values(
                ":cancelled",
                string(NotificationStatus::Cancelled.as_str()),
            )
            .expression_attribute_values(":expires", number(now.plus(self.table.retention)));
        if self.table.change("calling a notification off", update).await? {
            return Ok(CancelResult::Cancelled);
        }
        let row = self.get(id).await?;
        Ok(row.map_or(CancelResult::NotFound, |row| CancelResult::TooLate(Box::new(row))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_spread_over_the_index() {
        let mut counts = [0; SHARDS as usize];
        for order in 0..8000 {
            let shard: usize = shard(&format!("order-{order}-shipped")).parse().unwrap();
            counts[shard] += 1;
        }
        assert!(counts.iter().all(|count| (700..1300).contains(count)), "{counts:?}");
    }
}
