//! A login: one transaction stores user, person, account and session.
//!
//! A mini program that isn't bound to an open-platform account has users and no people:
//! each user then has an internal id of their own. When WeChat names the person one day,
//! the next login decides whose id that is:
//!
//! - If the person has none yet, the user's becomes theirs. Nothing changes.
//! - If they have one, from another app, that is kept: sessions and data of several apps
//!   may refer to it, to the user's only those of this app. The user's former id leads
//!   nowhere from then on, and the login returns it once, so that the caller can move
//!   what is stored under it.
//! - The account stays with the user to whom it was bound, and so becomes the person's.
//!   If the person has another one in another app, they have both: an account is bound by
//!   app.

use super::account_bindings::AccountBindings;
use super::accounts::bind_row;
use super::known::KnownPerson;
use super::mappings::{AppIdentity, Mappings};
use super::people::People;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_string, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::{PERSON, mapping_key, person_subject, profile_key, union_subject};
use crate::store::sessions::login_codes::{CodeExchange, LoginCodeRecord, LoginCodes};
use crate::store::sessions::{NewSession, Sessions};
use crate::store::tables::{MappingsTable, UsersTable};
use crate::store::users::profiles::Profiles;
use crate::wechat::id::{AppId, OpenId, UnionId};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Maximum number of attempts when other logins of the same person get in between.
const MAX_ATTEMPTS: usize = 3;

/// Who logs in, where, and with which account.
#[derive(Debug)]
pub struct Binding<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The user in it.
    pub open_id: &'a OpenId,
    /// The person, where WeChat names them.
    pub union_id: Option<&'a UnionId>,
    /// The account to bind.
    pub account: Option<&'a str>,
    /// The hash by which its password has been verified: the account must still have it
    /// when the login is stored.
    pub password_hash: Option<&'a Secret>,
    /// The session that begins.
    pub session: &'a NewSession,
    /// What the code is exchanged for, for a retry to find.
    pub exchange: Option<&'a CodeExchange>,
}

/// What a login found and stored.
#[derive(Debug)]
pub struct LoginResult {
    /// The person's internal id: random, and the same in all their apps.
    pub user: String,
    /// The account that is bound to the user.
    pub account: Option<String>,
    /// The apps in which the person is known.
    pub identities: Vec<AppIdentity>,
    /// The internal id that the user has had until this login, if they have just turned
    /// out to be a person who had another one already.
    pub merged_from: Option<String>,
    /// The other people to whom the account is bound that this login has bound: the operator
    /// bound it to one of them.
    pub other_owners: BTreeSet<String>,
}

/// Why a login isn't stored.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The account is another person's.
    #[error("the account is bound to another WeChat user")]
    AccountTaken {
        /// Their internal ids.
        owners: BTreeSet<String>,
    },
    /// The user has bound another account.
    #[error("this WeChat user is bound to another account")]
    UserTaken,
    /// The account has another password by now, or was deleted.
    #[error("the account has changed meanwhile")]
    AccountChanged,
    /// DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// What was read before a login is stored.
#[derive(Debug)]
struct Read {
    result: LoginResult,
    /// The internal id that the user has had so far.
    profile_id: Option<String>,
    /// Whether the person had an internal id.
    person_had_id: bool,
    /// Whether the user had an account.
    was_bound: bool,
    /// Whether the profile doesn't name the person that WeChat names.
    union_is_new: bool,
    /// The bindings of the account that the user wants to bind.
    bindings: Option<AccountBindings>,
}

/// The logins.
#[derive(Clone, Debug)]
pub struct Logins {
    profiles: Profiles,
    mappings: Mappings,
    people: People,
    sessions: Sessions,
    codes: LoginCodes,
}

impl Logins {
    /// The logins in these tables.
    pub fn new(users: &UsersTable, mappings: &MappingsTable) -> Self {
        Self {
            profiles: Profiles::new(users),
            mappings: Mappings::new(mappings),
            people: People::new(users, mappings),
            sessions: Sessions::new(users),
            codes: LoginCodes::new(users),
        }
    }

    /// Stores a login.
    ///
    /// Fails when account or user are bound elsewhere, or DynamoDB fails.
    pub async fn log_in(
        &self,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<LoginResult, LoginError> {
        const ACTION: &str = "storing a login";
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0
                && let Some(account) = binding.account
                && self.mappings.password_hash(account).await?.as_ref() != binding.password_hash
            {
                return Err(LoginError::AccountChanged);
            }
            let read = self.read(binding).await?;
            let writes = self.writes(binding, &read, now);
            if self.profiles.table.transact(ACTION, writes).await? {
                // No person has the former id any more, and its sessions would lead
                // nowhere.
                if let Some(former) = &read.result.merged_from {
                    self.sessions.end_all_or_log(former).await;
                }
                return Ok(read.result);
            }
        }
        let problem = "other logins of this person kept getting in between";
        Err(AwsError::unexpected(ACTION, problem).into())
    }

    /// What the login that exchanged a code found; none if the person isn't known in this
    /// app any more.
    pub async fn replay(
        &self,
        record: &LoginCodeRecord,
        app_id: &AppId,
    ) -> Result<Option<LoginResult>, AwsError> {
        let known = self.people.find_in_app(&record.person, app_id).await?;
        Ok(known.map(|KnownPerson { account, identities }| {
            let (user, merged_from) = (record.person.clone(), record.merged_from.clone());
            LoginResult { user, account, identities, merged_from, other_owners: BTreeSet::new() }
        }))
    }

