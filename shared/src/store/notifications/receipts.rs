//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt its delivery status; the second of them finds
//! what the first has written. An index could not do that: it is always a little behind.
//!
//! Where sending never got WeChat's id, as its response was lost or the function crashed,
//! no invocation writes the notification's id into that row. Such a notification is
//! ambiguous, and meets the receipt in a third row, that of their receipt key (see
//! [`receipt_key`]): both are recorded there. When every notification with that key that
//! was under way with the receipt has been stored, or has become ambiguous itself, a
//! receipt that is still unmatched belongs to the ambiguous notification.

use super::Notifications;
use super::due::shard;
use super::row::{NotificationRow, receipt_key, resolution_delay};
use super::status::NotificationStatus;
use super::transition::{message_key, receipt_row_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{
    Item, get_set, get_string, get_time, number, string, string_set,
};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::id_key;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::push::DeliveryStatus;

/// How long a receipt waits for the notification that it belongs to, in seconds: a day.
const UNMATCHED_RECEIPT_TTL: u64 = 24 * 3600;

/// The result of looking for an ambiguous notification's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptResolution {
    /// It is found, with this status.
    Resolved(NotificationStatus),
    /// There may be one, and it has to be looked for again then.
    RetryAt(Timestamp),
    /// There is none so far.
    Unresolved,
}

/// What WeChat says of one message.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The app that sent it.
    pub app_id: &'a AppId,
    /// To whom.
    pub open_id: &'a OpenId,
    /// WeChat's template, where it names it.
    pub template_id: Option<&'a str>,
    /// WeChat's id of the message, in decimal.
    pub message_id: &'a str,
    /// Whether it arrived.
    pub delivery: &'a DeliveryStatus,
    /// When WeChat pushed it.
    pub at: Timestamp,
}

/// A receipt that belongs to no notification so far.
struct UnmatchedReceipt {
    /// `app_id`, `#` and WeChat's id of the message.
    message: String,
    status: NotificationStatus,
    reason: String,
    /// When it was stored.
    recorded_at: Timestamp,
}

