//! To whom an account is bound, and the condition under which another binding is added.
//!
//! An account has one owner: a login adds a binding only for a person who has one, or if there
//! is none. Only the operator adds a second person's.
//!
//! The account's own row counts the bindings that were added. A function that adds one has read them
//! all, and their transaction holds only if the count is still the same. So two logins at the
//! same time can't both find the account free, in whichever apps. A row of an earlier version
//! has no count until the next binding.
//!
//! The owner isn't stored a second time: it is who the bound users are now. So it is right
//! after two users have turned out to be one person, after an unbinding and an erasure.

use super::mappings::{AppIdentity, Mappings, identity};
use crate::aws::AwsError;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{Item, get_string};
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{PASSWORD, account_subject, mapping_key};
use crate::store::users::profiles::Profiles;
use crate::wechat::id::{AppId, OpenId};
use std::collections::BTreeSet;

/// The attribute of an account's own row that counts its bindings.
const COUNT: &str = "bindings";

/// The bindings of an account.
#[derive(Debug)]
pub(super) struct AccountBindings {
    table: Table,
    subject: String,
    /// The account's own row; empty if there is no such account.
    own: Item,
    /// The bound users, with the internal id of each.
    users: Vec<(AppIdentity, Option<String>)>,
}

impl AccountBindings {
    /// Reads an account's bindings.
    pub(super) async fn read(
        profiles: &Profiles,
        mappings: &Mappings,
        account: &str,
    ) -> Result<Self, AwsError> {
        let subject = account_subject(account);
        let rows = mappings.rows(&subject).await?;
        let mut users = Vec::new();
        for user in rows.iter().filter_map(identity) {
            let profile = profiles.read(&user.app_id, &user.open_id).await?;
            let person = get_string(&profile, "id").map(str::to_owned);
            users.push((user, person));
        }
        let is_own = |row: &Item| get_string(row, "app_id") == Some(PASSWORD);
        let own = rows.into_iter().find(is_own).unwrap_or_default();
        Ok(Self { table: mappings.table.clone(), subject, own, users })
    }

    /// Whether there is such an account.
    pub(super) fn account_exists(&self) -> bool {
        !self.own.is_empty()
    }

    /// Whether the account is bound to another user of this app.
    pub(super) fn has_other_user(&self, app_id: &AppId, open_id: &OpenId) -> bool {
        self.users.iter().any(|(user, _)| user.app_id == *app_id && user.open_id != *open_id)
    }

    /// Whether a login of this person's user may bind the account. Also in another app than
    /// the owner's it may not: the owner's messages would go to the other person.
    pub(super) fn may_bind(&self, person: &str, app_id: &AppId, open_id: &OpenId) -> bool {
        let is_theirs = |(user, id): &(AppIdentity, Option<String>)| {
            id.as_deref() == Some(person) || user.app_id == *app_id && user.open_id == *open_id
        };
        !self.has_other_user(app_id, open_id)
            && (self.users.is_empty() || self.users.iter().any(is_theirs))
    }

    /// The people to whom the account is bound, except for this one.
    pub(super) fn others(&self, person: &str) -> BTreeSet<String> {
        let people = self.users.iter().filter_map(|(_, id)| id.clone());
        people.filter(|id| id != person).collect()
    }

    /// The write of the account's own row when a binding is added. It doesn't hold if another
    /// was added since the bindings were read, or the account was deleted.
    pub(super) fn count_another(&self) -> Write {
        Write::update(&self.table, self.key())
            .increment(COUNT)
            .when(account_exists())
            .when(no_binding_added_since(&self.own))
    }

    /// A check that the account exists.
    pub(super) fn check(&self) -> Write {
        Write::check(&self.table, self.key(), account_exists())
    }

    /// A check that the account exists, and no binding was added since they were read.
    pub(super) fn check_unchanged(&self) -> Write {
        self.check().when(no_binding_added_since(&self.own))
    }

    fn key(&self) -> Item {
        mapping_key(&self.subject, PASSWORD)
    }
}

/// The condition on an account's own row that there is one.
pub(super) fn account_exists() -> Condition {
    attr("subject").exists()
}

/// The condition that no binding was added to an account since its own row was read.
pub(in crate::store) fn no_binding_added_since(row: &Item) -> Condition {
    match row.get(COUNT) {
        None => attr(COUNT).not_exists(),
        Some(count) => attr(COUNT).equals(count.clone()),
    }
}
