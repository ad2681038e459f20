//! A request of several recipients has a row of its own, under its id: the
//! notifications are named after it, so the same id with another list of
//! recipients would have some of them get it and others not.

use super::Notifications;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{get_string, item_of, number, string};
use aws_sdk_dynamodb::types::Update;

impl Notifications {
    /// Notes a request of several recipients, before anything of it is done. False
    /// if its id was used for another request, or for a notification to one person.
    ///
    /// It is kept until 30 days after `until`, when the last of it is due.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn record_bulk_request(
        &self,
        id: &str,
        request_hash: &str,
        recipients: usize,
        until: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("id", string(id))
            .update_expression(
                "SET recipients = :recipients, request_hash = :hash, expires = :expires",
            )
            .condition_expression(
                "attribute_not_exists(id) OR (attribute_exists(recipients) AND request_hash = :hash)",
            )
            .expression_attribute_values(":recipients", number(recipients as u64))
            .expression_attribute_values(":hash", string(request_hash))
            .expression_attribute_values(":expires", number(until.plus(self.table.retention)));
        self.table.change("noting a request of several recipients", update).await
    }

    /// The hash of what an id was used for, if it was.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn request_hash(&self, id: &str) -> Result<Option<String>, AwsError> {
        let found = self.table.read("looking for a request", item_of([("id", string(id))])).await?;
        Ok(found.as_ref().and_then(|item| get_string(item, "request_hash")).map(str::to_owned))
    }
}
