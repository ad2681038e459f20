//! Notifications that are due, and cancelling one.

use super::Notifications;
use super::row::NotificationRow;
use super::status::NotificationStatus;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::query::{Page, Query};
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;
use crate::store::shard as spread;

/// The index of rows that are due some time.
pub(in crate::store) const INDEX: &str = "due";
/// Number of keys over which the index is spread: DynamoDB takes 1,000 writes a second of
/// each.
pub(in crate::store) const SHARDS: u32 = 8;

/// Where a look through the index stands, in each shard: what is due is read once, page by
/// page, whatever the outcome of the page before.
#[derive(Debug)]
pub struct DueCursor {
    /// The shards that aren't at their ends, each with the key after which its next page
    /// begins.
    shards: Vec<(u32, Option<Item>)>,
}

/// The next page of each shard.
#[derive(Debug, Default)]
pub struct DuePage {
    /// The notifications of these ids are due, the longest due first in each shard.
    pub ids: Vec<String>,
    /// When the first of them was due.
    pub oldest: Option<Timestamp>,
    /// Why a shard could not be read. The look through it is over, and that through the
    /// others isn't.
    pub failures: Vec<AwsError>,
}

/// A row that was due.
#[derive(Debug)]
pub enum DueRow {
    /// A notification.
    Notification(Box<NotificationRow>),
    /// This version can't read it, or it is no notification: a newer version or another
    /// program has written it. It stays as it is.
    Unreadable,
    /// It is no longer there: the index is a little behind.
    Gone,
}

impl DueCursor {
    /// Before all that is due.
    pub fn start() -> Self {
        Self { shards: (0..SHARDS).map(|shard| (shard, None)).collect() }
    }

    /// Whether nothing is left to read.
    pub fn is_at_end(&self) -> bool {
        self.shards.is_empty()
    }
}

/// The result of cancelling a notification.
#[derive(Debug)]
pub enum CancelResult {
    /// It won't be sent.
    Cancelled,
    /// It is in this state, and can't be cancelled.
    TooLate(Box<NotificationRow>),
    /// There is no such notification.
    NotFound,
}

/// The index key of a notification.
pub(super) fn shard(id: &str) -> String {
    spread::shard([id], SHARDS).to_string()
}

impl Notifications {
    /// The notification of this id.
    pub async fn get(&self, id: &str) -> Result<Option<NotificationRow>, AwsError> {
        let found = self.table.read("reading a notification", id_key(id)).await?;
        Ok(found.as_ref().and_then(NotificationRow::read))
    }

    /// Reads a row that the index says is due.
    pub async fn get_due(&self, id: &str) -> Result<DueRow, AwsError> {
        let found = self.table.read("reading a due notification", id_key(id)).await?;
        Ok(match found.as_ref().map(NotificationRow::read) {
            Some(Some(row)) => DueRow::Notification(Box::new(row)),
            Some(None) => DueRow::Unreadable,
            None => DueRow::Gone,
        })
    }

    /// Of the notifications that are due by `now` the next `limit` of each shard. The index
    /// is always a little behind: read each notification before doing anything.
    pub async fn due(&self, now: Timestamp, limit: i32, cursor: &mut DueCursor) -> DuePage {
        let reads = std::mem::take(&mut cursor.shards).into_iter().map(async |(shard, start)| {
            let is_due = attr("due_shard")
                .equals(string(shard.to_string()))
                .and(attr("due_at").at_most(number(now)));
            let query = Query::with_key(is_due).index(INDEX).page_size(limit).start(start);
            (shard, self.table.read_page("looking for due notifications", query).await)
        });
        let mut due = DuePage::default();
        for (shard, read) in futures_util::future::join_all(reads).await {
            match read {
                Ok(Page { items, next }) => {
                    due.ids.extend(
                        items.iter().filter_map(|item| get_string(item, "id")).map(str::to_owned),
                    );
                    let first = items.first().and_then(|item| get_time(item, "due_at"));
                    due.oldest = due.oldest.into_iter().chain(first).min();
                    cursor.shards.extend(next.map(|next| (shard, Some(next))));
                }
                Err(error) => due.failures.push(error),
            }
        }
        due
    }

    /// Postpones when it is due to `until`, or takes it out of the index, unless it has
    /// changed since it was read.
    pub async fn reschedule(
        &self,
        row: &NotificationRow,
        until: Option<Timestamp>,
    ) -> Result<(), AwsError> {
        let Some(due_at) = row.due_at else { return Ok(()) };
        let update = Write::update(&self.table, id_key(&row.id))
            .when(attr("due_at").equals(number(due_at)))
            .when(attr("status").equals(string(row.status.as_str())));
        let update = match until {
            None => update.remove(["due_shard", "due_at"]),
            Some(until) => update.set("due_at", number(until)),
        };
        self.table.write("rescheduling a notification", update).await.map(drop)
    }

    /// Cancels a notification that is scheduled, or is to be retried and has certainly not
    /// been sent.
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
        let cancelled = || string(NotificationStatus::Cancelled.as_str());
        let update = Write::update(&self.table, id_key(id))
            .set("status", cancelled())
            .set("expires", number(now.plus(self.table.retention())))
            .remove(["due_shard", "due_at", "content", "retry_at", "report"])
            .when(row.is_unchanged().or(attr("status").equals(cancelled())));
        if self.table.write("cancelling a notification", update).await? {
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
