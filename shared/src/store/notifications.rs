//! What went out, and what became of it.
//!
//! A notification is claimed before it is sent, by a conditional write with an
//! attempt number and a lease; every later write is conditional on that
//! attempt. Nothing is ever deleted but by its age.

use super::conflict::again;
use super::{Item, KEPT, Table, get_number, get_string, get_time, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::MissingVariable;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Update};
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// WeChat drops a repeated template message for 10 minutes. Within this many
/// seconds of the first attempt that may have sent it a repeat is safe, with 2
/// minutes to spare for the repeat itself.
const REPEATABLE: u64 = 8 * 60;

/// The notifications table.
#[derive(Clone, Debug)]
pub struct Notifications {
    pub(super) table: Table,
}

/// What is known of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Somebody is sending it right now.
    InProgress,
    /// WeChat has taken it on.
    Sent,
    /// It arrived.
    Delivered,
    /// WeChat took it on, but the person rejects messages of the account.
    Blocked,
    /// It was not sent; asking again after the time it names will try again.
    RetryAt,
    /// It may or may not have been sent, and a repeat could double it.
    Ambiguous,
    /// The person has not consented to this message.
    NoPermit,
    /// There is no channel through which the person can be reached.
    NoRoute,
    /// WeChat refused it for good.
    Failed,
}

impl Status {
    /// The word for it, in the table and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Blocked => "blocked",
            Self::RetryAt => "retry_at",
            Self::Ambiguous => "ambiguous",
            Self::NoPermit => "no_permit",
            Self::NoRoute => "no_route",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        Self::deserialize(text).ok()
    }
}

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// The notification is ours to send.
    Ours {
        /// Counts up with every claim; later writes name it.
        attempt: u64,
        /// Whether an earlier attempt may have sent it as a template message.
        maybe_sent: bool,
    },
    /// Somebody else is sending it, or has done all that can be done.
    Taken {
        /// How it stands.
        status: Status,
        /// When it may be tried again, if it is to be.
        retry_at: Option<Timestamp>,
        /// The report that was stored with it.
        report: Option<String>,
        /// What WeChat's receipt said of a message that did not arrive.
        receipt: Option<String>,
    },
    /// The id was used for another content.
    Conflict,
}

