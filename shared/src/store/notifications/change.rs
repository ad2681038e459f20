//! The writes of a notification's life.

use super::row::SendIntent;
use super::{NotificationRow, NotificationStatus, Notifications};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::allowance::Entitlement;
use crate::store::conflict::retry_on_conflict;
use crate::store::transaction::{self, Outcome};
use crate::store::{Item, Users, get_string, number, string, strings};
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use uuid::Uuid;

/// The name under which somebody changes a notification.
#[derive(Debug)]
pub struct Lease {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) request_hash: String,
    content: String,
}

/// What a change supposes.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// There is no such notification.
    Absent,
    /// It is as it was read.
    Unchanged(&'a NotificationRow),
    /// It is ours: this claim has written it last, and is sending it.
    Owned,
}

/// What a notification becomes.
#[derive(Debug)]
pub enum Transition<'a> {
    /// It is being sent, until the lease is over at the latest.
    Sending {
        /// Nobody else touches it until then.
        lease_until: Timestamp,
        /// What is about to be sent.
        intent: &'a SendIntent,
    },
    /// Somebody has to come back to it.
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
    /// WeChat has taken it on.
    Sent {
        /// By which the receipt will find the notification, if WeChat gave one.
        message: Option<MessageId<'a>>,
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
    /// WeChat has taken it on, and the receipt was faster.
    SentWithReceipt {
        /// What became of it.
        status: NotificationStatus,
        /// What the receipt said of a message that did not arrive.
        reason: &'a str,
        /// The report.
        report: &'a str,
    },
    /// Nothing more will happen.
    Terminal {
        /// How it ended.
        status: NotificationStatus,
        /// The report.
        report: &'a str,
    },
}

/// WeChat's name for a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageId<'a> {
    /// The app that spoke.
    pub app_id: &'a AppId,
    /// WeChat's id of it, in decimal.
    pub id: &'a str,
}

/// What came of a change.
#[derive(Debug)]
pub enum WriteResult {
    /// It is written.
    Committed(NotificationStatus),
    /// It is written, and a receipt that was faster has told what became of the
    /// message.
    CommittedWithReceipt {
        /// What became of it.
        status: NotificationStatus,
        /// Why it did not arrive, if it didn't.
        reason: Option<String>,
    },
    /// The notification isn't as was supposed, but like this; nothing is written.
    Conflict(Box<NotificationRow>),
    /// What was to be used up has been used up by somebody else; nothing is
    /// written.
    EntitlementLost,
    /// The id belongs to something else: to a request of several recipients, or to
    /// a notification that only another version can read. Nothing is written.
    IdReused,
}

impl Lease {
    /// A claim under a name that nobody else has. `content` is what will have to
    /// be sent if nobody finishes it, `request_hash` tells it from another.
    pub fn new(id: &str, content: String, request_hash: String) -> Self {
        let owner = Uuid::new_v4().simple().to_string();
        Self { id: id.to_owned(), owner, request_hash, content }
    }
}

impl Lease {
    /// Tells another content under the same id.
    pub fn request_hash(&self) -> &str {
        &self.request_hash
    }
}

impl Notifications {
    /// Changes a notification, and with it what sending it uses up: taken when
    /// it's about to be sent, and used when it was.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then nothing must be sent that the change
    /// would have announced.
    pub async fn write(
        &self,
        lease: &Lease,
        before: Expected<'_>,
        change: &Transition<'_>,
        entitlement: Option<(&Users, &Entitlement)>,
        now: Timestamp,
    ) -> Result<WriteResult, AwsError> {
        let mut others = Vec::new();
        if let Some((users, entitlement)) = entitlement {
            others.extend(match change {
                Transition::Sending { .. } => Some(users.reserve(entitlement, &lease.id, now)),
                Transition::Sent { .. } => users.consume(entitlement, &lease.id, now),
                _ => None,
            });
        }
        if let Transition::Sent { message: Some(message), report } = change {
            return self.sent(lease, before, *message, report, others, now).await;
        }
        if let Transition::Ambiguous {
            intent: SendIntent { receipt_key: Some(receipt_key), .. },
            ..
        } = change
        {
            others.push(transaction::update(self.await_receipt(receipt_key, &lease.id, now)));
        }
        let update = self.update(lease, before, change, now);
        let status = change.status();
        if others.is_empty() {
            return self.alone(update, status).await;
        }
        let must = matches!(change, Transition::Sending { .. });
        let what = self.table.action("storing how a notification stands");
        let items = std::iter::once(transaction::update(update.clone())).chain(others).collect();
        match transaction::attempt(&self.table.dynamodb, &what, items).await? {
            Outcome::Written => Ok(WriteResult::Committed(status)),
            Outcome::Refused(reasons) => match found(&reasons) {
                Some(found) => Ok(found),
                None if must => Ok(WriteResult::EntitlementLost),
                // What becomes of the notification is worth more.
                None => self.alone(update, status).await,
            },
        }
    }

