//! Who a person is: everything that leads to them, from whichever end one begins.

use super::mappings::{AppIdentity, Mappings, identity};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{get_string, get_time};
use crate::store::keys::{PERSON, account_subject, person_subject, union_subject};
use crate::store::tables::{MappingsTable, UsersTable};
use crate::store::users::profiles::{Profiles, union_id};
use crate::wechat::id::{AppId, OpenId, UnionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a person is looked up by.
#[derive(Clone)]
pub enum PersonQuery {
    /// Their internal id.
    Person(String),
    /// The account that is bound to them.
    Account(String),
    /// Their identity in one app; a follower who has never logged in has one too.
    User(AppUser),
}

/// Who a person is in one app.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppUser {
    /// The app.
    pub app_id: AppId,
    /// The person, in this app.
    pub open_id: OpenId,
}

impl From<AppIdentity> for AppUser {
    fn from(AppIdentity { app_id, open_id, .. }: AppIdentity) -> Self {
        Self { app_id, open_id }
    }
}

/// A person, as the tables know them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their internal id: none if they have never logged in, and more than one only
    /// until their next login, if it has just turned out that two are one.
    pub ids: BTreeSet<String>,
    /// Who they are in each app.
    pub users: BTreeSet<AppUser>,
    /// Their unionids: one, unless an app has moved to another open-platform account.
    pub union_ids: BTreeSet<UnionId>,
    /// The accounts that are bound to them.
    pub accounts: BTreeSet<String>,
}

/// Why a person isn't found.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// In different apps, different people have bound the account.
    #[error("this account is bound to several people; select each by their internal id")]
    AmbiguousAccount,
    /// DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl std::fmt::Debug for PersonQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonQuery(…)")
    }
}

impl std::fmt::Debug for AppUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppUser({}, …)", self.app_id)
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({:?}, …)", self.ids)
    }
}

/// The people in the tables.
#[derive(Clone, Debug)]
pub struct People {
    pub(in crate::store) profiles: Profiles,
    pub(in crate::store) mappings: Mappings,
}

impl People {
    /// The people in these tables.
    pub fn new(users: &UsersTable, mappings: &MappingsTable) -> Self {
        Self { profiles: Profiles::new(users), mappings: Mappings::new(mappings) }
    }

    /// Finds a person, with everything that leads to them; none if nothing does. A query
    /// by an app and an openid always finds a user.
    ///
    /// Fails when an account leads to several, or DynamoDB fails.
    pub async fn find(&self, query: &PersonQuery) -> Result<Option<Person>, PersonError> {
        let mut search = Search::default();
        match query {
            PersonQuery::Person(id) => search.add(IdentityKey::Id(id.clone())),
            PersonQuery::User(user) => search.add(IdentityKey::User(user.clone())),
            PersonQuery::Account(account) => {
                for identity in self.mappings.identities(&account_subject(account)).await? {
                    search.add(IdentityKey::User(identity.into()));
                }
            }
        }
        while let Some(key) = search.open.pop() {
            self.follow(key, &mut search).await?;
        }
        let mut person = Person { accounts: search.accounts, ..Person::default() };
        for key in search.seen {
            match key {
                IdentityKey::Id(id) => drop(person.ids.insert(id)),
                IdentityKey::Union(union_id) => drop(person.union_ids.insert(union_id)),
                IdentityKey::User(user) => drop(person.users.insert(user)),
            }
        }
        if person.users.is_empty() {
            return Ok(None);
        }
        if matches!(query, PersonQuery::Account(_)) && person.ids.len() > 1 {
            return Err(PersonError::AmbiguousAccount);
        }
        Ok(Some(person))
    }

    /// What remains of a person who was unlinked at `since`: what was written in between.
    /// None if nothing remains, or only a person who has come since and is a new one.
    pub(in crate::store) async fn remaining_rows(
        &self,
        erased: &Person,
        since: Timestamp,
    ) -> Result<Option<Person>, AwsError> {
        let ids = erased.ids.iter().map(|id| person_subject(id));
        let mut users = erased.users.clone();
        for subject in ids.chain(erased.union_ids.iter().map(union_subject)) {
            let identities = self.mappings.identities(&subject).await?;
            users.extend(identities.into_iter().map(AppUser::from));
        }
        let mut left = Person::default();
        for user in users {
            let profile = self.profiles.read(&user.app_id, &user.open_id).await?;
            let id = get_string(&profile, "id");
            let seen = get_time(&profile, "logged_in_at").max(get_time(&profile, "state_time"));
            // No new person gets an erased id.
            let is_theirs = id.is_some_and(|id| erased.ids.contains(id));
            if is_theirs || seen.is_some_and(|seen| seen <= since) {
                left.users.insert(user);
                left.ids.extend(id.map(str::to_owned));
            }
        }
        if left.users.is_empty() {
            return Ok(None);
        }
        left.ids.extend(erased.ids.iter().cloned());
        left.union_ids.clone_from(&erased.union_ids);
        Ok(Some(left))
    }

    /// Adds all to which a key leads.
    async fn follow(&self, key: IdentityKey, search: &mut Search) -> Result<(), AwsError> {
        match key {
            IdentityKey::Id(id) => {
                for identity in self.mappings.identities(&person_subject(&id)).await? {
                    search.add(IdentityKey::User(identity.into()));
                }
            }
            IdentityKey::Union(union_id) => {
                for row in self.mappings.rows(&union_subject(&union_id)).await? {
                    if get_string(&row, "app_id") == Some(PERSON) {
                        let id = get_string(&row, "id").map(str::to_owned);
                        id.into_iter().for_each(|id| search.add(IdentityKey::Id(id)));
                    } else if let Some(identity) = identity(&row) {
                        search.add(IdentityKey::User(identity.into()));
                    }
                }
            }
            IdentityKey::User(user) => {
                let profile = self.profiles.read(&user.app_id, &user.open_id).await?;
                let text = |name| get_string(&profile, name).map(str::to_owned);
                text("id").into_iter().for_each(|id| search.add(IdentityKey::Id(id)));
                let union_id = union_id(&profile);
                union_id.into_iter().for_each(|id| search.add(IdentityKey::Union(id)));
                // It isn't followed: in another app it may be another person's.
                search.accounts.extend(text("account"));
            }
        }
        Ok(())
    }
}

/// What leads to a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum IdentityKey {
    Id(String),
    Union(UnionId),
    User(AppUser),
}

/// What has been found so far, and what of it has not been followed yet.
#[derive(Default)]
struct Search {
    seen: BTreeSet<IdentityKey>,
    open: Vec<IdentityKey>,
    accounts: BTreeSet<String>,
}

impl Search {
    fn add(&mut self, key: IdentityKey) {
        if self.seen.insert(key.clone()) {
            self.open.push(key);
        }
    }
}
