//! Consent to one subscription message each. Consents are items, not a counter: a
//! repeated event can't grant twice, and a failed send can release one.
//!
//! free → reserved → used; reserved → free when a send failed for certain;
//! reserved → invalid when WeChat knew nothing of the consent; free → revoked.
//! One that is released after its consent has ended meanwhile is revoked as well:
//! `withdrawn#…` says when the user withdrew consent last, `refused#…` when WeChat knew
//! nothing of any.

use super::profiles::not_erased_condition;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{get_string, get_time, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId};
use std::collections::BTreeMap;

/// Prefix of the sort keys of consents. The template and the grant follow, each after a
/// `#`.
const PREFIX: &str = "consent#";

/// What a consent is for: one template of one mini program, for one user.
#[derive(Clone, Copy, Debug)]
pub struct ConsentKey<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The user.
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

    fn user(&self) -> String {
        user_key(&self.app_id, &self.open_id)
    }
}

impl ConsentKey<'_> {
    fn user(&self) -> String {
        user_key(self.app_id, self.open_id)
    }

    fn prefix(&self) -> String {
        format!("{PREFIX}{}#", self.template_id)
    }

    /// The sort key of the item that says when consent was withdrawn last.
    fn withdrawal(&self) -> String {
        format!("withdrawn#{}", self.template_id)
    }

    /// The sort key of the item that says when WeChat knew of no consent last.
    fn refusal(&self) -> String {
        format!("refused#{}", self.template_id)
    }
}

aggregate! {
    /// The consents of users.
    pub struct Consents { table: UsersTable }
}

impl Consents {
    /// Grants one consent. `grant` names it, so that an event that is applied twice
    /// grants once. A consent of before a withdrawal, or of the same second, grants
    /// nothing, nor does one of a user who has been erased since.
    pub async fn grant(
        &self,
        key: ConsentKey<'_>,
        grant: &str,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let mut consent = item_key(key.user(), format!("{}{grant}", key.prefix()));
        consent.insert("state".to_owned(), string("free"));
        consent.insert("granted_at".to_owned(), number(at));
        let writes = [
            not_erased_condition(&self.table, key.app_id, key.open_id, at),
            Write::check(
                &self.table,
                item_key(key.user(), key.withdrawal()),
                is_before("withdrawn_at", at),
            ),
            Write::put(&self.table, consent).when(attr("user").not_exists()),
        ];
        self.table.transact("granting a consent", writes).await.map(drop)
    }

    /// The user withdrew consent in WeChat's settings: revokes every free consent of
    /// this kind, also one whose event is still on its way.
    pub async fn withdraw(&self, key: ConsentKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let withdrawal = Write::update(&self.table, item_key(key.user(), key.withdrawal()))
            .set("withdrawn_at", number(at))
            // An event is kept, and may be applied again, for so long.
            .set("expires", number(at.plus(2 * self.table.retention())))
            .when(is_before("withdrawn_at", at));
        let writes = [not_erased_condition(&self.table, key.app_id, key.open_id, at), withdrawal];
        self.table.transact("withdrawing consent", writes).await?;
        self.revoke(key, at).await
    }

    /// The consents that are free, and those that this notification has reserved, also
    /// where the confirmation of that was lost: these first, then the oldest.
    pub async fn open(
        &self,
        key: ConsentKey<'_>,
        notification: &str,
    ) -> Result<Vec<Consent>, AwsError> {
        self.find(key.app_id, key.open_id, &key.prefix(), notification).await
    }

