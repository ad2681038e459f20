//! A login: the user, the person and the account come together in one
//! transaction.
//!
//! A mini program that isn't bound to an open-platform account has users and no
//! persons: each user then has an internal id of their own. When WeChat tells the
//! person one day, the next login settles whose id that is:
//!
//! - If the person has none yet, the user's becomes theirs. Nothing changes.
//! - If they have one, from another app, that stays: sessions and data of several
//!   apps may hang on it, on the user's only those of this app. The user's former
//!   id leads nowhere from then on, and the login's answer names it once, so that
//!   whoever has stored something under it can move it.
//! - The account stays with the user whom it was bound to, and so becomes the
//!   person's. If the person has another one in another app, they have both: an
//!   account is bound by app.

use super::mappings::{PASSWORD, PERSON, account_subject, person_subject, union_subject};
use super::{
    AppIdentity, CodeExchange, Mappings, NewSession, Sessions, Users, get_string, number, sessions,
    string, transaction,
};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Update};
use uuid::Uuid;

/// How often a login that met another of the same person looks again.
const MAX_ATTEMPTS: usize = 3;

/// The two tables that a login changes.
#[derive(Clone, Debug)]
pub struct Logins {
    /// The users table.
    pub users: Users,
    /// The mappings table.
    pub mappings: Mappings,
}

/// Who logs in, where, and with which account.
#[derive(Debug)]
pub struct Binding<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The user in it.
    pub open_id: &'a OpenId,
    /// The person, where WeChat tells.
    pub union_id: Option<&'a UnionId>,
    /// The account to bind.
    pub account: Option<&'a str>,
    /// The hash by which its password has been checked: the account must still have
    /// it when the login is stored.
    pub password_hash: Option<&'a Secret>,
    /// The session that begins.
    pub session: &'a NewSession,
    /// What the code becomes, for a retry to find.
    pub exchange: Option<&'a CodeExchange>,
}

/// What a login found and made.
#[derive(Debug)]
pub struct LoginResult {
    /// The person's internal id: random, and the same in all their apps.
    pub user: String,
    /// The account that is bound to the user.
    pub account: Option<String>,
    /// The apps in which the person is known.
    pub routes: Vec<AppIdentity>,
    /// The internal id that the user has had until this login, if it has just
    /// turned out that they are somebody who had another one already.
    pub merged_from: Option<String>,
}

