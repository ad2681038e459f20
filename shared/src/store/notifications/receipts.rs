//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt its delivery status; the second of them finds
//! what the first has written. An index could not do that: it is always a little behind.
//!
//! Where sending never got WeChat's id, as its response was lost, had none, or the function
//! crashed, no invocation writes the notification's id into that row. Such a notification
//! awaits its receipt, ambiguous or sent, and meets it in a third row, that of their receipt
//! key (see [`receipt_key`]): both are recorded there. When every notification with that
//! key that was under way with the receipt has been stored, or awaits a receipt itself, one
//! that is still unmatched belongs to one of those that await it; [`matching`] finds which.

use super::Notifications;
use super::due::shard;
use super::matching::{self, ReceiptPeriod, ReceiptTimes};
use super::row::{NotificationRow, SendIntent, receipt_key, resolution_delay};
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
use crate::wechat::push::{BLOCKED_REASON, DeliveryStatus};

/// How long a receipt waits for the notification that it belongs to, in seconds: a day.
const UNMATCHED_RECEIPT_TTL: u64 = 24 * 3600;

/// Seconds after a message was sent in which WeChat pushes its receipt, if ever. WeChat
/// pushes most within seconds, and repeats a push that fails within a minute; an hour also
/// covers a bad day. Without this limit a message that never reached WeChat, and has no
/// receipt, would make the receipts of all later ones doubtful.
const RECEIPT_OVERDUE_SECS: u64 = 3600;

/// While other notifications with the same key are resolved.
const MAX_READS: usize = 3;

/// The result of looking for the receipt of a notification that awaits one.
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
}

/// What the row of a receipt key leads to.
struct Meeting {
    awaiting: Vec<(String, ReceiptPeriod)>,
    receipts: Vec<(ReceiptTimes, NotificationStatus, UnmatchedReceipt)>,
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
            DeliveryStatus::Blocked => (NotificationStatus::Blocked, BLOCKED_REASON),
            DeliveryStatus::Failed(reason) => (NotificationStatus::Failed, reason.as_str()),
            // WeChat has accepted the message. More is not certain.
            DeliveryStatus::Unknown(text) => (NotificationStatus::Sent, text.as_str()),
        };
        let key = message_key(receipt.app_id, receipt.message_id);
        let message = Write::update(&self.table, key)
            .set("status", string(status.as_str()))
            .set("reason", string(reason))
            .set_if_absent("recorded_at", number(now))
            .set_if_absent("pushed_at", number(receipt.at))
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
            .remove(["due_shard", "due_at", "intent", "intent_at"])
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
                .delete_members("awaiting", string_set([&row.id]))
        }));
        self.table.transact(ACTION, writes).await.map(drop)
    }

    /// The update that gives a notification that awaits its receipt the status of that.
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
            .when(awaits_receipt())
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
        for id in get_set(stored.item(), "awaiting") {
            let update = Write::update(&self.table, id_key(&id))
                .set("due_shard", string(shard(&id)))
                .set("due_at", number(now))
                .when(awaits_receipt());
            self.table.write(ACTION, update).await?;
        }
        Ok(())
    }

    /// Gives a notification that awaits its receipt the one that must be its own, if there
    /// is one.
    pub async fn resolve_awaited_receipt(
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
        let Some(Meeting { awaiting, receipts }) = self.read_meeting(&key).await? else {
            self.reschedule(row, Some(now)).await?;
            return Ok(ReceiptResolution::RetryAt(now));
        };
        let Some(group) = matching::group_of(&row.id, &awaiting, &receipts) else {
            self.reschedule(row, None).await?;
            return Ok(ReceiptResolution::Unresolved);
        };
        // The notification of the youngest may not have been stored yet.
        let certain_at = group.youngest.plus(resolution_delay(intent.channel));
        if now < certain_at {
            self.reschedule(row, Some(certain_at)).await?;
            return Ok(ReceiptResolution::RetryAt(certain_at));
        }
        if let Some(receipt) = group.own
            && self.bind(row, key, receipt).await?
        {
            return Ok(ReceiptResolution::Resolved(receipt.status));
        }
        self.reschedule(row, None).await?;
        Ok(ReceiptResolution::Unresolved)
    }

    /// Who awaits a receipt with this key, and which are unmatched. None if both keep
    /// changing: other notifications are being resolved.
    async fn read_meeting(&self, key: &Item) -> Result<Option<Meeting>, AwsError> {
        const ACTION: &str = "looking for receipts";
        let mut item = self.table.read(ACTION, key.clone()).await?.unwrap_or_default();
        for _ in 0..MAX_READS {
            let mut receipts = Vec::new();
            for message in get_set(&item, "receipts") {
                receipts.extend(self.read_unmatched(message).await?);
            }
            let mut awaiting = Vec::new();
            // Without a receipt it doesn't matter who awaits one.
            let ids = if receipts.is_empty() { Vec::new() } else { get_set(&item, "awaiting") };
            for id in ids {
                let other = self.get(&id).await?.filter(NotificationRow::awaits_receipt);
                awaiting.extend(other.and_then(|row| Some((id, period(row.intent.as_ref()?)))));
            }
            // A transaction that matches two takes both out of this row.
            let after = self.table.read(ACTION, key.clone()).await?.unwrap_or_default();
            if after == item {
                return Ok(Some(Meeting { awaiting, receipts }));
            }
            item = after;
        }
        Ok(None)
    }

    /// A receipt, if it is still unmatched.
    async fn read_unmatched(
        &self,
        message: String,
    ) -> Result<Option<(ReceiptTimes, NotificationStatus, UnmatchedReceipt)>, AwsError> {
        let key = id_key(format!("message#{message}"));
        let item = self.table.read("reading a receipt", key).await?.unwrap_or_default();
        if item.contains_key("notification") {
            return Ok(None);
        }
        let status = get_string(&item, "status").and_then(NotificationStatus::parse);
        let reason = get_string(&item, "reason").unwrap_or_default().to_owned();
        Ok(status.zip(get_time(&item, "recorded_at")).map(|(status, recorded)| {
            let pushed = get_time(&item, "pushed_at").unwrap_or(recorded);
            (
                ReceiptTimes { recorded, pushed },
                status,
                UnmatchedReceipt { message, status, reason },
            )
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
            .delete_members("awaiting", string_set([&row.id]))
            .delete_members("receipts", string_set([&receipt.message]));
        let action = "resolving a notification by its receipt";
        self.table.transact(action, [notification, message, receipt_row]).await
    }
}

/// The condition that a notification awaits a receipt that may not know it.
fn awaits_receipt() -> Condition {
    let is = |status: NotificationStatus| attr("status").equals(string(status.as_str()));
    let is_sent = is(NotificationStatus::Sent).and(attr("intent").exists());
    is(NotificationStatus::Ambiguous).or(is_sent)
}

/// When WeChat may have pushed the receipt of what was sent with this intent.
fn period(intent: &SendIntent) -> ReceiptPeriod {
    let sent_until = intent.at.plus(resolution_delay(intent.channel));
    ReceiptPeriod { from: intent.at, until: sent_until.plus(RECEIPT_OVERDUE_SECS) }
}
