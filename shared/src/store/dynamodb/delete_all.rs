//! Deleting many items, until a deadline.

use super::item::Item;
use super::query::Query;
use super::table::Table;
use super::write::Write;
use crate::aws::AwsError;
use crate::clock::Timestamp;

/// Maximum number of deletions at once.
pub(in crate::store) const MAX_CONCURRENCY: usize = 16;

impl Table {
    /// Deletes all items that a query finds, which reads their keys and nothing else.
    /// Returns how many, and whether it was all of them: `deadline` may come before.
    pub(in crate::store) async fn delete_all(
        &self,
        action: &str,
        mut query: Query,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let mut deleted = 0;
        loop {
            let page = self.read_page(action, query.clone()).await?;
            let (some, all) = self.delete_items(action, page.items, deadline).await?;
            deleted += some;
            if !all {
                return Ok((deleted, false));
            }
            let Some(next) = page.next else { return Ok((deleted, true)) };
            query = query.start(Some(next));
        }
    }

    /// Deletes the items of these keys. Returns how many, and whether it was all of them:
    /// `deadline` may come before.
    pub(in crate::store) async fn delete_items(
        &self,
        action: &str,
        keys: Vec<Item>,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let mut deleted = 0;
        for some in keys.chunks(MAX_CONCURRENCY) {
            if Timestamp::now() >= deadline {
                return Ok((deleted, false));
            }
            let deletions =
                some.iter().map(|key| self.write(action, Write::delete(self, key.clone())));
            let done = futures_util::future::try_join_all(deletions).await?;
            deleted += u64::try_from(done.len()).unwrap_or(u64::MAX);
        }
        Ok((deleted, true))
    }
}
