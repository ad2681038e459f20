//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt what became of the message; whoever
//! comes second finds what the first has written. An index could not do that:
//! it is always a little behind.

use super::notifications::{Notifications, Status};
use super::{KEPT, get_string, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::AppId;
use crate::wechat::push::Fate;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

/// How often a transaction that met another one is tried again.
const TRIES: usize = 5;

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
        const WHAT: &str = "storing that a notification is sent";
        let message = Put::builder()
            .table_name(&self.table.name)
            .item("id", string(message_key(app_id, message_id)))
            .item("notification", string(id))
            .item("expires", number(now.plus(KEPT)))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table and item are set");
        let notification = self
            .finishing(id, attempt, Status::Sent, Some(report))
            .build()
            .expect("key, table and expression are set");
        for _ in 0..TRIES {
            let written = self
                .table
                .dynamodb
                .transact_write_items()
                .transact_items(TransactWriteItem::builder().put(message.clone()).build())
                .transact_items(TransactWriteItem::builder().update(notification.clone()).build())
                .send()
                .await;
            let Err(error) = written else { return Ok(Status::Sent) };
            let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
                error.as_service_error()
            else {
                return Err(AwsError::new(self.table.action(WHAT), &error));
            };
            let reasons = canceled.cancellation_reasons();
            if let Some(receipt) = reasons.first().and_then(CancellationReason::item) {
                let told =
                    get_string(receipt, "status").and_then(Status::parse).unwrap_or(Status::Sent);
                self.finish(id, attempt, told, Some(report)).await?;
                return Ok(told);
            }
            if reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                // Another attempt has taken over, and stores what becomes of it.
                return Ok(Status::Sent);
            }
            // The receipt is being stored at this very moment.
        }
        Err(AwsError::unexpected(self.table.action(WHAT), "other writes kept getting in between"))
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
            .return_values(ReturnValue::AllNew)
            .send()
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
        self.table.conditional(WHAT, update.send().await).map(drop)
    }
}

/// A caller's id can't begin so and have a `#` in it, so this is never one.
fn message_key(app_id: &AppId, message_id: &str) -> String {
    format!("message#{app_id}#{message_id}")
}