    /// The number of a user's free consents, by template.
    pub async fn count_free(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<BTreeMap<String, usize>, AwsError> {
        let mut counts = BTreeMap::new();
        for consent in self.find(app_id, open_id, PREFIX, "").await? {
            *counts.entry(consent.template_id).or_default() += 1;
        }
        Ok(counts)
    }

    async fn find(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        prefix: &str,
        notification: &str,
    ) -> Result<Vec<Consent>, AwsError> {
        let key = attr("user")
            .equals(string(user_key(app_id, open_id)))
            .and(attr("item").begins_with(prefix));
        let query = Query::with_key(key).filter(is_free_or_reserved_by(notification));
        let found = self.table.read_all("looking for consents", query).await?;
        let consents = found.iter().filter_map(|found| {
            let item = get_string(found, "item")?;
            let template_id = item.strip_prefix(PREFIX)?.split('#').next()?;
            Some(Consent {
                app_id: app_id.clone(),
                open_id: open_id.clone(),
                template_id: template_id.to_owned(),
                item: item.to_owned(),
                granted_at: get_time(found, "granted_at")?,
                reserved: get_string(found, "state") == Some("reserved"),
            })
        });
        let mut consents: Vec<_> = consents.collect();
        consents.sort_by_key(|consent| !consent.reserved);
        Ok(consents)
    }

    /// The write that reserves a consent for a notification. One that is never released
    /// nor used expires.
    pub(super) fn reserve(&self, consent: &Consent, notification: &str, now: Timestamp) -> Write {
        self.step(consent, notification, "free", "reserved", now)
    }

    /// The condition that the consent is free.
    pub(super) fn is_free(&self, consent: &Consent) -> Write {
        let key = item_key(consent.user(), &consent.item);
        Write::check(&self.table, key, attr("state").equals(string("free")))
    }

    /// The write that uses a consent which the notification has reserved.
    pub(super) fn consume(&self, consent: &Consent, notification: &str, now: Timestamp) -> Write {
        self.step(consent, notification, "reserved", "used", now)
    }

    /// The send failed for certain: the consent is free again, unless it has ended
    /// since. Then it is revoked, and no other send uses it.
    pub(super) async fn release(
        &self,
        consent: &Consent,
        notification: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let (key, granted_at) = (consent.key(), consent.granted_at);
        let free = Write::update(&self.table, item_key(key.user(), &consent.item))
            .set("state", string("free"))
            .remove(["expires", "notification"])
            .when(attr("state").equals(string("reserved")))
            .when(attr("notification").equals(string(notification)));
        let writes = [
            not_erased_condition(&self.table, key.app_id, key.open_id, granted_at),
            Write::check(
                &self.table,
                item_key(key.user(), key.withdrawal()),
                is_before("withdrawn_at", granted_at),
            ),
            Write::check(
                &self.table,
                item_key(key.user(), key.refusal()),
                is_before("refused_at", granted_at),
            ),
            free,
        ];
        if !self.table.transact("releasing a consent", writes).await? {
            // If the consent itself is another notification's, this does nothing.
            self.end(consent, notification, "reserved", "revoked", now).await?;
        }
        Ok(())
    }

    /// WeChat knows of no consent, whatever is stored: this consent and all others of
    /// its kind that were granted until `asked_at`, when the send began, are void: the
    /// free ones at once, the reserved ones when they are released. `state` is what this
    /// one was sent with: `reserved`, or `free` where a consent lasts. It is void also
    /// if it seems to be younger, as WeChat's clock may be ahead of ours.
    pub(super) async fn invalidate(
        &self,
        consent: &Consent,
        state: &str,
        notification: &str,
        asked_at: Timestamp,
    ) -> Result<(), AwsError> {
        let key = consent.key();
        // It isn't stored as a withdrawal: a consent whose event is on its way still
        // counts, in case that our clock is ahead of WeChat's.
        let refusal = Write::update(&self.table, item_key(key.user(), key.refusal()))
            .set("refused_at", number(asked_at))
            .set("expires", number(asked_at.plus(self.table.retention())))
            .when(is_before("refused_at", asked_at));
        self.table.write("recording that WeChat knows of no consent", refusal).await?;
        self.end(consent, notification, state, "invalid", asked_at).await?;
        self.revoke(key, asked_at).await
    }

    /// Revokes every free consent of this kind that was granted until then.
    async fn revoke(&self, key: ConsentKey<'_>, at: Timestamp) -> Result<(), AwsError> {
        let granted = self.open(key, "").await?;
        for consent in granted.iter().filter(|consent| consent.granted_at <= at) {
            self.end(consent, "", "free", "revoked", at).await?;
        }
        Ok(())
    }

    /// A step of a consent's life. It doesn't hold if the consent isn't in the state
    /// `from`, or belongs to another notification. A step that this notification has
    /// made already holds: AWS may have lost the confirmation. What ends is kept for a
    /// while, to be looked up.
    fn step(
        &self,
        consent: &Consent,
        notification: &str,
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Write {
        let is = |state: &str| attr("state").equals(string(state));
        let is_own = attr("notification").equals(string(notification));
        let condition = if from == "reserved" {
            is(from).or(is(to)).and(is_own)
        } else {
            is(from).or(is(to).and(is_own))
        };
        Write::update(&self.table, item_key(consent.user(), &consent.item))
            .set("state", string(to))
            .set("notification", string(notification))
            .set("expires", number(now.plus(self.table.retention())))
            .when(condition)
    }

    async fn end(
        &self,
        consent: &Consent,
        notification: &str,
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let step = self.step(consent, notification, from, to, now);
        self.table.write("ending a consent", step).await.map(drop)
    }
}

/// The condition that the time in an attribute is before `at`, or isn't set.
fn is_before(attribute: &str, at: Timestamp) -> Condition {
    attr(attribute).not_exists().or(attr(attribute).less_than(number(at)))
}

/// The condition that an entitlement is free, or reserved by this notification.
pub(super) fn is_free_or_reserved_by(notification: &str) -> Condition {
    let reserved = attr("state")
        .equals(string("reserved"))
        .and(attr("notification").equals(string(notification)));
    attr("state").equals(string("free")).or(reserved)
}