    /// Stores that WeChat has taken a message on, together with WeChat's id of
    /// it. If the receipt was faster, the notification is what that said.
    async fn sent(
        &self,
        lease: &Lease,
        before: Expected<'_>,
        message: MessageId<'_>,
        report: &str,
        mut used: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<WriteResult, AwsError> {
        let what = self.table.action("storing that a notification is sent");
        let mut told: Option<(NotificationStatus, String)> = None;
        // At most once for the receipt, once for what can't be used up any more.
        for _ in 0..3 {
            let change = match &told {
                None => Transition::Sent { message: Some(message), report },
                Some((status, reason)) => {
                    Transition::SentWithReceipt { status: *status, reason, report }
                }
            };
            let bind = Update::builder()
                .table_name(&self.table.name)
                .key("id", string(message_key(message.app_id, message.id)))
                .update_expression("SET notification = :id, expires = :expires")
                .expression_attribute_values(":id", string(&lease.id))
                .expression_attribute_values(":expires", number(now.plus(self.table.retention)))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            let bind = match &told {
                None => bind
                    .condition_expression("attribute_not_exists(#status)")
                    .expression_attribute_names("#status", "status"),
                Some(_) => bind,
            };
            let mut items = vec![
                transaction::update(self.update(lease, before, &change, now)),
                transaction::update(bind.clone()),
            ];
            items.extend(used.iter().cloned());
            let Outcome::Refused(reasons) =
                transaction::attempt(&self.table.dynamodb, &what, items).await?
            else {
                return Ok(match told {
                    None => WriteResult::Committed(NotificationStatus::Sent),
                    Some((status, reason)) => WriteResult::CommittedWithReceipt {
                        status,
                        reason: Some(reason).filter(|it| !it.is_empty()),
                    },
                });
            };
            if let Some(found) = found(&reasons) {
                // Somebody has taken the notification over; the message is its own all
                // the same, and so is the receipt that will come.
                let Transition::Sent { .. } = change else { return Ok(found) };
                self.table.change("noting whose a message is", bind).await?;
                return Ok(found);
            }
            match reasons.get(1).and_then(CancellationReason::item) {
                Some(receipt) => {
                    let status = get_string(receipt, "status").and_then(NotificationStatus::parse);
                    let reason = get_string(receipt, "reason").unwrap_or_default();
                    told = Some((status.unwrap_or(NotificationStatus::Sent), reason.to_owned()));
                }
                None => used.clear(),
            }
        }
        Err(AwsError::unexpected(what, "its conditions kept changing"))
    }

    /// Makes one update of a notification on its own.
    async fn alone(
        &self,
        update: UpdateBuilder,
        status: NotificationStatus,
    ) -> Result<WriteResult, AwsError> {
        const ACTION: &str = "storing how a notification stands";
        let update = self.table.request(update);
        let Err(error) = retry_on_conflict(|| update.clone().send()).await else {
            return Ok(WriteResult::Committed(status));
        };
        let known = match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item(),
            _ => return Err(AwsError::new(self.table.action(ACTION), &error)),
        };
        known.map(of).ok_or_else(|| AwsError::new(self.table.action(ACTION), &error))
    }

