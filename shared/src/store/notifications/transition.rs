//! The writes of a notification's life.

use super::Notifications;
use super::due::shard;
use super::row::{NotificationRow, SendIntent, is_at};
use super::status::NotificationStatus;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, number, string, string_set};
use crate::store::dynamodb::transaction::{Refusal, TransactionOutcome};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::id_key;
use crate::store::users::entitlements::{Entitlement, Entitlements};
use crate::wechat::id::AppId;
use uuid::Uuid;

/// The lease under which an invocation changes a notification.
#[derive(Debug)]
pub struct Lease {
    id: String,
    owner: String,
    request_hash: String,
    content: String,
}

/// What a transition expects of the row.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// There is none.
    Absent,
    /// It is as it was read.
    Unchanged(&'a NotificationRow),
    /// This lease has written it last, and is sending it.
    Owned,
}

/// What a notification becomes.
#[derive(Debug)]
pub enum Transition<'a> {
    /// It is being sent, until the lease ends at the latest.
    Sending {
        /// No other invocation changes it until then.
        lease_until: Timestamp,
        /// What is about to be sent.
        intent: &'a SendIntent,
    },
    /// It is to be sent, or retried, later.
    Waiting {
        /// [`NotificationStatus::Retrying`] or [`NotificationStatus::Scheduled`].
        status: NotificationStatus,
        /// When.
        at: Timestamp,
        /// What may have been sent, if so.
        intent: Option<&'a SendIntent>,
        /// The report.
        report: &'a str,
    },
    /// WeChat has accepted it.
    Sent {
        /// By which the receipt finds the notification, if WeChat gave one.
        message: Option<MessageId<'a>>,
        /// What was sent, if its receipt may name another id.
        intent: Option<&'a SendIntent>,
        /// The report.
        report: &'a str,
    },
    /// It may or may not have been sent.
    Ambiguous {
        /// What may have been sent.
        intent: &'a SendIntent,
        /// The report.
        report: &'a str,
    },
    /// WeChat has accepted it, and the receipt was faster.
    SentWithReceipt {
        /// The status by the receipt.
        status: NotificationStatus,
        /// Why the message did not arrive, by the receipt.
        reason: &'a str,
        /// The report.
        report: &'a str,
    },
    /// Nothing more happens to it.
    Terminal {
        /// How it ended.
        status: NotificationStatus,
        /// The report.
        report: &'a str,
    },
}

/// WeChat's id of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageId<'a> {
    /// The app that sent it.
    pub app_id: &'a AppId,
    /// In decimal.
    pub id: &'a str,
}

/// [`Transition::Sent`] with WeChat's id of the message.
#[derive(Clone, Copy)]
struct SentMessage<'a> {
    message: MessageId<'a>,
    intent: Option<&'a SendIntent>,
    report: &'a str,
}

/// The result of a transition.
#[derive(Debug)]
pub enum WriteResult {
    /// It is stored.
    Committed(NotificationStatus),
    /// It is stored, with the status of a receipt that was faster.
    CommittedWithReceipt {
        /// The status by the receipt.
        status: NotificationStatus,
        /// Why the message did not arrive, if it didn't.
        reason: Option<String>,
    },
    /// The notification isn't as expected, but like this; nothing is stored.
    Conflict(Box<NotificationRow>),
    /// Another notification has used the entitlement; nothing is stored.
    EntitlementLost,
    /// The id is used by a request of several recipients, or by a notification that only
    /// another version can read; nothing is stored.
    IdReused,
}

impl Lease {
    /// A lease with a random owner. `content` is the request that has to be sent if this
    /// invocation doesn't finish it, `request_hash` tells it from another.
    pub fn new(id: &str, content: String, request_hash: String) -> Self {
        let owner = Uuid::new_v4().simple().to_string();
        Self { id: id.to_owned(), owner, request_hash, content }
    }

    /// Tells another request with the same id.
    pub fn request_hash(&self) -> &str {
        &self.request_hash
    }
}

