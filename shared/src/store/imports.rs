//! How far the import of an account's followers is.
//!
//! One row in the notifications table holds it, where the other rows stand by which
//! functions share their work out (`token_refresh#…`, `open_circuits#`): the import itself must not
//! stand among the persons of the users and mappings tables. Whoever works on it has
//! claimed it for some time under a random name, and nobody else's write gets past
//! that name; so of two who come at once, one works, and what somebody left behind is
//! continued from the last page that is stored whole.
//!
//! | Attribute | |
//! |---|---|
//! | `run`, `begun_at` | which import it is |
//! | `phase` | `listing`, `looking`, `done`, `cancelled` or `failed` |
//! | `lease_owner`, `lease_until` | who works on it, and how long that may be believed |
//! | `retry_at`, `reason` | it waits, and for what |
//! | `after`, `pages`, `listed`, `total` | how far the list is read |
//! | `scanned`, `part` | how far those who are stored are compared with it |
//! | `lists`, `batches`, … | what it has used and done |
//!
//! For every page of the list there is a row beside it, with a hash of each openid:
//! eight bytes instead of a person.

mod pages;
mod row;

pub use row::{FollowerImport, ImportCounts, ImportPhase};

use super::conflict::retry_on_conflict;
use super::{Table, item_of, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::VariableError;
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use std::collections::HashMap;
use uuid::Uuid;

/// The imports of followers.
#[derive(Clone, Debug)]
pub struct FollowerImports {
    table: Table,
}

/// The right to work on an import.
#[derive(Debug)]
pub struct ImportLease {
    id: String,
    owner: String,
}

impl FollowerImports {
    /// Reads `NOTIFICATIONS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "NOTIFICATIONS_TABLE")? })
    }

    /// The last import of each of these accounts, as far as there is one.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn by_app(
        &self,
        app_ids: &[&AppId],
    ) -> Result<HashMap<AppId, FollowerImport>, AwsError> {
        // A business has a handful of accounts.
        let reads = app_ids.iter().map(async |app_id| {
            let key = item_of([("id", string(id(app_id)))]);
            let found = self.table.read("reading how far an import is", key).await?;
            let import = found.as_ref().and_then(FollowerImport::read);
            Ok::<_, AwsError>(import.map(|import| ((*app_id).clone(), import)))
        });
        let read = futures_util::future::try_join_all(reads).await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Begins an import, unless one is under way. False if so.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn begin(
        &self,
        app_id: &AppId,
        full: bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let import = FollowerImport::new(Uuid::new_v4().simple().to_string(), full, now);
        let update = import
            .write(self.update(&id(app_id)), &["lease_owner", "lease_until"], &[])
            // Known again by its own repeat, if the first answer was lost.
            .condition_expression(
                "attribute_not_exists(phase) OR NOT phase IN (:listing, :reconciling) OR #run = :run",
            )
            .expression_attribute_values(":listing", string(ImportPhase::Listing.as_str()))
            .expression_attribute_values(":reconciling", string(ImportPhase::Reconciling.as_str()));
        let begun = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional("beginning an import", begun)?.is_some())
    }

    /// Claims an import that is under way until `lease_until`. None if somebody else
    /// is at it, or nothing is to do. One that waits is claimed only if its time has
    /// come, or if somebody `ignore_backoff`.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn claim(
        &self,
        app_id: &AppId,
        ignore_backoff: bool,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(ImportLease, FollowerImport)>, AwsError> {
        let lease = ImportLease { id: id(app_id), owner: Uuid::new_v4().simple().to_string() };
        let mut condition =
            "phase IN (:listing, :reconciling) AND (attribute_not_exists(lease_owner) OR \
            lease_until < :now OR lease_owner = :owner)"
                .to_owned();
        if !ignore_backoff {
            condition.push_str(" AND (attribute_not_exists(retry_at) OR retry_at <= :now)");
        }
        let update = self
            .update(&lease.id)
            .update_expression("SET lease_owner = :owner, lease_until = :lease")
            .condition_expression(condition)
            .expression_attribute_values(":listing", string(ImportPhase::Listing.as_str()))
            .expression_attribute_values(":reconciling", string(ImportPhase::Reconciling.as_str()))
            .expression_attribute_values(":owner", string(&lease.owner))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":lease", number(lease_until))
            .return_values(ReturnValue::AllNew);
        let claimed = retry_on_conflict(|| update.clone().send()).await;
        let claimed = self.table.conditional("claiming an import", claimed)?;
        let import = claimed.and_then(|it| it.attributes).as_ref().and_then(FollowerImport::read);
        Ok(import.map(|import| (lease, import)))
    }

    /// Stores how far it is, and keeps the right to work on it until `lease_until`; or
    /// gives that right back, if there is none. False if it is somebody else's by now,
    /// or called off: then whoever asks has to stop.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn save(
        &self,
        lease: &ImportLease,
        import: &FollowerImport,
        lease_until: Option<Timestamp>,
    ) -> Result<bool, AwsError> {
        let update = self.update(&lease.id);
        let update = match lease_until {
            Some(until) => import
                .write(update, &[], &[("lease_until", ":lease")])
                .expression_attribute_values(":lease", number(until)),
            None => import.write(update, &["lease_owner", "lease_until"], &[]),
        };
        let update = update
            .condition_expression("lease_owner = :owner")
            .expression_attribute_values(":owner", string(&lease.owner));
        let stored = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional("storing how far an import is", stored)?.is_some())
    }

    /// Calls an import off. False if none is under way.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn cancel(&self, app_id: &AppId, now: Timestamp) -> Result<bool, AwsError> {
        let update = self
            .update(&id(app_id))
            .update_expression(
                "SET phase = :cancelled, ended_at = :now REMOVE lease_owner, lease_until, retry_at, reason, #after, scanned",
            )
            .condition_expression("phase IN (:listing, :reconciling)")
            .expression_attribute_names("#after", "after")
            .expression_attribute_values(":cancelled", string(ImportPhase::Cancelled.as_str()))
            .expression_attribute_values(":listing", string(ImportPhase::Listing.as_str()))
            .expression_attribute_values(":reconciling", string(ImportPhase::Reconciling.as_str()))
            .expression_attribute_values(":now", number(now));
        let cancelled = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional("calling an import off", cancelled)?.is_some())
    }

    fn update(&self, id: &str) -> UpdateItemFluentBuilder {
        self.table.dynamodb.update_item().table_name(&self.table.name).key("id", string(id))
    }
}

/// A caller's id has no `#` in it before anything but digits.
fn id(app_id: &AppId) -> String {
    format!("followers#{app_id}")
}

fn bytes(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(bytes.into())
}

#[cfg(test)]
mod tests;
