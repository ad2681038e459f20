//! Form ids: each is good for one message of a mini program's old kind, to the
//! user who submitted the form. They are handed over by the mini program.
//!
//! free → reserved → used; reserved → free when a send failed for certain;
//! reserved → burned when WeChat wouldn't take it. Whatever becomes of it, its
//! item stays until WeChat would have forgotten it as well, so that one that is
//! handed over again is known.
//!
//! The item's name is the form id alone, without its age: only so does one that
//! is handed over twice, because an answer was lost or at the same moment, meet
//! itself. The oldest first is a matter of sorting the few that a user has.

use super::conflict::retry_on_conflict;
use super::transaction::Outcome;
use super::{Users, get_string, get_time, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::form_id::FormId;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};

/// What the names of the items begin with.
const PREFIX: &str = "form#";
/// In its last seconds a form id isn't used: WeChat counts from the moment the
/// form was submitted, which is before we were told, and a send takes time.
const EXPIRY_MARGIN: u64 = 60;

/// A form id that a notification may send with.
#[derive(Clone, Debug)]
pub struct FormIdItem {
    user: String,
    form_id: FormId,
    expires: Timestamp,
    /// By the notification that asked.
    reserved: bool,
}

impl FormIdItem {
    /// The form id, as WeChat wants it.
    pub fn form_id(&self) -> &FormId {
        &self.form_id
    }
}

