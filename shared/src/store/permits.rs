//! Consent to one subscription message each. Permits are items, not a counter:
//! a repeated event can't grant twice, and a failed send can give one back.
//!
//! free → reserved → used; reserved → free when a send failed for certain;
//! reserved → burned when WeChat knew nothing of the consent; free → revoked.
//! A reserved one that is given back after its consent has ended meanwhile is
//! revoked as well: `withdrawn#…` says when the user withdrew consent last,
//! `refused#…` when WeChat knew nothing of any.

use super::conflict::again;
use super::{KEPT, Users, get_string, get_time, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::{ConditionCheck, Put, Update};

/// What a permit is for: one template of one mini program, for one user.
#[derive(Clone, Copy, Debug)]
pub struct PermitKey<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// Who consented.
    pub open_id: &'a OpenId,
    /// The mini program's own id of the template.
    pub template_id: &'a str,
}

/// A permit that a notification has reserved.
#[derive(Debug)]
pub struct Permit {
    user: String,
    item: String,
    granted_at: Timestamp,
    notification: String,
}

impl PermitKey<'_> {
    fn prefix(&self) -> String {
        format!("permit#{}#", self.template_id)
    }

    /// The item that says when consent was withdrawn last.
    fn withdrawal(&self) -> String {
        format!("withdrawn#{}", self.template_id)
    }

    /// The item that says when WeChat knew of no consent last.
    fn refusal(&self) -> String {
        format!("refused#{}", self.template_id)
    }
}