impl Notifications {
    /// Reads `NOTIFICATIONS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, MissingVariable> {
        Ok(Self { table: Table::from_environment(dynamodb, "NOTIFICATIONS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or may not be looked at.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }

    /// Claims a notification until `lease_until`: it must be new, or due for
    /// another try, or left behind by somebody whose lease is over and who
    /// can't have sent what a repeat would double.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn claim(
        &self,
        id: &str,
        request_hash: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claim, AwsError> {
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(id))
            .update_expression(
                "SET request_hash = :hash, #status = :claimed, claim = :claim, attempt = if_not_exists(attempt, :zero) + :one, \
                 lease_until = :lease, sending_since = if_not_exists(sending_since, :now), expires = :expires",
            )
            .condition_expression(
                "attribute_not_exists(id) OR claim = :claim OR (request_hash = :hash \
                 AND ((#status = :retry AND retry_at <= :now) OR (#status = :claimed AND lease_until < :now)) \
                 AND attribute_not_exists(unrepeatable) \
                 AND (attribute_not_exists(sending_since) OR sending_since > :window))",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":hash", string(request_hash))
            // So that a claim whose answer was lost is known again by its repeat.
            .expression_attribute_values(":claim", string(Uuid::new_v4().simple().to_string()))
            .expression_attribute_values(":claimed", string(Status::InProgress.as_str()))
            .expression_attribute_values(":retry", string(Status::RetryAt.as_str()))
            .expression_attribute_values(":zero", number(0_u64))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":lease", number(lease_until))
            .expression_attribute_values(":window", number(now.0.saturating_sub(REPEATABLE)))
            .expression_attribute_values(":expires", number(now.plus(KEPT)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let action = "claiming a notification";
        let error = match again(|| update.clone().send()).await {
            Ok(claimed) => {
                let item = claimed.attributes.unwrap_or_default();
                let attempt = get_number(&item, "attempt").ok_or_else(|| {
                    AwsError::unexpected(self.table.action(action), "no attempt came back")
                })?;
                let maybe_sent = get_time(&item, "sending_since").is_some_and(|since| since < now);
                return Ok(Claim::Ours { attempt, maybe_sent });
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(AwsError::new(self.table.action(action), &error));
        };
        let known = failed
            .item()
            .ok_or_else(|| AwsError::unexpected(self.table.action(action), "no item came back"))?;
        self.taken(id, request_hash, known, now).await
    }

    /// Why a notification can't be claimed. One that was left behind in a state
    /// that a repeat could double becomes [`Status::Ambiguous`].
    async fn taken(
        &self,
        id: &str,
        request_hash: &str,
        known: &Item,
        now: Timestamp,
    ) -> Result<Claim, AwsError> {
        if get_string(known, "request_hash") != Some(request_hash) {
            return Ok(Claim::Conflict);
        }
        let status = get_string(known, "status").and_then(Status::parse);
        let mut status = status.ok_or_else(|| {
            AwsError::unexpected(self.table.action("claiming a notification"), "it has no status")
        })?;
        let retry_at = get_time(known, "retry_at").filter(|_| status == Status::RetryAt);
        let left_behind = status == Status::InProgress
            && get_time(known, "lease_until").is_some_and(|end| end < now);
        let too_late = retry_at.is_some_and(|at| at <= now);
        if (left_behind || too_late)
            && let Some(attempt) = get_number(known, "attempt")
            && self.finish(id, attempt, Status::Ambiguous, None).await?
        {
            status = Status::Ambiguous;
        }
        let report = get_string(known, "report").map(str::to_owned);
        let receipt =
            get_string(known, "reason").filter(|reason| !reason.is_empty()).map(str::to_owned);
        Ok(Claim::Taken {
            status,
            retry_at: retry_at.filter(|_| status == Status::RetryAt),
            report,
            receipt,
        })
    }

    /// Notes, before a call that must not be repeated, that it is about to be
    /// made. False if the notification is no longer ours.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then the call must not be made.
    pub async fn about_to_send(&self, id: &str, attempt: u64) -> Result<bool, AwsError> {
        let update = self
            .update(id, attempt)
            .update_expression("SET unrepeatable = :true")
            .expression_attribute_values(
                ":true",
                aws_sdk_dynamodb::types::AttributeValue::Bool(true),
            );
        self.run("noting that a notification is about to be sent", update).await
    }

    /// Notes that the call that [`Notifications::about_to_send`] announced has
    /// certainly not sent anything. False if it is no longer ours.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn not_sent(&self, id: &str, attempt: u64) -> Result<bool, AwsError> {
        let update = self.update(id, attempt).update_expression("REMOVE unrepeatable");
        self.run("noting that a notification was not sent", update).await
    }

    /// Stores how an attempt ended. False if the notification is no longer
    /// ours: somebody else has claimed it since.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn finish(
        &self,
        id: &str,
        attempt: u64,
        status: Status,
        report: Option<&str>,
    ) -> Result<bool, AwsError> {
        let update = self.finishing(id, attempt, status, report);
        self.run("storing what became of a notification", update).await
    }

    /// Stores that an attempt is to be repeated at `retry_at`, and whether it
    /// may have reached WeChat. False if it is no longer ours.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn retry(
        &self,
        id: &str,
        attempt: u64,
        retry_at: Timestamp,
        maybe_sent: bool,
        report: &str,
    ) -> Result<bool, AwsError> {
        let mut expression =
            "SET #status = :retry, retry_at = :retry_at, report = :report".to_owned();
        if !maybe_sent {
            expression.push_str(" REMOVE sending_since");
        }
        let update = self
            .update(id, attempt)
            .update_expression(expression)
            .expression_attribute_values(":retry_at", number(retry_at))
            .expression_attribute_values(":report", string(report));
        self.run("storing when to try a notification again", update).await
    }

    /// An update of a notification that holds only while the attempt is ours.
    fn update(&self, id: &str, attempt: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .key("id", string(id))
            .condition_expression("attempt = :attempt AND #status IN (:claimed, :retry)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":attempt", number(attempt))
            .expression_attribute_values(":claimed", string(Status::InProgress.as_str()))
            .expression_attribute_values(":retry", string(Status::RetryAt.as_str()))
    }

    pub(super) fn finishing(
        &self,
        id: &str,
        attempt: u64,
        status: Status,
        report: Option<&str>,
    ) -> UpdateBuilder {
        let mut set = "SET #status = :status".to_owned();
        let mut update = self
            .update(id, attempt)
            .expression_attribute_values(":status", string(status.as_str()));
        if let Some(report) = report {
            set.push_str(", report = :report");
            update = update.expression_attribute_values(":report", string(report));
        }
        update.update_expression(set)
    }

    /// Runs one update on its own. False if its condition did not hold.
    async fn run(&self, action: &str, update: UpdateBuilder) -> Result<bool, AwsError> {
        let update = update.build().expect("key, table and expression are set");
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values);
        let written = again(|| update.clone().send()).await;
        Ok(self.table.conditional(action, written)?.is_some())
    }
}
