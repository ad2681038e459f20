//! Deleting many rows, as far as there is time.

use super::Table;
use super::conflict::retry_on_conflict;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

/// So many are deleted at once.
pub(super) const MAX_CONCURRENCY: usize = 16;

impl Table {
    /// Deletes all rows that a query finds, which projects their keys and nothing
    /// else. Says how many it were, and whether it was all of them: `deadline` may
    /// come before.
    pub(super) async fn delete_found(
        &self,
        what: &str,
        query: QueryFluentBuilder,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let mut pages = query.table_name(&self.name).consistent_read(true).into_paginator().send();
        let mut deleted = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(self.action(what), &error))?;
            for some in page.items().chunks(MAX_CONCURRENCY) {
                if Timestamp::now() >= deadline {
                    return Ok((deleted, false));
                }
                let deletions = some.iter().map(async |key| {
                    let delete = self.dynamodb.delete_item().table_name(&self.name);
                    let delete = delete.set_key(Some(key.clone()));
                    retry_on_conflict(|| delete.clone().send())
                        .await
                        .map_err(|error| AwsError::new(self.action(what), &error))
                });
                let done = futures_util::future::try_join_all(deletions).await?;
                deleted += u64::try_from(done.len()).unwrap_or(u64::MAX);
            }
        }
        Ok((deleted, true))
    }
}