impl Users {
    /// Grants one permit. `grant` names the consent, so that an event that is
    /// applied twice grants once. A consent of before a withdrawal, or of the
    /// same second, grants nothing, nor does one of a user who has gone since.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn grant_permit(
        &self,
        key: PermitKey<'_>,
        grant: &str,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let not_withdrawn = ConditionCheck::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(key.app_id, key.open_id)))
            .key("item", string(key.withdrawal()))
            .condition_expression("attribute_not_exists(withdrawn_at) OR withdrawn_at < :at")
            .expression_attribute_values(":at", number(at));
        let put = Put::builder()
            .table_name(&self.table.name)
            .item("user", string(user_key(key.app_id, key.open_id)))
            .item("item", string(format!("{}{grant}", key.prefix())))
            .item("state", string("free"))
            .item("granted_at", number(at))
            .condition_expression("attribute_not_exists(#user)")
            .expression_attribute_names("#user", "user")
            .build()
            .expect("table and item are set");
        let items = vec![
            self.still_here(key.app_id, key.open_id, at),
            transaction::check(not_withdrawn),
            transaction::put(put),
        ];
        let what = self.table.action("granting a permit");
        transaction::write(&self.table.dynamodb, &what, items).await.map(drop)
    }

    /// The user withdrew consent in WeChat's settings: every free permit of
    /// this kind is void, also one whose event is still on its way.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn withdraw(&self, key: PermitKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let mark = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(key.app_id, key.open_id)))
            .key("item", string(key.withdrawal()))
            .update_expression("SET withdrawn_at = :at, expires = :expires")
            .condition_expression("attribute_not_exists(withdrawn_at) OR withdrawn_at < :at")
            .expression_attribute_values(":at", number(at))
            // An event is kept, and may be applied again, for so long.
            .expression_attribute_values(":expires", number(at.plus(2 * KEPT)));
        let items = vec![self.still_here(key.app_id, key.open_id, at), transaction::update(mark)];
        let what = self.table.action("withdrawing consent");
        transaction::write(&self.table.dynamodb, &what, items).await?;
        self.revoke_permits(key, at).await
    }

    /// Reserves the oldest free permit for a notification; none if there is
    /// none. One that an earlier attempt at the same notification has reserved
    /// and not used is taken again, also where that attempt doesn't know of it,
    /// as the confirmation was lost.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn reserve_permit(
        &self,
        key: PermitKey<'_>,
        notification: &str,
    ) -> Result<Option<Permit>, AwsError> {
        let mut open = self.open_permits(key, notification).await?;
        open.sort_by_key(|permit| !permit.reserved);
        for OpenPermit { item, granted_at, reserved } in open {
            let permit = Permit {
                user: user_key(key.app_id, key.open_id),
                item,
                granted_at,
                notification: notification.to_owned(),
            };
            // Another send may have been faster; then the next one is tried.
            if reserved || self.move_permit(&permit, "free", "reserved", None).await? {
                return Ok(Some(permit));
            }
        }
        Ok(None)
    }

    /// The message was sent: the permit is used up.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn use_permit(&self, permit: &Permit, now: Timestamp) -> Result<(), AwsError> {
        self.move_permit(permit, "reserved", "used", Some(now)).await.map(drop)
    }

    /// The send failed for certain: the permit is free again, unless its consent
    /// has ended since. Then it is revoked, and no other send will try it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn give_back_permit(
        &self,
        permit: &Permit,
        key: PermitKey<'_>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let still = |item: String, condition: &str| {
            let check = ConditionCheck::builder()
                .table_name(&self.table.name)
                .key("user", string(&permit.user))
                .key("item", string(item))
                .condition_expression(condition)
                .expression_attribute_values(":granted", number(permit.granted_at));
            transaction::check(check)
        };
        let free = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(&permit.user))
            .key("item", string(&permit.item))
            .update_expression("SET #state = :free")
            .condition_expression("#state = :reserved AND notification = :notification")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":free", string("free"))
            .expression_attribute_values(":reserved", string("reserved"))
            .expression_attribute_values(":notification", string(&permit.notification));
        let items = vec![
            self.still_here(key.app_id, key.open_id, permit.granted_at),
            still(
                key.withdrawal(),
                "attribute_not_exists(withdrawn_at) OR withdrawn_at < :granted",
            ),
            still(key.refusal(), "attribute_not_exists(refused_at) OR refused_at < :granted"),
            transaction::update(free),
        ];
        let what = self.table.action("giving a permit back");
        if !transaction::write(&self.table.dynamodb, &what, items).await? {
            // If it was the permit itself that is another's, this does nothing.
            self.move_permit(permit, "reserved", "revoked", Some(now)).await?;
        }
        Ok(())
    }

    /// WeChat knows of no consent, whatever we have counted: this permit and
    /// all others of its kind that were granted until `asked`, when the send
    /// began, are void: the free ones at once, those that are reserved when they
    /// are given back.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn burn_permit(
        &self,
        permit: &Permit,
        key: PermitKey<'_>,
        asked: Timestamp,
    ) -> Result<(), AwsError> {
        // It isn't noted as a withdrawal: a consent whose event is on its way
        // still counts, in case that our clock is ahead of WeChat's.
        let mark = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&permit.user))
            .key("item", string(key.refusal()))
            .update_expression("SET refused_at = :at, expires = :expires")
            .condition_expression("attribute_not_exists(refused_at) OR refused_at < :at")
            .expression_attribute_values(":at", number(asked))
            .expression_attribute_values(":expires", number(asked.plus(KEPT)));
        let marked = again(|| mark.clone().send()).await;
        self.table.conditional("noting that WeChat knows of no consent", marked)?;
        self.move_permit(permit, "reserved", "burned", Some(asked)).await?;
        self.revoke_permits(key, asked).await
    }

    /// Every free permit of this kind that was granted until then is void.
    async fn revoke_permits(&self, key: PermitKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let granted = self.open_permits(key, "").await?;
        for OpenPermit { item, granted_at, .. } in
            granted.into_iter().filter(|permit| permit.granted_at <= at)
        {
            let permit = Permit {
                user: user_key(key.app_id, key.open_id),
                item,
                granted_at,
                notification: String::new(),
            };
            self.move_permit(&permit, "free", "revoked", Some(at)).await?;
        }
        Ok(())
    }

    /// The permits that are free, and those that this notification has
    /// reserved; the oldest first.
    async fn open_permits(
        &self,
        key: PermitKey<'_>,
        notification: &str,
    ) -> Result<Vec<OpenPermit>, AwsError> {
        let mut pages = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user AND begins_with(#item, :prefix)")
            .filter_expression(
                "#state = :free OR (#state = :reserved AND notification = :notification)",
            )
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":user", string(user_key(key.app_id, key.open_id)))
            .expression_attribute_values(":prefix", string(key.prefix()))
            .expression_attribute_values(":free", string("free"))
            .expression_attribute_values(":reserved", string("reserved"))
            .expression_attribute_values(":notification", string(notification))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut open = Vec::new();
        while let Some(found) = pages.next().await {
            let found = found
                .map_err(|error| AwsError::new(self.table.action("looking for permits"), &error))?;
            if let (Some(item), Some(granted_at)) =
                (get_string(&found, "item"), get_time(&found, "granted_at"))
            {
                let reserved = get_string(&found, "state") == Some("reserved");
                open.push(OpenPermit { item: item.to_owned(), granted_at, reserved });
            }
        }
        Ok(open)
    }

    /// One step of a permit's life. False if it wasn't in the state `from`, or
    /// belongs to another notification. A step that this notification has made
    /// already is made again: AWS may have lost the confirmation. One that has
    /// `ended` is kept for a while, to be looked up, and then forgotten.
    async fn move_permit(
        &self,
        permit: &Permit,
        from: &str,
        to: &str,
        ended: Option<Timestamp>,
    ) -> Result<bool, AwsError> {
        let ours = if from == "reserved" {
            "#state IN (:from, :to) AND notification = :notification"
        } else {
            "#state = :from OR (#state = :to AND notification = :notification)"
        };
        let mut set = "SET #state = :to, notification = :notification".to_owned();
        let mut update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(&permit.user))
            .key("item", string(&permit.item))
            .condition_expression(ours)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":from", string(from))
            .expression_attribute_values(":to", string(to))
            .expression_attribute_values(":notification", string(&permit.notification));
        if let Some(ended) = ended {
            set.push_str(", expires = :expires");
            update = update.expression_attribute_values(":expires", number(ended.plus(KEPT)));
        }
        let update = update.update_expression(set);
        let moved = again(|| update.clone().send()).await;
        Ok(self.table.conditional("moving a permit", moved)?.is_some())
    }
}

/// A permit that can still be used.
struct OpenPermit {
    item: String,
    granted_at: Timestamp,
    /// By the notification that asks.
    reserved: bool,
}
