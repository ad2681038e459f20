//! Deleting the events of a user who is forgotten.

use super::Events;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{number, string, user_key};
use crate::wechat::id::{AppId, OpenId};

impl Events {
    /// Deletes what was written down of a user until `until`, and says how many
    /// events it was and whether it was all of them: `deadline` may come before.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn delete_events_of(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let query = self
            .table
            .dynamodb
            .query()
            .key_condition_expression("#user = :user")
            .filter_expression("received_at <= :until")
            .projection_expression("#user, #event")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#event", "event")
            .expression_attribute_values(":user", string(user_key(app_id, open_id)))
            .expression_attribute_values(":until", number(until));
        self.table.delete_found("deleting a user's events", query, deadline).await
    }
}
