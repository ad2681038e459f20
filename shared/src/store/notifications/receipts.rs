//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt what became of the message; whoever
//! comes second finds what the first has written. An index could not do that:
//! it is always a little behind.
//!
//! Where sending never learnt WeChat's id, as its answer was lost or the function
//! ended, nobody writes the notification's id into that row. Such a notification
//! is ambiguous, and it meets the receipt in a third row, that of their addressee
//! (see [`super::row::receipt_key`]): both note themselves there. When everything to
//! that addressee that was under way with the receipt has been written down, or has
//! become ambiguous itself, whatever receipt still belongs to nobody is the
//! ambiguous notification's.

use super::change::{message_key, receipt_row_key};
use super::row::{receipt_key, resolution_delay};
use super::{NotificationRow, NotificationStatus, Notifications};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::conflict::retry_on_conflict;
use crate::store::{get_string, get_time, item_of, number, string, strings, transaction};
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::push::DeliveryStatus;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Update};

/// A receipt waits this many seconds for a notification that it belongs to: a
/// day.
const UNMATCHED_RECEIPT_TTL: u64 = 24 * 3600;

/// What came of looking for a notification's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptResolution {
    /// It has been found, and says this.
    Resolved(NotificationStatus),
    /// There may be one, and it has to be looked for again then.
    RetryAt(Timestamp),
    /// There is none so far.
    Unresolved,
}

/// What WeChat says of one message.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The app that spoke.
    pub app_id: &'a AppId,
    /// To whom.
    pub open_id: &'a OpenId,
    /// WeChat's template, where it tells.
    pub template_id: Option<&'a str>,
    /// WeChat's id of the message, in decimal.
    pub message_id: &'a str,
    /// What became of it.
    pub fate: &'a DeliveryStatus,
    /// When WeChat said so.
    pub at: Timestamp,
}

/// A receipt that belongs to no notification so far.
struct UnmatchedReceipt {
    /// `app_id`, `#` and WeChat's id of the message.
    message: String,
    status: NotificationStatus,
    reason: String,
    /// When it was written down.
    recorded_at: Timestamp,
}

