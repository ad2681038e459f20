//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt what became of the message; whoever
//! comes second finds what the first has written. An index could not do that:
//! it is always a little behind.

use super::conflict::again;
use super::notifications::{Notifications, Status};
use super::transaction::{self, Outcome};
use super::{KEPT, get_string, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::AppId;
use crate::wechat::push::Fate;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

impl Notifications {
    /// Stores that WeChat has taken a message on, together with WeChat's id of
    /// it, by which its receipt will find the notification. If the receipt was
    /// faster, gives what it said.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn sent(
        &self,
        id: &str,
        attempt: u64,
        app_id: &AppId,
        message_id: &str,
        report: &str,
        now: Timestamp,
    ) -> Result<Status, AwsError> {
        let message = Put::builder()
            .table_name(&self.table.name)
            .item("id", string(message_key(app_id, message_id)))
            .item("notification", string(id))
            .item("expires", number(now.plus(KEPT)))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table and item are set");
        let notification = self.finishing(id, attempt, Status::Sent, Some(report));
        let items = vec![transaction::put(message), transaction::update(notification)];
        let what = self.table.action("storing that a notification is sent");
        let reasons = match transaction::attempt(&self.table.dynamodb, &what, items).await? {
            Outcome::Written => return Ok(Status::Sent),
            Outcome::Refused(reasons) => reasons,
        };
        let Some(receipt) = reasons.first().and_then(CancellationReason::item) else {
            // Another attempt has taken over, and stores what becomes of it.
            return Ok(Status::Sent);
        };
        let told = get_string(receipt, "status").and_then(Status::parse).unwrap_or(Status::Sent);
        self.finish(id, attempt, told, Some(report)).await?;
        Ok(told)
    }

    /// Stores what WeChat's receipt says of a message. It may come before
    /// [`Notifications::sent`]; then it waits there.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn receipt(
        &self,
        app_id: &AppId,
        message_id: &str,
        fate: &Fate,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        const WHAT: &str = "storing a receipt";
        let (status, reason) = match fate {
            Fate::Delivered => (Status::Delivered, ""),
            Fate::Blocked => (Status::Blocked, "the person rejects messages of this account"),
            Fate::Failed(reason) => (Status::Failed, reason.as_str()),
        };
        let message = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(message_key(app_id, message_id)))
            .update_expression(
                "SET #status = :status, reason = :reason, expires = if_not_exists(expires, :expires)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":expires", number(now.plus(KEPT)))
            .return_values(ReturnValue::AllNew);
        let message = again(|| message.clone().send())
            .await
            .map_err(|error| AwsError::new(self.table.action(WHAT), &error))?;
        let Some(id) =
            message.attributes.as_ref().and_then(|item| get_string(item, "notification"))
        else {
            return Ok(());
        };
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(id))
            .update_expression("SET #status = :status, reason = :reason")
            .condition_expression("#status = :sent")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":sent", string(Status::Sent.as_str()));
        let stored = again(|| update.clone().send()).await;
        self.table.conditional(WHAT, stored).map(drop)
    }
}

/// A caller's id can't begin so and have a `#` in it, so this is never one.
fn message_key(app_id: &AppId, message_id: &str) -> String {
    format!("message#{app_id}#{message_id}")
}
