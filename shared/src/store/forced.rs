//! Who replaces an app's dead access token, and how often one was forced.
//!
//! The Parameter Store, where the token itself stands, has no conditional write.
//! So one row of the notifications table for each app says who is at it, and
//! counts what WeChat counts: `token_refresh#{app_id}`, an id that no caller can give.

use super::conflict::retry_on_conflict;
use super::{Item, Table, get_number, get_string, item_of, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::VariableError;
use crate::wechat::id::AppId;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use uuid::Uuid;

/// The row is kept this many seconds after its last use: longer than WeChat counts.
const RETENTION: u64 = 3 * 24 * 3600;

/// The rows about dead access tokens.
#[derive(Clone, Debug)]
pub struct TokenRefreshLeases {
    table: Table,
}

/// The right to replace an app's dead token, until a lease ends.
#[derive(Debug)]
pub struct TokenRefreshLease {
    id: String,
    owner: String,
    /// When a token was forced, oldest first, as far as it was not dropped.
    pub forced_at: Vec<Timestamp>,
    /// The generation that the last repair stored, if it did.
    pub generation: Option<u64>,
}

/// What a claim found.
#[derive(Debug)]
pub enum LeaseResult {
    /// It is ours to replace the token.
    Acquired(TokenRefreshLease),
    /// Somebody is at it.
    HeldBy(LeaseHolder),
}

/// Somebody who is replacing a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder(String);

/// How a repair ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshResult {
    /// A token of this generation is there.
    Stored(u64),
    /// There is no token to be had.
    Failed {
        /// What went wrong, without any secret.
        problem: String,
        /// Whether it stays so until a human acts.
        permanent: bool,
    },
}

/// How far somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshProgress {
    /// Still at it, or dead.
    Running,
    /// At the end.
    Ended(RefreshResult),
    /// Somebody else came after them.
    Unknown,
}

impl TokenRefreshLeases {
    /// Reads `NOTIFICATIONS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "NOTIFICATIONS_TABLE")? })
    }

    /// Claims the right to replace an app's token until `lease_until`. Two who
    /// claim at once don't both get it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn claim(
        &self,
        app_id: &AppId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<LeaseResult, AwsError> {
        let id = id(app_id);
        let owner = Uuid::new_v4().simple().to_string();
        let update = self
            .update(&id, &owner)
            .update_expression("SET lease_owner = :owner, lease_until = :lease, expires = :expires")
            // Known again by its own repeat, if the first answer was lost.
            .condition_expression(
                "attribute_not_exists(lease_owner) OR lease_until < :now OR lease_owner = :owner",
            )
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":lease", number(lease_until))
            .expression_attribute_values(":expires", number(now.plus(RETENTION)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match retry_on_conflict(|| update.clone().send()).await {
            Ok(claimed) => {
                let item = claimed.attributes.unwrap_or_default();
                let forced_at = times(&item);
                let generation = get_number(&item, "generation");
                return Ok(LeaseResult::Acquired(TokenRefreshLease {
                    id,
                    owner,
                    forced_at,
                    generation,
                }));
            }
            Err(error) => error,
        };
        let action = "claiming the replacement of a token";
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(AwsError::new(self.table.action(action), &error));
        };
        let holder = failed.item().and_then(|item| get_string(item, "lease_owner"));
        let holder = holder.ok_or_else(|| {
            AwsError::unexpected(self.table.action(action), "nobody holds it, and still it is held")
        })?;
        Ok(LeaseResult::HeldBy(LeaseHolder(holder.to_owned())))
    }

    /// Counts a forced refresh, before it is done: one whose answer is lost
    /// counts, too. `forced_at` is what is remembered from now on, this one
    /// included. False if the repair is no longer ours; then it must not be
    /// done.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then it must not be done either.
    pub async fn record_forced_refresh(
        &self,
        lease: &TokenRefreshLease,
        forced_at: &[Timestamp],
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let times = AttributeValue::L(forced_at.iter().map(|at| number(*at)).collect());
        let update = self
            .update(&lease.id, &lease.owner)
            .update_expression("SET forced_at = :times")
            .condition_expression("lease_owner = :owner AND lease_until >= :now")
            .expression_attribute_values(":times", times)
            .expression_attribute_values(":now", number(now));
        let counted = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional("counting a forced token", counted)?.is_some())
    }

    /// Gives the right back, and tells those who wait how it ended. Nothing
    /// happens if it is no longer ours.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; the lease ends by itself.
    pub async fn release(
        &self,
        lease: &TokenRefreshLease,
        end: &RefreshResult,
    ) -> Result<(), AwsError> {
        let update =
            self.update(&lease.id, &lease.owner).condition_expression("lease_owner = :owner");
        let update = match end {
            RefreshResult::Stored(generation) => update
                .update_expression(
                    "SET ended = :owner, generation = :generation REMOVE lease_owner, lease_until, problem, permanent",
                )
                .expression_attribute_values(":generation", number(*generation)),
            RefreshResult::Failed { problem, permanent } => update
                .update_expression(
                    "SET ended = :owner, problem = :problem, permanent = :permanent REMOVE lease_owner, lease_until",
                )
                .expression_attribute_values(":problem", string(problem))
                .expression_attribute_values(":permanent", AttributeValue::Bool(*permanent)),
        };
        let ended = retry_on_conflict(|| update.clone().send()).await;
        self.table.conditional("ending the replacement of a token", ended)?;
        Ok(())
    }

    /// How far somebody is who was at it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn progress(
        &self,
        app_id: &AppId,
        holder: &LeaseHolder,
    ) -> Result<RefreshProgress, AwsError> {
        let found = self
            .table
            .read("looking who replaces a token", item_of([("id", string(id(app_id)))]))
            .await?;
        Ok(progress(&found.unwrap_or_default(), holder))
    }

    fn update(&self, id: &str, owner: &str) -> UpdateItemFluentBuilder {
        self.table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(id))
            .expression_attribute_values(":owner", string(owner))
    }
}

