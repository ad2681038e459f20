//! Consent to one subscription message each. Consents are items, not a counter:
//! a repeated event can't grant twice, and a failed send can give one back.
//!
//! free → reserved → used; reserved → free when a send failed for certain;
//! reserved → burned when WeChat knew nothing of the consent; free → revoked.
//! A reserved one that is given back after its consent has ended meanwhile is
//! revoked as well: `withdrawn#…` says when the user withdrew consent last,
//! `refused#…` when WeChat knew nothing of any.

use super::conflict::retry_on_conflict;
use super::{Users, get_string, get_time, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};
use std::collections::BTreeMap;

/// What the items of consents begin with; the template and the grant follow, each
/// with a `#` before it.
const PREFIX: &str = "consent#";

/// What a consent is for: one template of one mini program, for one user.
#[derive(Clone, Copy, Debug)]
pub struct ConsentKey<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// Who consented.
    pub open_id: &'a OpenId,
    /// The mini program's own id of the template.
    pub template_id: &'a str,
}

/// A consent that is free, or reserved by the notification that asks.
#[derive(Clone, Debug)]
pub struct Consent {
    app_id: AppId,
    open_id: OpenId,
    template_id: String,
    item: String,
    granted_at: Timestamp,
    reserved: bool,
}

impl Consent {
    fn key(&self) -> ConsentKey<'_> {
        let Self { app_id, open_id, template_id, .. } = self;
        ConsentKey { app_id, open_id, template_id }
    }
}