    /// Reads what is stored, and decides on the internal id.
    async fn read(&self, binding: &Binding<'_>) -> Result<Read, LoginError> {
        let (person, mut identities) = match binding.union_id {
            Some(union_id) => self.mappings.person(union_id).await?,
            None => (None, Vec::new()),
        };
        let profile = self.profiles.read(binding.app_id, binding.open_id).await?;
        let text = |name| get_string(&profile, name).map(str::to_owned);
        let (profile_id, account) = (text("id"), text("account"));
        if let (Some(bound), Some(wanted)) = (&account, binding.account)
            && bound != wanted
        {
            return Err(LoginError::UserTaken);
        }
        if !identities.iter().any(|known| known.app_id == *binding.app_id) {
            identities.push(identity(binding));
        }
        let union_is_new = binding
            .union_id
            .is_some_and(|union_id| get_string(&profile, "union_id") != Some(union_id.as_str()));
        let (person_had_id, was_bound) = (person.is_some(), account.is_some());
        let user = person
            .or_else(|| profile_id.clone())
            .unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        let mut other_owners = BTreeSet::new();
        let bindings = match binding.account {
            Some(account) => {
                Some(AccountBindings::read(&self.profiles, &self.mappings, account).await?)
            }
            None => None,
        };
        if let Some(bindings) = &bindings {
            let others = bindings.others(&user);
            if !bindings.may_bind(&user, binding.app_id, binding.open_id) {
                return Err(LoginError::AccountTaken { owners: others });
            }
            other_owners.extend(others.into_iter().filter(|_| !was_bound));
        }
        let account = account.or_else(|| binding.account.map(str::to_owned));
        let merged_from = profile_id.clone().filter(|id| *id != user);
        let result = LoginResult { user, account, identities, merged_from, other_owners };
        Ok(Read { result, profile_id, person_had_id, was_bound, union_is_new, bindings })
    }

    /// The transaction that stores a login. It doesn't hold if what was read has changed.
    fn writes(&self, binding: &Binding<'_>, read: &Read, now: Timestamp) -> Vec<Write> {
        let Binding { app_id, open_id, .. } = binding;
        let LoginResult { user, account, merged_from, .. } = &read.result;
        let row = |subject: String, app_id: &str| {
            Write::update(&self.mappings.table, mapping_key(subject, app_id))
        };
        let leading_here = |subject: String| {
            row(subject, app_id.as_str()).set("open_id", string(open_id.as_str()))
        };
        let mut writes = vec![self.profile_update(binding, read, now)];
        // By this row the session finds its user.
        writes.push(leading_here(person_subject(user)));
        // The user has turned out to be a person who had an id already: the former one
        // leads nowhere any more.
        if let Some(former) = merged_from {
            let key = mapping_key(person_subject(former), app_id.as_str());
            writes.push(Write::delete(&self.mappings.table, key));
        }
        if let Some(union_id) = binding.union_id {
            // A person who was known may have been erased meanwhile, and then is new.
            let has_id = attr("id").equals(string(user));
            let condition =
                if read.person_had_id { has_id } else { attr("id").not_exists().or(has_id) };
            let person = row(union_subject(union_id), PERSON).set("id", string(user));
            writes.extend([leading_here(union_subject(union_id)), person.when(condition)]);
        }
        // An account that was bound before the person was known finds their other apps
        // only from now on.
        let updated = account.as_deref().filter(|_| read.union_is_new);
        if let Some(account) = binding.account.or(updated) {
            writes.push(bind_row(&self.mappings, account, &identity(binding), binding.union_id));
        }
        if let Some(bindings) = &read.bindings {
            let row = if read.was_bound { bindings.check() } else { bindings.count_another() };
            writes.push(match binding.password_hash {
                Some(hash) => row.when(attr("password_hash").equals(string(hash.expose()))),
                None => row,
            });
        }
        if let Some(exchange) = binding.exchange {
            writes.push(self.codes.put(exchange, user, merged_from.as_deref(), now));
        }
        writes.push(self.sessions.begin(user, app_id.as_str(), binding.session, now));
        writes
    }

    fn profile_update(&self, binding: &Binding<'_>, read: &Read, now: Timestamp) -> Write {
        let unchanged = match &read.profile_id {
            None => attr("id").not_exists(),
            Some(id) => attr("id").equals(string(id)),
        };
        let mut update =
            Write::update(&self.profiles.table, profile_key(binding.app_id, binding.open_id))
                .set("id", string(&read.result.user))
                .set("logged_in_at", number(now))
                // The tombstone of an erased user who returns must not expire.
                .remove(["expires"])
                .when(unchanged);
        if let Some(union_id) = binding.union_id {
            update = update.set("union_id", string(union_id.as_str()));
        }
        if let Some(account) = &read.result.account {
            let is_bound = attr("account").equals(string(account));
            // What was only read isn't written back: it may have been unbound.
            update = if read.was_bound {
                update.when(is_bound)
            } else {
                let condition = attr("account").not_exists().or(is_bound);
                update.set("account", string(account)).when(condition)
            };
        }
        update
    }
}

/// The user who logs in.
fn identity(binding: &Binding<'_>) -> AppIdentity {
    AppIdentity { app_id: binding.app_id.clone(), open_id: binding.open_id.clone(), follows: false }
}

#[cfg(test)]
mod tests;
