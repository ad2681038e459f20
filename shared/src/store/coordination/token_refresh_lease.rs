//! The lease under which one invocation replaces an app's access token that WeChat
//! rejects, and when a refresh was forced.
//!
//! The Parameter Store, where the token itself is, has no conditional write. So a row for
//! each app in the notifications table holds the lease, and counts what WeChat counts:
//! `token_refresh#{app_id}`.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{
    Item, boolean, get_bool, get_number, get_string, number, string,
};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use crate::store::keys::id_key;
use crate::store::tables::{NotificationsTable, aggregate};
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

/// How long the row is kept after its last use, in seconds: longer than WeChat counts.
const RETENTION: u64 = 3 * 24 * 3600;

aggregate! {
    /// The leases of all apps.
    pub struct TokenRefreshLeases { table: NotificationsTable }
}

/// The right to replace an app's rejected token, until the lease ends.
#[derive(Debug)]
pub struct TokenRefreshLease {
    id: String,
    owner: String,
    /// When a refresh was forced, oldest first, as far as it was not dropped.
    pub forced_at: Vec<Timestamp>,
    /// The generation of the token that the last refresh stored, if it did.
    pub generation: Option<u64>,
}

/// The result of acquiring a lease.
#[derive(Debug)]
pub enum LeaseResult {
    /// The caller has to replace the token.
    Acquired(TokenRefreshLease),
    /// Another invocation is replacing it.
    HeldBy(LeaseHolder),
}

/// An invocation that is replacing a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder(String);

/// How a refresh ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshResult {
    /// A token of this generation is stored.
    Stored(u64),
    /// There is no valid token.
    Failed {
        /// What went wrong, without any secret.
        problem: String,
        /// Whether it stays so until an operator acts.
        permanent: bool,
    },
}

/// How far another invocation's refresh is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshProgress {
    /// It is running, or has crashed.
    Running,
    /// It has ended.
    Ended(RefreshResult),
    /// A later lease has replaced its result.
    Unknown,
}

