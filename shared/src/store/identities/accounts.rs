//! Accounts that the business hands out: their passwords, and to whom they are bound.
//!
//! An account is bound to a user of an app: the user's profile says so and a row of the
//! account's, and one transaction changes both. A person has a user in each of their
//! apps. An operator binds all of them, also to a second person; a login binds the one who
//! logs in, if the account is no one else's.

use super::account_bindings::{AccountBindings, account_exists};
use super::mappings::{AppIdentity, Mappings};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{get_string, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::{PASSWORD, account_subject, mapping_key, person_subject, profile_key};
use crate::store::tables::{MappingsTable, UsersTable};
use crate::store::users::profiles::{Profiles, union_id};
use crate::wechat::id::UnionId;
use std::collections::BTreeSet;

/// Maximum number of attempts when logins get in between.
const MAX_ATTEMPTS: usize = 3;
const LOGINS_IN_BETWEEN: &str = "logins kept getting in between";

/// Why an account isn't bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It hasn't been created.
    #[error("there is no account of this name")]
    NoAccount,
    /// No person who has logged in has this id, or they have been erased.
    #[error("there is no user with this internal id")]
    NoPerson,
    /// It belongs to another user of one of the person's apps.
    #[error("the account is bound to another WeChat user")]
    AccountTaken,
    /// The person has another one in one of their apps.
    #[error("this person is bound to another account")]
    PersonTaken,
    /// DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// A user of a person's, and what their profile says.
struct PersonUser {
    identity: AppIdentity,
    account: Option<String>,
    union_id: Option<UnionId>,
}

/// The accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    profiles: Profiles,
    mappings: Mappings,
}

impl Accounts {
    /// The accounts in these tables.
    pub fn new(users: &UsersTable, mappings: &MappingsTable) -> Self {
        Self { profiles: Profiles::new(users), mappings: Mappings::new(mappings) }
    }

    /// Creates an account, with a password or without. False if there is one of that
    /// name.
    pub async fn create(
        &self,
        account: &str,
        password_hash: Option<&Secret>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let is_new = attr("subject").not_exists();
        let create = self.account(account).set("created_at", number(now));
        let create = match password_hash {
            // The condition holds also if the account was created and only the
            // confirmation was lost: a hash is salted, so the same one is this caller's.
            Some(hash) => create
                .set("password_hash", string(hash.expose()))
                .when(is_new.or(attr("password_hash").equals(string(hash.expose())))),
            None => create.when(is_new),
        };
        self.mappings.table.write("creating an account", create).await
    }

    /// Gives an account this password, or none; without one no login binds it. False if
    /// there is no such account.
    pub async fn set_password(
        &self,
        account: &str,
        password_hash: Option<&Secret>,
    ) -> Result<bool, AwsError> {
        let hash = password_hash.map(|hash| string(hash.expose()));
        let update =
            self.account(account).set_or_remove("password_hash", hash).when(account_exists());
        self.mappings.table.write("setting a password", update).await
    }

    /// Binds an account to a person, in all apps in which they have logged in. Nothing
    /// changes if it is bound to them already, or after an error. Returns the other people to
    /// whom it is bound: where WeChat doesn't name people, only the operator knows that they
    /// are the same.
    pub async fn bind(&self, account: &str, person: &str) -> Result<BTreeSet<String>, BindError> {
        const ACTION: &str = "binding an account";
        for _ in 0..MAX_ATTEMPTS {
            let bindings = self.bindings(account).await?;
            let users = self.users_of(person).await?;
            if users.iter().any(|user| user.account.as_deref().is_some_and(|it| it != account)) {
                return Err(BindError::PersonTaken);
            }
            let is_taken = |user: &PersonUser| {
                let AppIdentity { app_id, open_id, .. } = &user.identity;
                bindings.has_other_user(app_id, open_id)
            };
            if users.iter().any(is_taken) {
                return Err(BindError::AccountTaken);
            }
            let mut writes = vec![bindings.count_another()];
            for user in &users {
                writes.extend(self.bind_user(account, person, user));
            }
            if self.mappings.table.transact(ACTION, writes).await? {
                return Ok(bindings.others(person));
            }
        }
        Err(AwsError::unexpected(ACTION, LOGINS_IN_BETWEEN).into())
    }