impl ConsentKey<'_> {
    fn prefix(&self) -> String {
        format!("{PREFIX}{}#", self.template_id)
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
    /// Grants one consent. `grant` names the consent, so that an event that is
    /// applied twice grants once. A consent of before a withdrawal, or of the
    /// same second, grants nothing, nor does one of a user who has gone since.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn grant_consent(
        &self,
        key: ConsentKey<'_>,
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
            self.not_erased_condition(key.app_id, key.open_id, at),
            transaction::check(not_withdrawn),
            transaction::put(put),
        ];
        let what = self.table.action("granting a consent");
        transaction::write(&self.table.dynamodb, &what, items).await.map(drop)
    }

    /// The user withdrew consent in WeChat's settings: every free consent of
    /// this kind is void, also one whose event is still on its way.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn withdraw(&self, key: ConsentKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let mark = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(key.app_id, key.open_id)))
            .key("item", string(key.withdrawal()))
            .update_expression("SET withdrawn_at = :at, expires = :expires")
            .condition_expression("attribute_not_exists(withdrawn_at) OR withdrawn_at < :at")
            .expression_attribute_values(":at", number(at))
            // An event is kept, and may be applied again, for so long.
            .expression_attribute_values(":expires", number(at.plus(2 * self.table.retention)));
        let items =
            vec![self.not_erased_condition(key.app_id, key.open_id, at), transaction::update(mark)];
        let what = self.table.action("withdrawing consent");
        transaction::write(&self.table.dynamodb, &what, items).await?;
        self.revoke_consents(key, at).await
    }

    /// The consents that are free, and those that this notification has reserved,
    /// also where it doesn't know of it, as the confirmation was lost: these
    /// first, then the oldest.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn open_consents(
        &self,
        key: ConsentKey<'_>,
        notification: &str,
    ) -> Result<Vec<Consent>, AwsError> {
        self.open(key.app_id, key.open_id, &key.prefix(), notification).await
    }

    /// So many consents of a user are free, by template.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn free_consents(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<BTreeMap<String, usize>, AwsError> {
        let mut counts = BTreeMap::new();
        for consent in self.open(app_id, open_id, PREFIX, "").await? {
            *counts.entry(consent.template_id).or_default() += 1;
        }
        Ok(counts)
    }

    async fn open(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        prefix: &str,
        notification: &str,
    ) -> Result<Vec<Consent>, AwsError> {
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
            .expression_attribute_values(":user", string(user_key(app_id, open_id)))
            .expression_attribute_values(":prefix", string(prefix))
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
                AwsError::new(self.table.action("looking for consents"), &error)
            })?;
            let item = get_string(&found, "item").unwrap_or_default();
            let template_id = item.strip_prefix(PREFIX).and_then(|rest| rest.split('#').next());
            if let (Some(template_id), Some(granted_at)) =
                (template_id, get_time(&found, "granted_at"))
            {
                open.push(Consent {
                    app_id: app_id.clone(),
                    open_id: open_id.clone(),
                    template_id: template_id.to_owned(),
                    item: item.to_owned(),
                    granted_at,
                    reserved: get_string(&found, "state") == Some("reserved"),
                });
            }
        }
        open.sort_by_key(|consent| !consent.reserved);
        Ok(open)
    }

    /// Reserving a consent for a notification. One that is never given back nor
    /// used is forgotten some day.
    pub(super) fn reserve_consent(
        &self,
        consent: &Consent,
        notification: &str,
        now: Timestamp,
    ) -> TransactWriteItem {
        transaction::update(
            self.step(consent, notification, "free", "reserved")
                .update_expression(
                    "SET #state = :to, notification = :notification, expires = :expires",
                )
                .expression_attribute_values(":expires", number(now.plus(self.table.retention))),
        )
    }

    /// The consent has to be free, and stays so.
    pub(super) fn is_free(&self, consent: &Consent) -> TransactWriteItem {
        transaction::check(
            ConditionCheck::builder()
                .table_name(&self.table.name)
                .key("user", string(user_key(&consent.app_id, &consent.open_id)))
                .key("item", string(&consent.item))
                .condition_expression("#state = :free")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":free", string("free")),
        )
    }

    /// Using up a consent that the notification has reserved.
    pub(super) fn consume_consent(
        &self,
        consent: &Consent,
        notification: &str,
        now: Timestamp,
    ) -> TransactWriteItem {
        transaction::update(
            self.step(consent, notification, "reserved", "used")
                .update_expression(
                    "SET #state = :to, notification = :notification, expires = :expires",
                )
                .expression_attribute_values(":expires", number(now.plus(self.table.retention))),
        )
    }

    /// The send failed for certain: the consent is free again, unless its consent
    /// has ended since. Then it is revoked, and no other send will try it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub(super) async fn release_consent(
        &self,
        consent: &Consent,
        notification: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let key = consent.key();
        let user = user_key(key.app_id, key.open_id);
        let still = |item: String, condition: &str| {
            let check = ConditionCheck::builder()
                .table_name(&self.table.name)
                .key("user", string(&user))
                .key("item", string(item))
                .condition_expression(condition)
                .expression_attribute_values(":granted", number(consent.granted_at));
            transaction::check(check)
        };
        let free = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(&user))
            .key("item", string(&consent.item))
            .update_expression("SET #state = :free REMOVE expires, notification")
            .condition_expression("#state = :reserved AND notification = :notification")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":free", string("free"))
            .expression_attribute_values(":reserved", string("reserved"))
            .expression_attribute_values(":notification", string(notification));
        let items = vec![
            self.not_erased_condition(key.app_id, key.open_id, consent.granted_at),
            still(
                key.withdrawal(),
                "attribute_not_exists(withdrawn_at) OR withdrawn_at < :granted",
            ),
            still(key.refusal(), "attribute_not_exists(refused_at) OR refused_at < :granted"),
            transaction::update(free),
        ];
        let what = self.table.action("giving a consent back");
        if !transaction::write(&self.table.dynamodb, &what, items).await? {
            // If it was the consent itself that is another's, this does nothing.
            self.end_consent(consent, notification, "reserved", "revoked", now).await?;
        }
        Ok(())
    }

    /// WeChat knows of no consent, whatever we have counted: this consent and
    /// all others of its kind that were granted until `asked`, when the send
    /// began, are void: the free ones at once, those that are reserved when they
    /// are given back. `state` is what this one was sent with: `reserved`, or
    /// `free` where a consent lasts. It is void also if it seems to be younger, as
    /// WeChat's clock may be ahead of ours.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub(super) async fn invalidate_consent(
        &self,
        consent: &Consent,
        state: &str,
        notification: &str,
        asked: Timestamp,
    ) -> Result<(), AwsError> {
        let key = consent.key();
        // It isn't noted as a withdrawal: a consent whose event is on its way
        // still counts, in case that our clock is ahead of WeChat's.
        let mark = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(user_key(key.app_id, key.open_id)))
            .key("item", string(key.refusal()))
            .update_expression("SET refused_at = :at, expires = :expires")
            .condition_expression("attribute_not_exists(refused_at) OR refused_at < :at")
            .expression_attribute_values(":at", number(asked))
            .expression_attribute_values(":expires", number(asked.plus(self.table.retention)));
        let marked = retry_on_conflict(|| mark.clone().send()).await;
        self.table.conditional("noting that WeChat knows of no consent", marked)?;
        self.end_consent(consent, notification, state, "invalid", asked).await?;
        self.revoke_consents(key, asked).await
    }

    /// Every free consent of this kind that was granted until then is void.
    async fn revoke_consents(&self, key: ConsentKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let granted = self.open_consents(key, "").await?;
        for consent in granted.iter().filter(|consent| consent.granted_at <= at) {
            self.end_consent(consent, "", "free", "revoked", at).await?;
        }
        Ok(())
    }

    /// One step of a consent's life, without its expression. It doesn't hold if
    /// the consent isn't in the state `from`, or belongs to another notification.
    /// A step that this notification has made already is made again: AWS may have
    /// lost the confirmation.
    fn step(&self, consent: &Consent, notification: &str, from: &str, to: &str) -> UpdateBuilder {
        let ours = if from == "reserved" {
            "#state IN (:from, :to) AND notification = :notification"
        } else {
            "#state = :from OR (#state = :to AND notification = :notification)"
        };
        Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(&consent.app_id, &consent.open_id)))
            .key("item", string(&consent.item))
            .condition_expression(ours)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":from", string(from))
            .expression_attribute_values(":to", string(to))
            .expression_attribute_values(":notification", string(notification))
    }

    /// The last step of a consent's life. It is kept for a while, to be looked up,
    /// and then forgotten.
    async fn end_consent(
        &self,
        consent: &Consent,
        notification: &str,
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let step = self
            .step(consent, notification, from, to)
            .update_expression("SET #state = :to, notification = :notification, expires = :expires")
            .expression_attribute_values(":expires", number(now.plus(self.table.retention)));
        self.table.change("ending a consent", step).await.map(drop)
    }
}
