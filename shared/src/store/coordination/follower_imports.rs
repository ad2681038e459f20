//! The import of an account's followers: its progress, and the lease of the invocation
//! that works on it.
//!
//! It is one row in the notifications table, so that it isn't among the people of the
//! users and mappings tables. An invocation that works on it holds a lease under a random
//! name, and no other invocation's write gets past that name: of two that come at once one
//! works, and after a crash another resumes from the last page that is stored whole.
//!
//! | Attribute | |
//! |---|---|
//! | `run`, `begun_at` | which import it is |
//! | `phase` | `listing`, `reconciling`, `done`, `cancelled` or `failed` |
//! | `lease_owner`, `lease_until` | the lease |
//! | `retry_at`, `reason` | it waits until then, and why |
//! | `after`, `pages`, `listed`, `total` | how far the list is read |
//! | `scanned`, `part` | how far the stored followers are compared with it |
//! | `lists`, `batches`, … | what it has used and done |
//!
//! For every page of the list there is another row, with a hash of each openid: eight
//! bytes instead of a person.

pub(in crate::store) mod pages;
pub(in crate::store) mod row;

use self::row::{FollowerImport, ImportPhase};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{number, string};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::id_key;
use crate::store::tables::{NotificationsTable, aggregate};
use crate::wechat::id::AppId;
use std::collections::HashMap;
use uuid::Uuid;

aggregate! {
    /// The imports of followers.
    pub struct FollowerImports { pub(super) table: NotificationsTable }
}

/// The right to work on an import.
#[derive(Debug)]
pub struct ImportLease {
    id: String,
    owner: String,
}

impl FollowerImports {
    /// The last import of each of these accounts that has one.
    pub async fn by_app(
        &self,
        app_ids: &[&AppId],
    ) -> Result<HashMap<AppId, FollowerImport>, AwsError> {
        // A business has a handful of accounts.
        let reads = app_ids.iter().map(async |app_id| {
            let found = self.table.read("reading an import", id_key(import_id(app_id))).await?;
            let import = found.as_ref().and_then(FollowerImport::read);
            Ok::<_, AwsError>(import.map(|import| ((*app_id).clone(), import)))
        });
        let read = futures_util::future::try_join_all(reads).await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Begins an import. False if one is under way.
    pub async fn begin(
        &self,
        app_id: &AppId,
        full: bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let import = FollowerImport::new(Uuid::new_v4().simple().to_string(), full, now);
        let may_begin = attr("phase")
            .not_exists()
            .or(is_under_way().negated())
            // The SDK repeats a write whose response was lost.
            .or(attr("run").equals(string(&import.run)));
        let update = import
            .write(Write::update(&self.table, id_key(import_id(app_id))))
            .remove(["lease_owner", "lease_until"])
            .when(may_begin);
        self.table.write("beginning an import", update).await
    }

    /// Acquires the lease on an import that is under way until `lease_until`. None if
    /// another invocation holds it, or nothing is to do. One that waits is acquired only
    /// if its time has come, or with `ignore_backoff`.
    pub async fn acquire(
        &self,
        app_id: &AppId,
        ignore_backoff: bool,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(ImportLease, FollowerImport)>, AwsError> {
        let owner = Uuid::new_v4().simple().to_string();
        let lease = ImportLease { id: import_id(app_id), owner };
        let is_free = attr("lease_owner")
            .not_exists()
            .or(attr("lease_until").less_than(number(now)))
            .or(attr("lease_owner").equals(string(&lease.owner)));
        let mut update = Write::update(&self.table, id_key(&lease.id))
            .set("lease_owner", string(&lease.owner))
            .set("lease_until", number(lease_until))
            .when(is_under_way())
            .when(is_free);
        if !ignore_backoff {
            let is_time = attr("retry_at").not_exists().or(attr("retry_at").at_most(number(now)));
            update = update.when(is_time);
        }
        let acquired = self.table.update_and_read("acquiring an import", update).await?;
        let WriteOutcome::Written(row) = acquired else { return Ok(None) };
        Ok(FollowerImport::read(&row).map(|import| (lease, import)))
    }

    /// Saves the progress, and keeps the lease until `lease_until`; or releases it, if
    /// there is none. False if the lease is lost, or the import cancelled: then the caller
    /// has to stop.
    pub async fn save(
        &self,
        lease: &ImportLease,
        import: &FollowerImport,
        lease_until: Option<Timestamp>,
    ) -> Result<bool, AwsError> {
        let update = import.write(Write::update(&self.table, id_key(&lease.id)));
        let update = match lease_until {
            Some(until) => update.set("lease_until", number(until)),
            None => update.remove(["lease_owner", "lease_until"]),
        };
        let update = update.when(attr("lease_owner").equals(string(&lease.owner)));
        self.table.write("saving the progress of an import", update).await
    }

    /// Cancels an import. False if none is under way.
    pub async fn cancel(&self, app_id: &AppId, now: Timestamp) -> Result<bool, AwsError> {
        let update = Write::update(&self.table, id_key(import_id(app_id)))
            .set("phase", string(ImportPhase::Cancelled.as_str()))
            .set("ended_at", number(now))
            .remove(["lease_owner", "lease_until", "retry_at", "reason", "after", "scanned"])
            .when(is_under_way());
        self.table.write("cancelling an import", update).await
    }
}

fn is_under_way() -> Condition {
    let is = |phase: ImportPhase| attr("phase").equals(string(phase.as_str()));
    is(ImportPhase::Listing).or(is(ImportPhase::Reconciling))
}

/// The id of an account's import.
pub(super) fn import_id(app_id: &AppId) -> String {
    format!("followers#{app_id}")
}

#[cfg(test)]
mod tests;