impl Notifications {
    /// Stores WeChat's receipt of a message. It may come before the sender has stored
    /// WeChat's id of it; then it waits there.
    pub async fn store_receipt(
        &self,
        receipt: Receipt<'_>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let (status, reason) = match receipt.delivery {
            DeliveryStatus::Delivered => (NotificationStatus::Delivered, ""),
            DeliveryStatus::Blocked => {
                (NotificationStatus::Blocked, "the person rejects messages of this account")
            }
            DeliveryStatus::Failed(reason) => (NotificationStatus::Failed, reason.as_str()),
        };
        let key = message_key(receipt.app_id, receipt.message_id);
        let message = Write::update(&self.table, key)
            .set("status", string(status.as_str()))
            .set("reason", string(reason))
            .set_if_absent("recorded_at", number(now))
            .set_if_absent("expires", number(now.plus(self.table.retention())));
        let stored = self.table.update_and_read("storing a receipt", message).await?;
        match get_string(stored.item(), "notification") {
            Some(id) => self.record_delivery(id, receipt.message_id, status, reason).await,
            None => self.store_unmatched(receipt, now).await,
        }
    }

    /// Gives a notification the status of its receipt.
    async fn record_delivery(
        &self,
        id: &str,
        message_id: &str,
        status: NotificationStatus,
        reason: &str,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "storing a receipt";
        let update = Write::update(&self.table, id_key(id))
            .set("status", string(status.as_str()))
            .set("reason", string(reason))
            .when(attr("status").equals(string(NotificationStatus::Sent.as_str())));
        let WriteOutcome::Refused(existing) = self.table.write_or_existing(ACTION, update).await?
        else {
            return Ok(());
        };
        let row = NotificationRow::read(&existing);
        let Some(row) = row.filter(|row| row.status == NotificationStatus::Ambiguous) else {
            return Ok(());
        };
        // It was given up as its sender was slow, which has stored later whose the message
        // is.
        let mut writes = vec![self.resolved(&row.id, message_id, status, reason)];
        let receipt_key = row.intent.as_ref().and_then(|intent| intent.receipt_key.as_deref());
        writes.extend(receipt_key.map(|receipt_key| {
            Write::update(&self.table, receipt_row_key(receipt_key))
                .delete_members("ambiguous", string_set([&row.id]))
        }));
        self.table.transact(ACTION, writes).await.map(drop)
    }

    /// The update that gives an ambiguous notification the status of its receipt.
    fn resolved(
        &self,
        id: &str,
        message_id: &str,
        status: NotificationStatus,
        reason: &str,
    ) -> Write {
        Write::update(&self.table, id_key(id))
            .set("status", string(status.as_str()))
            .set("reason", string(reason))
            .set("message_id", string(message_id))
            .remove(["due_shard", "due_at", "intent", "intent_at"])
            .when(is_ambiguous())
    }

    /// Stores a receipt of a message whose notification isn't known, and may never be.
    async fn store_unmatched(&self, receipt: Receipt<'_>, now: Timestamp) -> Result<(), AwsError> {
        const ACTION: &str = "storing an unmatched receipt";
        let Receipt { app_id, open_id, template_id, message_id, at, .. } = receipt;
        let key = receipt_row_key(&receipt_key(app_id, open_id, template_id));
        let update = Write::update(&self.table, key)
            .add_members("receipts", string_set([&format!("{app_id}#{message_id}")]))
            .set("expires", number(at.plus(UNMATCHED_RECEIPT_TTL)));
        let stored = self.table.update_and_read(ACTION, update).await?;
        for id in get_set(stored.item(), "ambiguous") {
            let update = Write::update(&self.table, id_key(&id))
                .set("due_shard", string(shard(&id)))
                .set("due_at", number(now))
                .when(is_ambiguous());
            self.table.write(ACTION, update).await?;
        }
        Ok(())
    }

    /// Gives an ambiguous notification the receipt that must be its own, if there is one:
    /// there are as many unmatched receipts as ambiguous notifications with their key, and
    /// all have the same status.
    pub async fn resolve_ambiguous(
        &self,
        row: &NotificationRow,
        now: Timestamp,
    ) -> Result<ReceiptResolution, AwsError> {
        let Some((intent, receipt_key)) =
            row.intent.as_ref().and_then(|intent| Some((intent, intent.receipt_key.as_deref()?)))
        else {
            self.reschedule(row, None).await?;
            return Ok(ReceiptResolution::Unresolved);
        };
        let key = receipt_row_key(receipt_key);
        let (ambiguous, receipts) = self.read_receipt_row(&key).await?;
        let position = ambiguous.iter().position(|id| *id == row.id).unwrap_or(ambiguous.len());
        let mut unmatched = Vec::new();
        for message in receipts {
            unmatched.extend(self.read_unmatched(message).await?);
        }
        // A receipt that WeChat pushed before is of another message.
        unmatched.retain(|receipt| receipt.recorded_at >= intent.at);
        // The notification of the youngest may not have been stored yet.
        let youngest = unmatched.iter().map(|receipt| receipt.recorded_at).max();
        let certain_at = youngest.map(|at| at.plus(resolution_delay(intent.channel)));
        if let Some(certain_at) = certain_at.filter(|certain_at| now < *certain_at) {
            self.reschedule(row, Some(certain_at)).await?;
            return Ok(ReceiptResolution::RetryAt(certain_at));
        }
        let alike = unmatched.windows(2).all(|pair| pair[0].status == pair[1].status);
        if alike
            && unmatched.len() == ambiguous.len()
            && let Some(receipt) = unmatched.get(position)
            && self.bind(row, key, receipt).await?
        {
            return Ok(ReceiptResolution::Resolved(receipt.status));
        }
        self.reschedule(row, None).await?;
        Ok(ReceiptResolution::Unresolved)
    }

    /// The ids of the ambiguous notifications and of the receipts with one key, in order.
    async fn read_receipt_row(&self, key: &Item) -> Result<(Vec<String>, Vec<String>), AwsError> {
        let found = self.table.read("looking for receipts", key.clone()).await?;
        let item = found.unwrap_or_default();
        let members = |name: &str| {
            let mut members = get_set(&item, name);
            members.sort_unstable();
            members
        };
        Ok((members("ambiguous"), members("receipts")))
    }

    /// A receipt, if it is still unmatched.
    async fn read_unmatched(&self, message: String) -> Result<Option<UnmatchedReceipt>, AwsError> {
        let key = id_key(format!("message#{message}"));
        let item = self.table.read("reading a receipt", key).await?.unwrap_or_default();
        if item.contains_key("notification") {
            return Ok(None);
        }
        let status = get_string(&item, "status").and_then(NotificationStatus::parse);
        let recorded_at = get_time(&item, "recorded_at");
        let reason = get_string(&item, "reason").unwrap_or_default().to_owned();
        Ok(status.zip(recorded_at).map(|(status, recorded_at)| UnmatchedReceipt {
            message,
            status,
            reason,
            recorded_at,
        }))
    }

    /// False if one of the two has been matched meanwhile.
    async fn bind(
        &self,
        row: &NotificationRow,
        receipt_row: Item,
        receipt: &UnmatchedReceipt,
    ) -> Result<bool, AwsError> {
        let message_id = receipt.message.rsplit('#').next().unwrap_or_default();
        let notification = self.resolved(&row.id, message_id, receipt.status, &receipt.reason);
        let message = Write::update(&self.table, id_key(format!("message#{}", receipt.message)))
            .set("notification", string(&row.id))
            .when(attr("notification").not_exists());
        let receipt_row = Write::update(&self.table, receipt_row)
            .delete_members("ambiguous", string_set([&row.id]))
            .delete_members("receipts", string_set([&receipt.message]));
        let action = "resolving an ambiguous notification";
        self.table.transact(action, [notification, message, receipt_row]).await
    }
}

fn is_ambiguous() -> Condition {
    attr("status").equals(string(NotificationStatus::Ambiguous.as_str()))
}
