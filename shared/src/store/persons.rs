//! Who a person is: everything that leads to them, whichever end one begins with.

use super::mappings::{PERSON, account_subject, person_subject, route, union_subject};
use super::{AppIdentity, Logins, get_string, get_time};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId, UnionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// By what a person is asked for.
#[derive(Clone)]
pub enum PersonQuery {
    /// Their internal id.
    Person(String),
    /// The account that is theirs.
    Account(String),
    /// Who they are in one app; also somebody who only follows is somebody there.
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

/// A person, as the tables know them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their internal id: none if they have never logged in, and more than one
    /// only until their next login, if it has just turned out that two are one.
    pub ids: BTreeSet<String>,
    /// Who they are in each app.
    pub users: BTreeSet<AppUser>,
    /// Their unionids: one, unless an app has moved to another open-platform
    /// account.
    pub union_ids: BTreeSet<UnionId>,
    /// The accounts that are bound to them.
    pub accounts: BTreeSet<String>,
}

/// A person isn't found.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// In different apps, different persons have bound the account.
    #[error("this account is bound to several persons; ask for each by their internal id")]
    AmbiguousAccount,
    /// DynamoDB didn't answer.
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

impl Logins {
    /// Finds a person, with everything that leads to them; none if nothing does.
    /// Whoever is asked for by an app and an openid is somebody in any case.
    ///
    /// # Errors
    ///
    /// When an account leads to several, or DynamoDB doesn't answer.
    pub async fn person(&self, asked: &PersonQuery) -> Result<Option<Person>, PersonError> {
        let mut search = Search::default();
        match asked {
            PersonQuery::Person(id) => search.lead(IdentityKey::Id(id.clone())),
            PersonQuery::User(user) => search.lead(IdentityKey::User(user.clone())),
            PersonQuery::Account(account) => {
                for route in self.mappings.routes(&account_subject(account)).await? {
                    search.lead(IdentityKey::user(route));
                }
            }
        }
        while let Some(lead) = search.open.pop() {
            self.follow(lead, &mut search).await?;
        }
        let mut person = Person::default();
        for lead in search.seen {
            match lead {
                IdentityKey::Id(id) => drop(person.ids.insert(id)),
                IdentityKey::Union(union_id) => drop(person.union_ids.insert(union_id)),
                IdentityKey::User(user) => drop(person.users.insert(user)),
            }
        }
        person.accounts = search.accounts;
        if person.users.is_empty() {
            return Ok(None);
        }
        if matches!(asked, PersonQuery::Account(_)) && person.ids.len() > 1 {
            return Err(PersonError::AmbiguousAccount);
        }
        Ok(Some(person))
    }

    /// What there still is of somebody who was taken away at `since`: what was
    /// written in between. None if nothing is left, or only somebody who has come
    /// since and is somebody new.
    pub(super) async fn remaining_rows(
        &self,
        gone: &Person,
        since: Timestamp,
    ) -> Result<Option<Person>, AwsError> {
        let ids = gone.ids.iter().map(|id| person_subject(id));
        let mut users = gone.users.clone();
        for subject in ids.chain(gone.union_ids.iter().map(union_subject)) {
            let routes = self.mappings.routes(&subject).await?;
            users.extend(
                routes
                    .into_iter()
                    .map(|AppIdentity { app_id, open_id, .. }| AppUser { app_id, open_id }),
            );
        }
        let mut left = Person::default();
        for user in users {
            let profile = self.users.profile(&user.app_id, &user.open_id).await?;
            let profile = profile.unwrap_or_default();
            let id = get_string(&profile, "id");
            let seen = get_time(&profile, "logged_in_at").max(get_time(&profile, "state_time"));
            // Nobody gets an id that is gone.
            let is_theirs = id.is_some_and(|id| gone.ids.contains(id));
            if is_theirs || seen.is_some_and(|seen| seen <= since) {
                left.users.insert(user);
                left.ids.extend(id.map(str::to_owned));
            }
        }
        if left.users.is_empty() {
            return Ok(None);
        }
        left.ids.extend(gone.ids.iter().cloned());
        left.union_ids.clone_from(&gone.union_ids);
        Ok(Some(left))
    }

    async fn follow(&self, lead: IdentityKey, search: &mut Search) -> Result<(), AwsError> {
        match lead {
            IdentityKey::Id(id) => {
                for route in self.mappings.routes(&person_subject(&id)).await? {
                    search.lead(IdentityKey::user(route));
                }
            }
            IdentityKey::Union(union_id) => {
                for row in self.mappings.collection(&union_subject(&union_id)).await? {
                    if get_string(&row, "app_id") == Some(PERSON) {
                        let id = get_string(&row, "id").map(str::to_owned);
                        id.into_iter().for_each(|id| search.lead(IdentityKey::Id(id)));
                    } else {
                        route(&row)
                            .into_iter()
                            .for_each(|route| search.lead(IdentityKey::user(route)));
                    }
                }
            }
            IdentityKey::User(user) => {
                let profile = self.users.profile(&user.app_id, &user.open_id).await?;
                let profile = profile.unwrap_or_default();
                let text = |name| get_string(&profile, name).map(str::to_owned);
                text("id").into_iter().for_each(|id| search.lead(IdentityKey::Id(id)));
                let union_id = text("union_id").and_then(|id| UnionId::parse(id).ok());
                union_id.into_iter().for_each(|id| search.lead(IdentityKey::Union(id)));
                // It isn't followed: in another app it may be somebody else's.
                search.accounts.extend(text("account"));
            }
        }
        Ok(())
    }
}

/// Something that leads on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum IdentityKey {
    Id(String),
    Union(UnionId),
    User(AppUser),
}

impl IdentityKey {
    fn user(route: AppIdentity) -> Self {
        Self::User(AppUser { app_id: route.app_id, open_id: route.open_id })
    }
}

/// What has been found so far, and what of it has not been followed yet.
#[derive(Default)]
struct Search {
    seen: BTreeSet<IdentityKey>,
    open: Vec<IdentityKey>,
    accounts: BTreeSet<String>,
}

impl Search {
    fn lead(&mut self, lead: IdentityKey) {
        if self.seen.insert(lead.clone()) {
            self.open.push(lead);
        }
    }
}