    /// The update that a change is. It holds also if it has been made already:
    /// AWS may have lost the confirmation.
    fn update(
        &self,
        lease: &Lease,
        before: Expected<'_>,
        change: &Transition<'_>,
        now: Timestamp,
    ) -> UpdateBuilder {
        let mut set = "SET #status = :status, lease_owner = :owner, request_hash = :hash, \
                       expires = :expires"
            .to_owned();
        let status = change.status();
        let mut update = Update::builder()
            .table_name(&self.table.name)
            .key("id", string(&lease.id))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":owner", string(&lease.owner))
            .expression_attribute_values(":hash", string(&lease.request_hash))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let written = "(lease_owner = :owner AND #status = :status)";
        update = match before {
            Expected::Absent => {
                update.condition_expression(format!("attribute_not_exists(id) OR {written}"))
            }
            Expected::Unchanged(row) => update
                .condition_expression(format!(
                    "(lease_owner = :seen AND #status = :stood) OR {written}"
                ))
                .expression_attribute_values(":seen", string(&row.lease_owner))
                .expression_attribute_values(":stood", string(row.status.as_str())),
            Expected::Owned => update
                .condition_expression(format!(
                    "(lease_owner = :owner AND #status = :stood) OR {written}"
                ))
                .expression_attribute_values(
                    ":stood",
                    string(NotificationStatus::InProgress.as_str()),
                ),
        };
        // To wait for its time is no try.
        let is_try = status != NotificationStatus::Scheduled && !matches!(before, Expected::Owned);
        if is_try {
            set.push_str(", first_at = if_not_exists(first_at, :now), tries = if_not_exists(tries, :none) + :one");
            update = update
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":none", number(0_u64))
                .expression_attribute_values(":one", number(1_u64));
        }
        let (due_at, intent, report) = match change {
            Transition::Sending { lease_until, intent } => {
                set.push_str(", lease_until = :due");
                (Some(*lease_until), Some(*intent), None)
            }
            Transition::Waiting { at, intent, report, .. } => {
                set.push_str(", retry_at = :due");
                (Some(*at), *intent, Some(report))
            }
            Transition::Ambiguous { intent, report } => {
                // A receipt may have come before.
                let look_at = intent.receipt_key.as_ref().map(|_| now);
                (look_at, Some(*intent), Some(report))
            }
            Transition::SentWithReceipt { reason, report, .. } => {
                set.push_str(", reason = :reason");
                update = update.expression_attribute_values(":reason", string(*reason));
                (None, None, Some(report))
            }
            Transition::Sent { report, .. } | Transition::Terminal { report, .. } => {
                (None, None, Some(report))
            }
        };
        let mut remove = Vec::new();
        match due_at {
            Some(due_at) => {
                set.push_str(", due_shard = :shard, due_at = :due");
                update = update
                    .expression_attribute_values(":shard", string(super::waiting::shard(&lease.id)))
                    .expression_attribute_values(":due", number(due_at));
            }
            None => remove.extend(["due_shard", "due_at"]),
        }
        if matches!(change, Transition::Sending { .. } | Transition::Waiting { .. }) {
            set.push_str(", content = :content");
            update = update.expression_attribute_values(":content", string(&lease.content));
        } else {
            // What nobody will send any more is nobody's to read.
            remove.push("content");
        }
        match intent {
            Some(intent) => {
                let at = intent.at;
                let intent = serde_json::to_string(intent).expect("it is made of strings");
                set.push_str(", intent = :intent, intent_at = :intent_at");
                update = update
                    .expression_attribute_values(":intent", string(intent))
                    .expression_attribute_values(":intent_at", number(at));
            }
            None => remove.extend(["intent", "intent_at"]),
        }
        if let Some(report) = report {
            set.push_str(", report = :report");
            update = update.expression_attribute_values(":report", string(*report));
        }
        if !remove.is_empty() {
            set = format!("{set} REMOVE {}", remove.join(", "));
        }
        let kept_from = due_at.unwrap_or(now).max(now);
        update
            .update_expression(set)
            .expression_attribute_values(":expires", number(kept_from.plus(self.table.retention)))
    }

    /// Notes that a notification is waiting for a receipt that doesn't know it.
    fn await_receipt(&self, receipt_key: &str, id: &str, now: Timestamp) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .key("id", string(receipt_row_key(receipt_key)))
            .update_expression("ADD ambiguous :id SET expires = :expires")
            .expression_attribute_values(":id", strings([id]))
            .expression_attribute_values(":expires", number(now.plus(self.table.retention)))
    }
}

impl Transition<'_> {
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

/// How the notification stands, if it was its condition that didn't hold. It is
/// the first of the transaction.
fn found(reasons: &[CancellationReason]) -> Option<WriteResult> {
    reasons.first()?.item().map(of)
}

/// What stands where the notification was supposed to.
pub(super) fn of(item: &Item) -> WriteResult {
    NotificationRow::read(item)
        .map_or(WriteResult::IdReused, |row| WriteResult::Conflict(Box::new(row)))
}

/// The row of one of WeChat's messages. A caller's id has no `#` in it before
/// digits alone, so this is never one.
pub(super) fn message_key(app_id: &AppId, message_id: &str) -> String {
    format!("message#{app_id}#{message_id}")
}

/// The row in which messages of unknown fate and receipts of unknown origin meet.
pub(super) fn receipt_row_key(receipt_key: &str) -> String {
    format!("receipt_key#{receipt_key}")
}