    fn bind_user(&self, account: &str, person: &str, user: &PersonUser) -> [Write; 2] {
        let AppIdentity { app_id, open_id, .. } = &user.identity;
        let is_unbound = attr("account").not_exists().or(attr("account").equals(string(account)));
        let profile = Write::update(&self.profiles.table, profile_key(app_id, open_id))
            .set("account", string(account))
            .when(attr("id").equals(string(person)))
            .when(is_unbound);
        [profile, bind_row(&self.mappings, account, &user.identity, user.union_id.as_ref())]
    }

    /// Unbinds an account from a person, in all their apps. False if it wasn't theirs.
    /// The account remains, and so does its password. After an error nothing is changed.
    pub async fn unbind(&self, account: &str, person: &str) -> Result<bool, BindError> {
        const ACTION: &str = "unbinding an account";
        for _ in 0..MAX_ATTEMPTS {
            let bindings = self.bindings(account).await?;
            let users = self.users_of(person).await?;
            let bound = users.iter().filter(|user| user.account.as_deref() == Some(account));
            let mut writes: Vec<_> =
                bound.flat_map(|user| self.unbind_user(account, &user.identity)).collect();
            if writes.is_empty() {
                return Ok(false);
            }
            // A login in another app would stay bound.
            writes.push(bindings.check_unchanged());
            if self.mappings.table.transact(ACTION, writes).await? {
                return Ok(true);
            }
        }
        Err(AwsError::unexpected(ACTION, LOGINS_IN_BETWEEN).into())
    }

    fn unbind_user(&self, account: &str, identity: &AppIdentity) -> [Write; 2] {
        let AppIdentity { app_id, open_id, .. } = identity;
        let profile = Write::update(&self.profiles.table, profile_key(app_id, open_id))
            .remove(["account"])
            .when(attr("account").equals(string(account)));
        let key = mapping_key(account_subject(account), app_id.as_str());
        let row = Write::delete(&self.mappings.table, key).when(is_free_for(identity));
        [profile, row]
    }

    /// The bindings of an account that exists.
    async fn bindings(&self, account: &str) -> Result<AccountBindings, BindError> {
        let bindings = AccountBindings::read(&self.profiles, &self.mappings, account).await?;
        if bindings.account_exists() { Ok(bindings) } else { Err(BindError::NoAccount) }
    }

    /// The users as whom a person has logged in.
    async fn users_of(&self, person: &str) -> Result<Vec<PersonUser>, BindError> {
        let mut users = Vec::new();
        for identity in self.mappings.identities(&person_subject(person)).await? {
            let profile = self.profiles.read(&identity.app_id, &identity.open_id).await?;
            if get_string(&profile, "id") == Some(person) {
                let account = get_string(&profile, "account").map(str::to_owned);
                users.push(PersonUser { identity, account, union_id: union_id(&profile) });
            }
        }
        if users.is_empty() {
            return Err(BindError::NoPerson);
        }
        Ok(users)
    }

    fn account(&self, account: &str) -> Write {
        Write::update(&self.mappings.table, mapping_key(account_subject(account), PASSWORD))
    }
}

/// The condition that the row of an account in an app leads to no other user.
fn is_free_for(identity: &AppIdentity) -> Condition {
    let is_theirs = attr("open_id").equals(string(identity.open_id.as_str()));
    attr("open_id").not_exists().or(is_theirs)
}

/// The write by which an account leads to a user.
pub(super) fn bind_row(
    mappings: &Mappings,
    account: &str,
    identity: &AppIdentity,
    union_id: Option<&UnionId>,
) -> Write {
    let key = mapping_key(account_subject(account), identity.app_id.as_str());
    let row = Write::update(&mappings.table, key)
        .set("open_id", string(identity.open_id.as_str()))
        .when(is_free_for(identity));
    match union_id {
        Some(union_id) => row.set("union_id", string(union_id.as_str())),
        None => row,
    }
}

#[cfg(test)]
mod tests;