/// A login that can't be.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Another user of this app has bound the account.
    #[error("the account is bound to another WeChat user")]
    AccountTaken,
    /// The user has bound another account.
    #[error("this WeChat user is bound to another account")]
    UserTaken,
    /// The account has another password by now, or is gone.
    #[error("the account has changed meanwhile")]
    AccountChanged,
    /// DynamoDB didn't do it.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Logins {
    /// Stores a login.
    ///
    /// # Errors
    ///
    /// When account or user are bound elsewhere, or DynamoDB doesn't confirm.
    pub async fn log_in(
        &self,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<LoginResult, LoginError> {
        for attempts in 0..MAX_ATTEMPTS {
            if attempts > 0
                && let Some(account) = binding.account
                && self.mappings.password_hash(account).await?.as_ref() != binding.password_hash
            {
                return Err(LoginError::AccountChanged);
            }
            let known = self.known(binding).await?;
            if self.store(binding, &known, now).await? {
                // It has turned out who that is: nobody has the id of before any more,
                // and its sessions would go on speaking of nobody.
                if let Some(former) = &known.session.merged_from {
                    self.end_sessions(former).await;
                }
                return Ok(known.session);
            }
        }
        Err(AwsError::unexpected(
            "storing a login",
            "other logins of this person kept getting in between",
        )
        .into())
    }

    /// Ends the sessions of somebody who isn't there any more. What fails is only
    /// told: these sessions have their end, and lead nowhere until then.
    pub(super) async fn end_sessions(&self, person: &str) {
        let sessions = Sessions { table: self.users.table.clone() };
        if let Err(error) = sessions.end_sessions(person).await {
            tracing::warn!(user = person, "sessions of somebody who is gone stay: {error}");
        }
    }

    /// Reads what there is, and decides on the internal id.
    async fn known(&self, binding: &Binding<'_>) -> Result<Read, LoginError> {
        let (person, mut routes) = match binding.union_id {
            Some(union_id) => self.mappings.person(union_id).await?,
            None => (None, Vec::new()),
        };
        let profile = self.users.profile(binding.app_id, binding.open_id).await?;
        let profile_id =
            profile.as_ref().and_then(|item| get_string(item, "id")).map(str::to_owned);
        let account =
            profile.as_ref().and_then(|item| get_string(item, "account")).map(str::to_owned);
        if let (Some(bound), Some(wanted)) = (&account, binding.account)
            && bound != wanted
        {
            return Err(LoginError::UserTaken);
        }
        if let Some(account) = binding.account {
            let (bound, owner) = self.mappings.owner(account).await?;
            let here = bound.iter().find(|route| route.app_id == *binding.app_id);
            let is_anothers = here.is_some_and(|route| route.open_id != *binding.open_id);
            // Also in another app: the owner's messages would go to somebody else.
            if is_anothers || owner.as_ref().zip(binding.union_id).is_some_and(|(a, b)| a != b) {
                return Err(LoginError::AccountTaken);
            }
        }
        if !routes.iter().any(|route| route.app_id == *binding.app_id) {
            routes.push(AppIdentity {
                app_id: binding.app_id.clone(),
                open_id: binding.open_id.clone(),
                follows: false,
            });
        }
        let union_is_new = binding.union_id.is_some_and(|union_id| {
            let known = profile.as_ref().and_then(|item| get_string(item, "union_id"));
            known != Some(union_id.as_str())
        });
        let (was_person, was_bound) = (person.is_some(), account.is_some());
        let user = person
            .or_else(|| profile_id.clone())
            .unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        let account = account.or_else(|| binding.account.map(str::to_owned));
        let merged_from = profile_id.clone().filter(|id| *id != user);
        let session = LoginResult { user, account, routes, merged_from };
        Ok(Read { session, profile_id, was_person, was_bound, union_is_new })
    }

    /// False if somebody else changed what was read in the meantime.
    async fn store(
        &self,
        binding: &Binding<'_>,
        known: &Read,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let mut items = vec![transaction::update(self.profile_update(binding, known, now))];
        // By this row the session finds its user.
        let found = self
            .mappings_update()
            .key("subject", string(person_subject(&known.session.user)))
            .key("app_id", string(binding.app_id.as_str()))
            .update_expression("SET open_id = :open")
            .expression_attribute_values(":open", string(binding.open_id.as_str()));
        items.push(transaction::update(found));
        // It has turned out that the user is somebody who had an id already: the
        // one of before leads nowhere any more.
        if let Some(former) = &known.session.merged_from {
            let row = Delete::builder()
                .table_name(&self.mappings.table.name)
                .key("subject", string(person_subject(former)))
                .key("app_id", string(binding.app_id.as_str()));
            items.push(transaction::delete(row));
        }
        if let Some(union_id) = binding.union_id {
            let row = |app_id: &str| {
                self.mappings_update()
                    .key("subject", string(union_subject(union_id)))
                    .key("app_id", string(app_id))
            };
            let app = row(binding.app_id.as_str())
                .update_expression("SET open_id = :open")
                .expression_attribute_values(":open", string(binding.open_id.as_str()));
            // Who was known may have been forgotten meanwhile, and then is new.
            let condition =
                if known.was_person { "id = :id" } else { "attribute_not_exists(id) OR id = :id" };
            let person = row(PERSON)
                .update_expression("SET id = :id")
                .condition_expression(condition)
                .expression_attribute_values(":id", string(&known.session.user));
            items.extend([transaction::update(app), transaction::update(person)]);
        }
        // An account that was bound before the person was known finds their other
        // apps only from now on.
        let learns = known.session.account.as_deref().filter(|_| known.union_is_new);
        if let Some(account) = binding.account.or(learns) {
            let mut set = "SET open_id = :open".to_owned();
            let mut row = self
                .mappings_update()
                .key("subject", string(account_subject(account)))
                .key("app_id", string(binding.app_id.as_str()))
                .condition_expression("attribute_not_exists(open_id) OR open_id = :open")
                .expression_attribute_values(":open", string(binding.open_id.as_str()));
            if let Some(union_id) = binding.union_id {
                set.push_str(", union_id = :union");
                row = row.expression_attribute_values(":union", string(union_id.as_str()));
            }
            items.push(transaction::update(row.update_expression(set)));
        }
        if let Some((account, hash)) = binding.account.zip(binding.password_hash) {
            let unchanged = ConditionCheck::builder()
                .table_name(&self.mappings.table.name)
                .key("subject", string(account_subject(account)))
                .key("app_id", string(PASSWORD))
                .condition_expression("password_hash = :hash")
                .expression_attribute_values(":hash", string(hash.expose()));
            items.push(transaction::check(unchanged));
        }
        if let Some(exchange) = binding.exchange {
            items.push(self.users.login_code_put(exchange, &known.session, now));
        }
        let users = &self.users.table;
        let (person, app_id) = (&known.session.user, binding.app_id.as_str());
        let session = sessions::begin(&users.name, person, app_id, binding.session, now);
        items.push(transaction::put(session));
        transaction::write(&users.dynamodb, "storing a login", items).await
    }

    fn profile_update(&self, binding: &Binding<'_>, known: &Read, now: Timestamp) -> UpdateBuilder {
        let mut set = "SET id = :id, logged_in_at = :now".to_owned();
        let mut update = Update::builder()
            .table_name(&self.users.table.name)
            .set_key(Some(Users::profile_key(binding.app_id, binding.open_id)))
            .expression_attribute_values(":id", string(&known.session.user))
            .expression_attribute_values(":now", number(now));
        // Nobody may have changed meanwhile what was read.
        let mut condition = match &known.profile_id {
            None => "attribute_not_exists(id)".to_owned(),
            Some(id) => {
                update = update.expression_attribute_values(":known", string(id));
                "id = :known".to_owned()
            }
        };
        if let Some(union_id) = binding.union_id {
            set.push_str(", union_id = :union");
            update = update.expression_attribute_values(":union", string(union_id.as_str()));
        }
        if let Some(account) = &known.session.account {
            // What was only read isn't written back: it may have been taken away.
            condition.push_str(if known.was_bound {
                " AND account = :account"
            } else {
                set.push_str(", account = :account");
                " AND (attribute_not_exists(account) OR account = :account)"
            });
            update = update.expression_attribute_values(":account", string(account));
        }
        // Who was forgotten and returns isn't to be forgotten once more.
        set.push_str(" REMOVE expires");
        update.update_expression(set).condition_expression(condition)
    }

    fn mappings_update(&self) -> UpdateBuilder {
        Update::builder().table_name(&self.mappings.table.name)
    }
}

/// What was read before a login is stored.
#[derive(Debug)]
struct Read {
    session: LoginResult,
    /// The internal id that the user has had so far.
    profile_id: Option<String>,
    /// Whether the person had an internal id.
    was_person: bool,
    /// Whether the user had an account.
    was_bound: bool,
    /// Whether the profile doesn't name the person that WeChat tells.
    union_is_new: bool,
}

#[cfg(test)]
mod tests;
