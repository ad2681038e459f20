//! Deleting the events of a user who is forgotten.

use super::Events;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{get_string, number, string, user_key};
use crate::wechat::id::{AppId, OpenId};

/// So many are deleted at once.
const AT_ONCE: usize = 16;

impl Events {
    /// Deletes what was written down of a user until `until`, and says how many
    /// events it was and whether it was all of them: `deadline` may come before.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn delete_of(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        const WHAT: &str = "deleting a user's events";
        let user = user_key(app_id, open_id);
        let mut pages = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user")
            .filter_expression("received_at <= :until")
            .projection_expression("#event")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#event", "event")
            .expression_attribute_values(":user", string(&user))
            .expression_attribute_values(":until", number(until))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut deleted = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(self.table.action(WHAT), &error))?;
            for some in page.items().chunks(AT_ONCE) {
                if Timestamp::now() >= deadline {
                    return Ok((deleted, false));
                }
                let deletions =
                    some.iter().filter_map(|item| get_string(item, "event")).map(async |event| {
                        self.table
                            .dynamodb
                            .delete_item()
                            .table_name(&self.table.name)
                            .key("user", string(&user))
                            .key("event", string(event))
                            .send()
                            .await
                            .map_err(|error| AwsError::new(self.table.action(WHAT), &error))
                    });
                let done = futures_util::future::try_join_all(deletions).await?;
                deleted += u64::try_from(done.len()).unwrap_or(u64::MAX);
            }
        }
        Ok((deleted, true))
    }
}