impl Users {
    /// Keeps the form ids that a user hands over, for 7 days, and counts those
    /// that weren't known yet. None if the user isn't, or isn't any more, the
    /// person with the internal id `person`.
    ///
    /// One transaction writes them, so that nothing is kept of somebody who goes
    /// at that moment; it takes 99 form ids at most.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn store_form_ids(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: &str,
        form_ids: &[FormId],
        now: Timestamp,
    ) -> Result<Option<u32>, AwsError> {
        let mut new: Vec<&FormId> = form_ids.iter().collect();
        // DynamoDB takes no transaction that writes an item twice.
        new.sort();
        new.dedup();
        loop {
            let known = ConditionCheck::builder()
                .table_name(&self.table.name)
                .set_key(Some(Self::profile_key(app_id, open_id)))
                .condition_expression("id = :person")
                .expression_attribute_values(":person", string(person));
            let mut items = vec![transaction::check(known)];
            items.extend(new.iter().map(|form_id| self.kept(app_id, open_id, form_id, now)));
            let what = self.table.action("keeping form ids");
            let reasons = match transaction::attempt(&self.table.dynamodb, &what, items).await? {
                Outcome::Written => return Ok(Some(u32::try_from(new.len()).unwrap_or(u32::MAX))),
                Outcome::Refused(reasons) => reasons,
            };
            let mut refused =
                reasons.iter().map(|reason| reason.code() == Some("ConditionalCheckFailed"));
            if refused.next() == Some(true) {
                return Ok(None);
            }
            // Those are known. Each time there are fewer, so that this ends.
            let before = new.len();
            new.retain(|_| refused.next() != Some(true));
            if new.len() == before {
                return Err(AwsError::unexpected(what, "DynamoDB doesn't say what it refused"));
            }
        }
    }

    fn kept(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        form_id: &FormId,
        now: Timestamp,
    ) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table.name)
            .item("user", string(user_key(app_id, open_id)))
            .item("item", string(item_name(form_id)))
            .item("state", string("free"))
            .item("submitted_at", number(now))
            .item("expires", number(now.plus(FormId::TTL)))
            .condition_expression("attribute_not_exists(#user)")
            .expression_attribute_names("#user", "user")
            .build()
            .expect("table and item are set");
        transaction::put(put)
    }

    /// The form ids with which this notification may be sent to a user now: the
    /// one that it has reserved already, then the free ones, the oldest first.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn open_form_ids(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        notification: &str,
        now: Timestamp,
    ) -> Result<Vec<FormIdItem>, AwsError> {
        let user = user_key(app_id, open_id);
        let mut pages = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user AND begins_with(#item, :prefix)")
            // DynamoDB forgets what has expired within days, not at once.
            .filter_expression(
                "expires > :soon AND (#state = :free OR (#state = :reserved AND notification = :notification))",
            )
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":user", string(&user))
            .expression_attribute_values(":prefix", string(PREFIX))
            .expression_attribute_values(":soon", number(now.plus(EXPIRY_MARGIN)))
            .expression_attribute_values(":free", string("free"))
            .expression_attribute_values(":reserved", string("reserved"))
            .expression_attribute_values(":notification", string(notification))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut open = Vec::new();
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| {
                AwsError::new(self.table.action("looking for form ids"), &error)
            })?;
            let form_id = get_string(&found, "item").and_then(|item| item.strip_prefix(PREFIX));
            let form_id = form_id.and_then(|form_id| FormId::parse(form_id).ok());
            if let (Some(form_id), Some(expires)) = (form_id, get_time(&found, "expires")) {
                let reserved = get_string(&found, "state") == Some("reserved");
                open.push(FormIdItem { user: user.clone(), form_id, expires, reserved });
            }
        }
        open.sort_by_key(|form| (!form.reserved, form.expires));
        Ok(open)
    }

    /// The write that reserves a form id for a notification. It is refused if
    /// another has been faster, or the form id has expired meanwhile; it may be
    /// made again.
    pub(super) fn reserve_form_id(
        &self,
        form: &FormIdItem,
        notification: &str,
        now: Timestamp,
    ) -> TransactWriteItem {
        let update = self
            .form_update(form, notification)
            .update_expression("SET #state = :to, notification = :notification")
            .condition_expression(
                "expires > :soon AND (#state = :from OR (#state = :to AND notification = :notification))",
            )
            .expression_attribute_values(":soon", number(now.plus(EXPIRY_MARGIN)))
            .expression_attribute_values(":from", string("free"))
            .expression_attribute_values(":to", string("reserved"));
        transaction::update(update)
    }

    /// The write that says that a message was sent with a form id. It is refused
    /// unless the notification has reserved it; it may be made again.
    pub(super) fn consume_form_id(
        &self,
        form: &FormIdItem,
        notification: &str,
    ) -> TransactWriteItem {
        transaction::update(self.form_step(form, notification, "used"))
    }

    /// The send failed for certain: the form id is free again. Nothing happens to
    /// one that another notification has reserved, or that has gone with its user.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn release_form_id(
        &self,
        form: &FormIdItem,
        notification: &str,
    ) -> Result<(), AwsError> {
        self.move_form_id(form, notification, "free").await
    }

    /// WeChat says that the form id is used (41029) or none of this user's
    /// (41028), whatever we know of it: it isn't tried again.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn invalidate_form_id(
        &self,
        form: &FormIdItem,
        notification: &str,
    ) -> Result<(), AwsError> {
        self.move_form_id(form, notification, "invalid").await
    }

    /// A step of a form id that a notification has reserved. It does nothing if
    /// that one hasn't, and may be made again: AWS may have lost the confirmation.
    async fn move_form_id(
        &self,
        form: &FormIdItem,
        notification: &str,
        to: &str,
    ) -> Result<(), AwsError> {
        let step = self.form_step(form, notification, to);
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .set_key(step.get_key().clone())
            .set_update_expression(step.get_update_expression().clone())
            .set_condition_expression(step.get_condition_expression().clone())
            .set_expression_attribute_names(step.get_expression_attribute_names().clone())
            .set_expression_attribute_values(step.get_expression_attribute_values().clone());
        let moved = retry_on_conflict(|| update.clone().send()).await;
        self.table.conditional("moving a form id", moved).map(drop)
    }

    fn form_step(&self, form: &FormIdItem, notification: &str, to: &str) -> UpdateBuilder {
        self.form_update(form, notification)
            .update_expression("SET #state = :to")
            .condition_expression("#state IN (:from, :to) AND notification = :notification")
            .expression_attribute_values(":from", string("reserved"))
            .expression_attribute_values(":to", string(to))
    }

    fn form_update(&self, form: &FormIdItem, notification: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .key("user", string(&form.user))
            .key("item", string(item_name(&form.form_id)))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":notification", string(notification))
    }
}

fn item_name(form_id: &FormId) -> String {
    format!("{PREFIX}{}", form_id.as_str())
}

#[cfg(test)]
mod tests;