impl Notifications {
    /// Stores what WeChat's receipt says of a message. It may come before the
    /// sender has written down WeChat's id of it; then it waits there.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn store_receipt(
        &self,
        receipt: Receipt<'_>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let (status, reason) = match receipt.fate {
            DeliveryStatus::Delivered => (NotificationStatus::Delivered, ""),
            DeliveryStatus::Blocked => {
                (NotificationStatus::Blocked, "the person rejects messages of this account")
            }
            DeliveryStatus::Failed(reason) => (NotificationStatus::Failed, reason.as_str()),
        };
        let message = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(message_key(receipt.app_id, receipt.message_id)))
            .update_expression(
                "SET #status = :status, reason = :reason, \
                 recorded_at = if_not_exists(recorded_at, :now), expires = if_not_exists(expires, :expires)",
            )
            .expression_attribute_values(":now", number(now))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":expires", number(now.plus(self.table.retention)))
            .return_values(ReturnValue::AllNew);
        let message = retry_on_conflict(|| message.clone().send())
            .await
            .map_err(|error| AwsError::new(self.table.action("storing a receipt"), &error))?;
        match message.attributes.as_ref().and_then(|item| get_string(item, "notification")) {
            Some(id) => self.record_delivery(id, receipt.message_id, status, reason).await,
            None => self.store_unmatched(receipt, now).await,
        }
    }

    /// Tells a notification what became of its message.
    async fn record_delivery(
        &self,
        id: &str,
        message_id: &str,
        status: NotificationStatus,
        reason: &str,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "storing a receipt";
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
            .expression_attribute_values(":sent", string(NotificationStatus::Sent.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = retry_on_conflict(|| update.clone().send()).await else { return Ok(()) };
        let row = match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                failed.item().and_then(NotificationRow::read)
            }
            _ => return Err(AwsError::new(self.table.action(ACTION), &error)),
        };
        let Some(row) = row.filter(|row| row.status == NotificationStatus::Ambiguous) else {
            return Ok(());
        };
        // It was given up for its sender was slow; that one has noted later whose the
        // message is.
        let mut items = vec![self.resolved(&row.id, message_id, status, reason)];
        let receipt_key = row.intent.as_ref().and_then(|what| what.receipt_key.as_deref());
        items.extend(receipt_key.map(|receipt_key| {
            self.of(&receipt_row_key(receipt_key))
                .update_expression("DELETE ambiguous :id")
                .expression_attribute_values(":id", strings([&row.id]))
        }));
        let items = items.into_iter().map(transaction::update).collect();
        transaction::write(&self.table.dynamodb, &self.table.action(ACTION), items).await.map(drop)
    }

    /// An ambiguous notification becomes what its receipt says.
    fn resolved(
        &self,
        id: &str,
        message_id: &str,
        status: NotificationStatus,
        reason: &str,
    ) -> UpdateBuilder {
        self.of(id)
            .update_expression(
                "SET #status = :status, reason = :reason, message_id = :message \
                 REMOVE due_shard, due_at, intent, intent_at",
            )
            .condition_expression("#status = :ambiguous")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":message", string(message_id))
            .expression_attribute_values(
                ":ambiguous",
                string(NotificationStatus::Ambiguous.as_str()),
            )
    }

    /// An update of the row under this key.
    fn of(&self, key: &str) -> UpdateBuilder {
        Update::builder().table_name(&self.table.name).key("id", string(key))
    }

    /// Nobody has written down whose message it is: perhaps nobody will.
    async fn store_unmatched(&self, receipt: Receipt<'_>, now: Timestamp) -> Result<(), AwsError> {
        const ACTION: &str = "leaving a receipt for a notification";
        let Receipt { app_id, open_id, template_id, message_id, at, .. } = receipt;
        let note = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(receipt_row_key(&receipt_key(app_id, open_id, template_id))))
            .update_expression("ADD receipts :message SET expires = :expires")
            .expression_attribute_values(":message", strings([&format!("{app_id}#{message_id}")]))
            .expression_attribute_values(":expires", number(at.plus(UNMATCHED_RECEIPT_TTL)))
            .return_values(ReturnValue::AllNew);
        let noted = retry_on_conflict(|| note.clone().send())
            .await
            .map_err(|error| AwsError::new(self.table.action(ACTION), &error))?;
        let noted = noted.attributes.unwrap_or_default();
        let ambiguous = noted.get("ambiguous").and_then(|ids| ids.as_ss().ok());
        for id in ambiguous.into_iter().flatten() {
            let update = self
                .table
                .dynamodb
                .update_item()
                .table_name(&self.table.name)
                .key("id", string(id))
                .update_expression("SET due_shard = :shard, due_at = :due")
                .condition_expression("#status = :ambiguous")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":shard", string(super::waiting::shard(id)))
                .expression_attribute_values(":due", number(now))
                .expression_attribute_values(
                    ":ambiguous",
                    string(NotificationStatus::Ambiguous.as_str()),
                );
            let stored = retry_on_conflict(|| update.clone().send()).await;
            self.table.conditional(ACTION, stored)?;
        }
        Ok(())
    }

    /// Gives an ambiguous notification the receipt that must be its own, if there
    /// is one: there are as many receipts that belong to nobody as notifications
    /// that may have been sent to the same addressee, and all say the same.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn resolve_ambiguous(
        &self,
        row: &NotificationRow,
        now: Timestamp,
    ) -> Result<ReceiptResolution, AwsError> {
        let Some((intent, receipt_key)) =
            row.intent.as_ref().and_then(|what| Some((what, what.receipt_key.as_deref()?)))
        else {
            self.reschedule(row, None).await?;
            return Ok(ReceiptResolution::Unresolved);
        };
        let key = receipt_row_key(receipt_key);
        let (ambiguous, receipts) = self.meeting(&key).await?;
        let place = ambiguous.iter().position(|id| *id == row.id).unwrap_or(ambiguous.len());
        let mut orphaned_events = Vec::new();
        for message in receipts {
            orphaned_events.extend(self.unmatched(message).await?);
        }
        // What WeChat told before is of another message.
        orphaned_events.retain(|receipt| receipt.recorded_at >= intent.at);
        // Whose the youngest is may not have been written down yet.
        let certain = orphaned_events.iter().map(|receipt| receipt.recorded_at).max();
        let certain = certain.map(|recorded_at| recorded_at.plus(resolution_delay(intent.channel)));
        if let Some(certain) = certain.filter(|certain| now < *certain) {
            self.reschedule(row, Some(certain)).await?;
            return Ok(ReceiptResolution::RetryAt(certain));
        }
        let alike = orphaned_events.windows(2).all(|pair| pair[0].status == pair[1].status);
        if alike
            && orphaned_events.len() == ambiguous.len()
            && let Some(receipt) = orphaned_events.get(place)
            && self.bind(row, &key, receipt).await?
        {
            return Ok(ReceiptResolution::Resolved(receipt.status));
        }
        self.reschedule(row, None).await?;
        Ok(ReceiptResolution::Unresolved)
    }

    /// Who meets in the row of an addressee: ids of notifications, and receipts.
    async fn meeting(&self, key: &str) -> Result<(Vec<String>, Vec<String>), AwsError> {
        let found = self.table.read("looking for receipts", item_of([("id", string(key))])).await?;
        let item = found.unwrap_or_default();
        let names = |name: &str| {
            let mut names = item.get(name).and_then(|set| set.as_ss().ok()).cloned();
            names.iter_mut().for_each(|names| names.sort_unstable());
            names.unwrap_or_default()
        };
        Ok((names("ambiguous"), names("receipts")))
    }

    /// A receipt, if it still belongs to nobody.
    async fn unmatched(&self, message: String) -> Result<Option<UnmatchedReceipt>, AwsError> {
        let found = self
            .table
            .read("reading a receipt", item_of([("id", string(format!("message#{message}")))]))
            .await?;
        let item = found.unwrap_or_default();
        if item.contains_key("notification") {
            return Ok(None);
        }
        let status = get_string(&item, "status").and_then(NotificationStatus::parse);
        let recorded_at = get_time(&item, "recorded_at");
        let reason = get_string(&item, "reason").unwrap_or_default().to_owned();
        let receipt = status.zip(recorded_at);
        Ok(receipt.map(|(status, recorded_at)| UnmatchedReceipt {
            message,
            status,
            reason,
            recorded_at,
        }))
    }

    /// False if one of the two has found another meanwhile.
    async fn bind(
        &self,
        row: &NotificationRow,
        key: &str,
        receipt: &UnmatchedReceipt,
    ) -> Result<bool, AwsError> {
        let id = receipt.message.rsplit('#').next().unwrap_or_default();
        let notification = self.resolved(&row.id, id, receipt.status, &receipt.reason);
        let message = self
            .of(&format!("message#{}", receipt.message))
            .update_expression("SET notification = :id")
            .condition_expression("attribute_not_exists(notification)")
            .expression_attribute_values(":id", string(&row.id));
        let meeting = self
            .of(key)
            .update_expression("DELETE ambiguous :id, receipts :message")
            .expression_attribute_values(":id", strings([&row.id]))
            .expression_attribute_values(":message", strings([&receipt.message]));
        let items = [notification, message, meeting].map(transaction::update).to_vec();
        let what = self.table.action("resolution_delay what became of a notification");
        transaction::write(&self.table.dynamodb, &what, items).await
    }
}