impl TokenRefreshLeases {
    /// Acquires the right to replace an app's token until `lease_until`. Of two
    /// invocations that try at once one acquires it.
    pub async fn acquire(
        &self,
        app_id: &AppId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<LeaseResult, AwsError> {
        const ACTION: &str = "acquiring a token refresh lease";
        let (id, owner) = (id(app_id), Uuid::new_v4().simple().to_string());
        let is_free = attr("lease_owner")
            .not_exists()
            .or(attr("lease_until").less_than(number(now)))
            // The SDK repeats a write whose response was lost.
            .or(attr("lease_owner").equals(string(&owner)));
        let update = Write::update(&self.table, id_key(&id))
            .set("lease_owner", string(&owner))
            .set("lease_until", number(lease_until))
            .set("expires", number(now.plus(RETENTION)))
            .when(is_free);
        match self.table.update_and_read(ACTION, update).await? {
            WriteOutcome::Written(item) => {
                let (forced_at, generation) = (times(&item), get_number(&item, "generation"));
                let lease = TokenRefreshLease { id, owner, forced_at, generation };
                Ok(LeaseResult::Acquired(lease))
            }
            WriteOutcome::Refused(item) => {
                let holder = get_string(&item, "lease_owner").ok_or_else(|| {
                    AwsError::unexpected(self.table.action(ACTION), "it is held without an owner")
                })?;
                Ok(LeaseResult::HeldBy(LeaseHolder(holder.to_owned())))
            }
        }
    }

    /// Counts a forced refresh before it is made: one whose response is lost counts, too.
    /// `forced_at` is what is stored from now on, with this one. False if the lease is
    /// lost. Then, and after an error, the refresh must not be made.
    pub async fn record_forced_refresh(
        &self,
        lease: &TokenRefreshLease,
        forced_at: &[Timestamp],
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let times = AttributeValue::L(forced_at.iter().map(|at| number(*at)).collect());
        let update = self
            .owned(lease)
            .set("forced_at", times)
            .when(attr("lease_until").at_least(number(now)));
        self.table.write("counting a forced token refresh", update).await
    }

    /// Releases the lease, and stores how the refresh ended for those who wait. Nothing
    /// changes if the lease is lost. After an error the lease ends by itself.
    pub async fn release(
        &self,
        lease: &TokenRefreshLease,
        result: &RefreshResult,
    ) -> Result<(), AwsError> {
        let update = self
            .owned(lease)
            .set("released_by", string(&lease.owner))
            .remove(["lease_owner", "lease_until"]);
        let update = match result {
            RefreshResult::Stored(generation) => {
                update.set("generation", number(*generation)).remove(["problem", "permanent"])
            }
            RefreshResult::Failed { problem, permanent } => {
                update.set("problem", string(problem)).set("permanent", boolean(*permanent))
            }
        };
        self.table.write("releasing a token refresh lease", update).await.map(drop)
    }

    /// How far the refresh of the invocation is that held the lease.
    pub async fn progress(
        &self,
        app_id: &AppId,
        holder: &LeaseHolder,
    ) -> Result<RefreshProgress, AwsError> {
        let found = self.table.read("reading a token refresh lease", id_key(id(app_id))).await?;
        Ok(progress(&found.unwrap_or_default(), holder))
    }

    /// An update of the row, if the lease still holds.
    fn owned(&self, lease: &TokenRefreshLease) -> Write {
        Write::update(&self.table, id_key(&lease.id))
            .when(attr("lease_owner").equals(string(&lease.owner)))
    }
}

fn id(app_id: &AppId) -> String {
    format!("token_refresh#{app_id}")
}

fn progress(item: &Item, holder: &LeaseHolder) -> RefreshProgress {
    if get_string(item, "lease_owner") == Some(&holder.0) {
        return RefreshProgress::Running;
    }
    if get_string(item, "released_by") != Some(&holder.0) {
        return RefreshProgress::Unknown;
    }
    match (get_string(item, "problem"), get_number(item, "generation")) {
        (Some(problem), _) => {
            let permanent = get_bool(item, "permanent").unwrap_or_default();
            RefreshProgress::Ended(RefreshResult::Failed { problem: problem.to_owned(), permanent })
        }
        (None, Some(generation)) => RefreshProgress::Ended(RefreshResult::Stored(generation)),
        (None, None) => RefreshProgress::Unknown,
    }
}

/// When refreshes were forced.
fn times(item: &Item) -> Vec<Timestamp> {
    let times = item.get("forced_at").and_then(|value| value.as_l().ok());
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|text| text.parse().ok());
    times.into_iter().flatten().filter_map(number).map(Timestamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(fields: &[(&str, AttributeValue)]) -> Item {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn waiting_invocation_gets_the_result_of_the_holder() {
        let holder = LeaseHolder("one".to_owned());
        let working = item(&[("lease_owner", string("one")), ("released_by", string("zero"))]);
        assert_eq!(progress(&working, &holder), RefreshProgress::Running);
        let stored = item(&[("released_by", string("one")), ("generation", number(7_u64))]);
        assert_eq!(progress(&stored, &holder), RefreshProgress::Ended(RefreshResult::Stored(7)));
        // The generation is that of the last one who stored something.
        let failed = item(&[
            ("released_by", string("one")),
            ("generation", number(7_u64)),
            ("problem", string("no")),
            ("permanent", AttributeValue::Bool(true)),
        ]);
        let end = RefreshResult::Failed { problem: "no".to_owned(), permanent: true };
        assert_eq!(progress(&failed, &holder), RefreshProgress::Ended(end));
        for other in
            [item(&[]), item(&[("lease_owner", string("two")), ("released_by", string("two"))])]
        {
            assert_eq!(progress(&other, &holder), RefreshProgress::Unknown);
        }
    }

    #[test]
    fn forced_refreshes_are_read_in_order() {
        let list = AttributeValue::L(vec![number(5_u64), string("x"), number(9_u64)]);
        assert_eq!(times(&item(&[("forced_at", list)])), [Timestamp(5), Timestamp(9)]);
        assert!(times(&item(&[])).is_empty());
    }
}