impl Notifications {
    /// Changes a notification, and with it the entitlement that sending it needs: reserved
    /// when it's about to be sent, and used when it was. After an error nothing must be
    /// sent that the transition was the intent of.
    pub async fn write(
        &self,
        lease: &Lease,
        expected: Expected<'_>,
        transition: &Transition<'_>,
        entitlement: Option<(&Entitlements, &Entitlement)>,
        now: Timestamp,
    ) -> Result<WriteResult, AwsError> {
        const ACTION: &str = "storing the status of a notification";
        let mut others = Vec::new();
        if let Some((entitlements, entitlement)) = entitlement {
            others.extend(match transition {
                Transition::Sending { .. } => {
                    Some(entitlements.reserve(entitlement, &lease.id, now))
                }
                Transition::Sent { .. } => entitlements.consume(entitlement, &lease.id, now),
                _ => None,
            });
        }
        if let Transition::Sent { message: Some(message), intent, report } = *transition {
            let sent = SentMessage { message, intent, report };
            return self.write_sent(lease, expected, sent, others, now).await;
        }
        let update = self.update(lease, expected, transition, now);
        let status = transition.status();
        let awaited = self.await_receipt(lease, transition, now);
        while !others.is_empty() || awaited.is_some() {
            let writes = std::iter::once(update.clone()).chain(awaited.clone());
            let writes = writes.chain(others.iter().cloned());
            match self.table.transact_or_refusals(ACTION, writes).await? {
                TransactionOutcome::Written => return Ok(WriteResult::Committed(status)),
                TransactionOutcome::Refused(refusals) => {
                    if let Some(conflict) = conflict(&refusals) {
                        return Ok(conflict);
                    }
                    if matches!(transition, Transition::Sending { .. }) {
                        return Ok(WriteResult::EntitlementLost);
                    }
                    // The status of the notification matters more.
                    if others.is_empty() {
                        break;
                    }
                    others.clear();
                }
            }
        }
        match self.table.write_or_existing(ACTION, update).await? {
            WriteOutcome::Written(_) => Ok(WriteResult::Committed(status)),
            WriteOutcome::Refused(existing) if existing.is_empty() => {
                Err(AwsError::unexpected(self.table.action(ACTION), "its row is gone"))
            }
            WriteOutcome::Refused(existing) => Ok(from_existing(&existing)),
        }
    }

    /// Stores that WeChat has accepted a message, together with WeChat's id of it. If the
    /// receipt was faster, the notification gets the status of that.
    async fn write_sent(
        &self,
        lease: &Lease,
        expected: Expected<'_>,
        sent: SentMessage<'_>,
        mut consumed: Vec<Write>,
        now: Timestamp,
    ) -> Result<WriteResult, AwsError> {
        const ACTION: &str = "storing that a notification is sent";
        let SentMessage { message, intent, report } = sent;
        let mut receipt: Option<(NotificationStatus, String)> = None;
        // Repeated at most once for the receipt, and once for an entitlement that can't be
        // used any more.
        for _ in 0..3 {
            let transition = match &receipt {
                None => Transition::Sent { message: Some(message), intent, report },
                Some((status, reason)) => {
                    Transition::SentWithReceipt { status: *status, reason, report }
                }
            };
            let bind = Write::update(&self.table, message_key(message.app_id, message.id))
                .set("notification", string(&lease.id))
                .set("expires", number(now.plus(self.table.retention())))
                .returning_existing();
            let bind = match &receipt {
                None => bind.when(attr("status").not_exists()),
                Some(_) => bind,
            };
            let mut writes = vec![self.update(lease, expected, &transition, now), bind.clone()];
            writes.extend(self.await_receipt(lease, &transition, now));
            writes.extend(consumed.iter().cloned());
            let TransactionOutcome::Refused(refusals) =
                self.table.transact_or_refusals(ACTION, writes).await?
            else {
                return Ok(match receipt {
                    None => WriteResult::Committed(NotificationStatus::Sent),
                    Some((status, reason)) => {
                        let reason = Some(reason).filter(|reason| !reason.is_empty());
                        WriteResult::CommittedWithReceipt { status, reason }
                    }
                });
            };
            if let Some(conflict) = conflict(&refusals) {
                // Another invocation has taken the notification over; the message belongs
                // to it all the same, and so does the receipt that will come.
                let Transition::Sent { .. } = transition else { return Ok(conflict) };
                self.table.write("recording whose a message is", bind).await?;
                return Ok(conflict);
            }
            match refusals.get(1).and_then(|refusal| refusal.existing.as_ref()) {
                Some(found) => {
                    let status = get_string(found, "status").and_then(NotificationStatus::parse);
                    let reason = get_string(found, "reason").unwrap_or_default();
                    receipt = Some((status.unwrap_or(NotificationStatus::Sent), reason.to_owned()));
                }
                None => consumed.clear(),
            }
        }
        Err(AwsError::unexpected(self.table.action(ACTION), "its conditions kept changing"))
    }

