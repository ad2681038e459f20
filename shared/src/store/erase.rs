//! What goes when a user goes: WeChat's rules ask for it, and what they had
//! agreed to or begun is over.
//!
//! The profile says since when (`left_at`). Whatever was begun until then is
//! deleted here, and isn't stored any more when its event is late: that is the
//! condition [`Users::not_erased_condition`].

use super::conflict::retry_on_conflict;
use super::delete::MAX_CONCURRENCY;
use super::{Users, get_string, get_time, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::builders::ConditionCheckBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};
use std::collections::BTreeMap;

/// The items that follow from one event of the user's, from WeChat's answer to a
/// send to them, or from what they handed over: what the item's name begins with,
/// the attribute that holds its second, and what they are called together.
const ERASED_ITEMS: [(&str, &str, &str); 6] = [
    ("window#", "opened_at", "windows"),
    ("consent#", "granted_at", "consents"),
    ("withdrawn#", "withdrawn_at", "withdrawals"),
    ("refused#", "refused_at", "refusals"),
    ("form#", "submitted_at", "form_ids"),
    (super::phones::ITEM, "confirmed_at", "phone_numbers"),
];
/// The window that following opens.
pub(super) const FOLLOW_WINDOW: &str = "window#follow";

impl Users {
    /// Deletes the customer-service windows, the consents, the form ids and the
    /// telephone number that a user has had until `until`, and says how many of
    /// each it were. If they `follow` all the same, since that very second, the
    /// window that it opened stays.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn erase(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        follows: bool,
    ) -> Result<BTreeMap<&'static str, u64>, AwsError> {
        Ok(self.erase_by(app_id, open_id, until, follows, Timestamp(u64::MAX)).await?.0)
    }

    /// As [`Users::erase`], and says whether it was all: `deadline` may come
    /// before.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn erase_by(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        follows: bool,
        deadline: Timestamp,
    ) -> Result<(BTreeMap<&'static str, u64>, bool), AwsError> {
        const ACTION: &str = "erasing what a user had";
        let user = user_key(app_id, open_id);
        let mut pages = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", string(&user))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut erased = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(self.table.action(ACTION), &error))?;
            let begun: Vec<_> = page
                .items()
                .iter()
                .filter_map(|row| {
                    let item = get_string(row, "item")?;
                    let (_, attribute, kind) =
                        ERASED_ITEMS.into_iter().find(|(prefix, ..)| item.starts_with(prefix))?;
                    let begun = get_time(row, attribute)?;
                    let stays = follows && begun == until && item == FOLLOW_WINDOW;
                    (begun <= until && !stays).then_some((item, attribute, kind))
                })
                .collect();
            for some in begun.chunks(MAX_CONCURRENCY) {
                if Timestamp::now() >= deadline {
                    return Ok((erased, false));
                }
                let deletions = some.iter().map(async |(item, attribute, kind)| {
                    let delete = self
                        .table
                        .dynamodb
                        .delete_item()
                        .table_name(&self.table.name)
                        .key("user", string(&user))
                        .key("item", string(*item))
                        .condition_expression("#begun <= :until")
                        .expression_attribute_names("#begun", *attribute)
                        .expression_attribute_values(":until", number(until));
                    let deleted = retry_on_conflict(|| delete.clone().send()).await;
                    Ok::<_, AwsError>(self.table.conditional(ACTION, deleted)?.map(|_| *kind))
                });
                for kind in
                    futures_util::future::try_join_all(deletions).await?.into_iter().flatten()
                {
                    *erased.entry(kind).or_default() += 1;
                }
            }
        }
        Ok((erased, true))
    }

    /// The last second of which the user has anything that [`Users::erase`] erases.
    pub(super) async fn latest(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<Timestamp>, AwsError> {
        let mut pages = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", string(user_key(app_id, open_id)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut latest = None;
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| {
                AwsError::new(self.table.action("looking at what a user has"), &error)
            })?;
            for (_, attribute, _) in ERASED_ITEMS {
                latest = latest.max(get_time(&found, attribute));
            }
        }
        Ok(latest)
    }

    /// The condition that the user hasn't gone since `at`; in the same second,
    /// they have.
    pub(super) fn not_erased_condition(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
    ) -> TransactWriteItem {
        let gone = self
            .profile_check(app_id, open_id)
            .condition_expression("attribute_not_exists(left_at) OR left_at < :begun")
            .expression_attribute_values(":begun", number(at));
        transaction::check(gone)
    }

    /// As [`Users::not_erased_condition`], for a follow: if in the same second they left
    /// and followed, it counts what WeChat said when it was asked.
    pub(super) fn still_following_condition(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
    ) -> TransactWriteItem {
        let gone = self
            .profile_check(app_id, open_id)
            .condition_expression(
                "attribute_not_exists(left_at) OR left_at < :begun OR (left_at = :begun AND state_time = :begun AND follows = :yes)",
            )
            .expression_attribute_values(":begun", number(at))
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        transaction::check(gone)
    }

    fn profile_check(&self, app_id: &AppId, open_id: &OpenId) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.table.name)
            .set_key(Some(Self::profile_key(app_id, open_id)))
    }
}