fn id(app_id: &AppId) -> String {
    format!("token_refresh#{app_id}")
}

fn progress(item: &Item, holder: &LeaseHolder) -> RefreshProgress {
    if get_string(item, "lease_owner") == Some(&holder.0) {
        return RefreshProgress::Running;
    }
    if get_string(item, "ended") != Some(&holder.0) {
        return RefreshProgress::Unknown;
    }
    match (get_string(item, "problem"), get_number(item, "generation")) {
        (Some(problem), _) => {
            let permanent = item.get("permanent").and_then(|value| value.as_bool().ok());
            let permanent = permanent.copied().unwrap_or_default();
            RefreshProgress::Ended(RefreshResult::Failed { problem: problem.to_owned(), permanent })
        }
        (None, Some(generation)) => RefreshProgress::Ended(RefreshResult::Stored(generation)),
        (None, None) => RefreshProgress::Unknown,
    }
}

/// When tokens were forced.
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
    fn who_waits_learns_how_it_ended_from_the_one_they_wait_for() {
        let holder = LeaseHolder("one".to_owned());
        let working = item(&[("lease_owner", string("one")), ("ended", string("zero"))]);
        assert_eq!(progress(&working, &holder), RefreshProgress::Running);
        let stored = item(&[("ended", string("one")), ("generation", number(7_u64))]);
        assert_eq!(progress(&stored, &holder), RefreshProgress::Ended(RefreshResult::Stored(7)));
        // The generation is that of the last one who stored something.
        let failed = item(&[
            ("ended", string("one")),
            ("generation", number(7_u64)),
            ("problem", string("no")),
            ("permanent", AttributeValue::Bool(true)),
        ]);
        let end = RefreshResult::Failed { problem: "no".to_owned(), permanent: true };
        assert_eq!(progress(&failed, &holder), RefreshProgress::Ended(end));
        for other in [item(&[]), item(&[("lease_owner", string("two")), ("ended", string("two"))])]
        {
            assert_eq!(progress(&other, &holder), RefreshProgress::Unknown);
        }
    }

    #[test]
    fn what_was_forced_is_read_in_its_order() {
        let list = AttributeValue::L(vec![number(5_u64), string("x"), number(9_u64)]);
        assert_eq!(times(&item(&[("forced_at", list)])), [Timestamp(5), Timestamp(9)]);
        assert!(times(&item(&[])).is_empty());
    }
}