    /// The update of a transition. It holds also if it has been made already: AWS may have
    /// lost the confirmation.
    fn update(
        &self,
        lease: &Lease,
        expected: Expected<'_>,
        transition: &Transition<'_>,
        now: Timestamp,
    ) -> Write {
        let status = transition.status();
        let is_written = is_at(&lease.owner, status);
        let condition = match expected {
            Expected::Absent => attr("id").not_exists(),
            Expected::Unchanged(row) => row.is_unchanged(),
            Expected::Owned => is_at(&lease.owner, NotificationStatus::InProgress),
        };
        let mut update = Write::update(&self.table, id_key(&lease.id))
            .set("status", string(status.as_str()))
            .set("lease_owner", string(&lease.owner))
            .set("request_hash", string(&lease.request_hash))
            .when(condition.or(is_written))
            .returning_existing();
        // To wait for its time is no attempt.
        if status != NotificationStatus::Scheduled && !matches!(expected, Expected::Owned) {
            update = update.set_if_absent("first_at", number(now)).increment("attempts");
        }
        let (due_at, intent, report) = match transition {
            Transition::Sending { lease_until, intent } => {
                update = update.set("lease_until", number(*lease_until));
                (Some(*lease_until), Some(*intent), None)
            }
            Transition::Waiting { at, intent, report, .. } => {
                update = update.set("retry_at", number(*at));
                (Some(*at), *intent, Some(report))
            }
            // A receipt may have come before.
            Transition::Ambiguous { intent, report } => {
                (intent.receipt_key.as_ref().map(|_| now), Some(*intent), Some(report))
            }
            Transition::Sent { intent, report, .. } => {
                let intent = intent.filter(|intent| intent.receipt_key.is_some());
                (intent.map(|_| now), intent, Some(report))
            }
            Transition::SentWithReceipt { reason, report, .. } => {
                update = update.set("reason", string(*reason));
                (None, None, Some(report))
            }
            Transition::Terminal { report, .. } => (None, None, Some(report)),
        };
        let is_unsent =
            matches!(transition, Transition::Sending { .. } | Transition::Waiting { .. });
        let intent_json = intent
            .map(|intent| string(serde_json::to_string(intent).expect("it is made of strings")));
        // An erasure that is repeated leaves what was requested since.
        if is_unsent {
            update = update.set_if_absent("requested_at", number(now));
        }
        update = update
            .set_or_remove("due_shard", due_at.map(|_| string(shard(&lease.id))))
            .set_or_remove("due_at", due_at.map(number))
            // A request that won't be sent any more is removed.
            .set_or_remove("content", is_unsent.then(|| string(&lease.content)))
            .set_or_remove("intent", intent_json)
            .set_or_remove("intent_at", intent.map(|intent| number(intent.at)));
        if let Some(report) = report {
            update = update.set("report", string(*report));
        }
        let kept_from = due_at.unwrap_or(now).max(now);
        update.set("expires", number(kept_from.plus(self.table.retention())))
    }

    /// Records that a notification waits for a receipt that may not know it.
    fn await_receipt(
        &self,
        lease: &Lease,
        transition: &Transition<'_>,
        now: Timestamp,
    ) -> Option<Write> {
        let update = Write::update(&self.table, receipt_row_key(transition.awaited_receipt()?))
            .add_members("awaiting", string_set([&lease.id]))
            .set("expires", number(now.plus(self.table.retention())));
        Some(update)
    }
}

impl Transition<'_> {
    /// The key of a receipt that may name an id of WeChat's that isn't known.
    fn awaited_receipt(&self) -> Option<&str> {
        match self {
            Self::Ambiguous { intent, .. } => intent.receipt_key.as_deref(),
            Self::Sent { intent, .. } => intent.as_ref()?.receipt_key.as_deref(),
            Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::SentWithReceipt { .. }
            | Self::Terminal { .. } => None,
        }
    }

    fn status(&self) -> NotificationStatus {
        match self {
            Self::Sending { .. } => NotificationStatus::InProgress,
            Self::Sent { .. } => NotificationStatus::Sent,
            Self::Ambiguous { .. } => NotificationStatus::Ambiguous,
            Self::Waiting { status, .. }
            | Self::SentWithReceipt { status, .. }
            | Self::Terminal { status, .. } => *status,
        }
    }
}

/// What the notification is, if its condition didn't hold: the first of the transaction.
fn conflict(refusals: &[Refusal]) -> Option<WriteResult> {
    refusals.first()?.existing.as_ref().map(from_existing)
}

fn from_existing(item: &Item) -> WriteResult {
    NotificationRow::read(item)
        .map_or(WriteResult::IdReused, |row| WriteResult::Conflict(Box::new(row)))
}

/// The key of the row of one of WeChat's messages. A caller's id has no `#` in it before
/// digits alone, so this is never one.
pub(super) fn message_key(app_id: &AppId, message_id: &str) -> Item {
    id_key(format!("message#{app_id}#{message_id}"))
}

/// The key of the row in which ambiguous notifications and unmatched receipts meet.
pub(super) fn receipt_row_key(receipt_key: &str) -> Item {
    id_key(format!("receipt_key#{receipt_key}"))
}
