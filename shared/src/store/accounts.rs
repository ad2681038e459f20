//! Accounts, as whoever hands them out changes them: their passwords, and whose
//! they are.
//!
//! An account is bound to a user of an app: that stands in the user's profile and
//! in a row of the account's, and both change in one transaction. A person has a
//! user in each of their apps; here all of them are bound, a login binds the one
//! who logs in.

use super::mappings::{PASSWORD, account_subject, person_subject};
use super::{AppIdentity, Logins, Mappings, Users, get_string, number, string, transaction};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::id::UnionId;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, TransactWriteItem, Update};

/// How often it is tried again when a login got in between.
const MAX_ATTEMPTS: usize = 3;

/// Why an account isn't bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Nobody has made it.
    #[error("there is no account of this name")]
    NoAccount,
    /// Nobody who has logged in has this id, or they have been forgotten.
    #[error("there is nobody with this internal id")]
    NoPerson,
    /// It belongs to another user of one of the person's apps.
    #[error("the account is bound to another WeChat user")]
    AccountTaken,
    /// The person has another one in one of their apps.
    #[error("this person is bound to another account")]
    PersonTaken,
    /// DynamoDB didn't do it.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// A user of a person's, and what their profile says.
struct BoundUser {
    route: AppIdentity,
    account: Option<String>,
    union_id: Option<UnionId>,
}

impl Mappings {
    /// Makes an account, with a password or without. False if there is one of that
    /// name.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn create_account(
        &self,
        account: &str,
        password_hash: Option<&Secret>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        // The condition holds also for what was written already and only not
        // confirmed: a hash is salted, so one that is the same is ours.
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("subject", string(account_subject(account)))
            .key("app_id", string(PASSWORD))
            .expression_attribute_values(":now", number(now));
        let update = match password_hash {
            Some(hash) => update
                .update_expression("SET created_at = :now, password_hash = :hash")
                .condition_expression("attribute_not_exists(subject) OR password_hash = :hash")
                .expression_attribute_values(":hash", string(hash.expose())),
            None => update
                .update_expression("SET created_at = :now")
                .condition_expression("attribute_not_exists(subject)"),
        };
        self.table.change("making an account", update).await
    }

    /// Gives an account this password, or none; without one no login binds it.
    /// False if there is no such account.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn set_password(
        &self,
        account: &str,
        password_hash: Option<&Secret>,
    ) -> Result<bool, AwsError> {
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("subject", string(account_subject(account)))
            .key("app_id", string(PASSWORD))
            .condition_expression("attribute_exists(subject)");
        let update = match password_hash {
            Some(hash) => update
                .update_expression("SET password_hash = :hash")
                .expression_attribute_values(":hash", string(hash.expose())),
            None => update.update_expression("REMOVE password_hash"),
        };
        self.table.change("setting a password", update).await
    }

    /// Whether there is an account of this name.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn has_account(&self, account: &str) -> Result<bool, AwsError> {
        Ok(self.account_row(account).await?.is_some())
    }
}

impl Logins {
    /// Binds an account to a person, in all apps in which they have logged in.
    /// Nothing happens if it is bound to them already.
    ///
    /// # Errors
    ///
    /// When there is no such account or person, one of them is bound elsewhere, or
    /// DynamoDB doesn't confirm. Then nothing is changed.
    pub async fn bind(&self, account: &str, person: &str) -> Result<(), BindError> {
        for _ in 0..MAX_ATTEMPTS {
            if !self.mappings.has_account(account).await? {
                return Err(BindError::NoAccount);
            }
            let users = self.users_of(person).await?;
            if users.is_empty() {
                return Err(BindError::NoPerson);
            }
            if users.iter().any(|user| user.account.as_deref().is_some_and(|it| it != account)) {
                return Err(BindError::PersonTaken);
            }
            let bound = self.mappings.collection(&account_subject(account)).await?;
            let taken = |user: &BoundUser| {
                bound.iter().any(|row| {
                    get_string(row, "app_id") == Some(user.route.app_id.as_str())
                        && get_string(row, "open_id") != Some(user.route.open_id.as_str())
                })
            };
            if users.iter().any(taken) {
                return Err(BindError::AccountTaken);
            }
            // The account may not go meanwhile.
            let exists = ConditionCheck::builder()
                .table_name(&self.mappings.table.name)
                .key("subject", string(account_subject(account)))
                .key("app_id", string(PASSWORD))
                .condition_expression("attribute_exists(subject)");
            let mut items = vec![transaction::check(exists)];
            for user in &users {
                items.extend(self.bound(account, person, user));
            }
            let table = &self.mappings.table;
            let what = table.action("binding an account");
            if transaction::write(&table.dynamodb, &what, items).await? {
                return Ok(());
            }
        }
        Err(AwsError::unexpected("binding an account", "logins kept getting in between").into())
    }

    fn bound(&self, account: &str, person: &str, user: &BoundUser) -> [TransactWriteItem; 2] {
        let profile = Update::builder()
            .table_name(&self.users.table.name)
            .set_key(Some(Users::profile_key(&user.route.app_id, &user.route.open_id)))
            .update_expression("SET account = :account")
            .condition_expression(
                "id = :person AND (attribute_not_exists(account) OR account = :account)",
            )
            .expression_attribute_values(":account", string(account))
            .expression_attribute_values(":person", string(person));
        let mut set = "SET open_id = :open".to_owned();
        let mut row = Update::builder()
            .table_name(&self.mappings.table.name)
            .key("subject", string(account_subject(account)))
            .key("app_id", string(user.route.app_id.as_str()))
            .condition_expression("attribute_not_exists(open_id) OR open_id = :open")
            .expression_attribute_values(":open", string(user.route.open_id.as_str()));
        if let Some(union_id) = &user.union_id {
            set.push_str(", union_id = :union");
            row = row.expression_attribute_values(":union", string(union_id.as_str()));
        }
        [transaction::update(profile), transaction::update(row.update_expression(set))]
    }

    /// Takes an account from a person, in all their apps. False if it wasn't
    /// theirs. The account stays, and so does its password.
    ///
    /// # Errors
    ///
    /// When there is no such account or person, or DynamoDB doesn't confirm. Then
    /// nothing is changed.
    pub async fn unbind(&self, account: &str, person: &str) -> Result<bool, BindError> {
        for _ in 0..MAX_ATTEMPTS {
            if self.mappings.account_row(account).await?.is_none() {
                return Err(BindError::NoAccount);
            }
            let users = self.users_of(person).await?;
            if users.is_empty() {
                return Err(BindError::NoPerson);
            }
            let items: Vec<_> = users
                .iter()
                .filter(|user| user.account.as_deref() == Some(account))
                .flat_map(|user| self.unbound_user(account, &user.route))
                .collect();
            if items.is_empty() {
                return Ok(false);
            }
            let table = &self.mappings.table;
            let what = table.action("unbinding an account");
            if transaction::write(&table.dynamodb, &what, items).await? {
                return Ok(true);
            }
        }
        Err(AwsError::unexpected("unbinding an account", "logins kept getting in between").into())
    }

    fn unbound_user(&self, account: &str, route: &AppIdentity) -> [TransactWriteItem; 2] {
        let profile = Update::builder()
            .table_name(&self.users.table.name)
            .set_key(Some(Users::profile_key(&route.app_id, &route.open_id)))
            .update_expression("REMOVE account")
            .condition_expression("account = :account")
            .expression_attribute_values(":account", string(account));
        let row = Delete::builder()
            .table_name(&self.mappings.table.name)
            .key("subject", string(account_subject(account)))
            .key("app_id", string(route.app_id.as_str()))
            .condition_expression("attribute_not_exists(open_id) OR open_id = :open")
            .expression_attribute_values(":open", string(route.open_id.as_str()));
        [transaction::update(profile), transaction::delete(row)]
    }

    /// The users as whom a person has logged in.
    async fn users_of(&self, person: &str) -> Result<Vec<BoundUser>, AwsError> {
        let mut users = Vec::new();
        for route in self.mappings.routes(&person_subject(person)).await? {
            let profile = self.users.profile(&route.app_id, &route.open_id).await?;
            let profile = profile.unwrap_or_default();
            if get_string(&profile, "id") == Some(person) {
                let text = |name| get_string(&profile, name);
                users.push(BoundUser {
                    account: text("account").map(str::to_owned),
                    union_id: text("union_id").and_then(|id| UnionId::parse(id).ok()),
                    route,
                });
            }
        }
        Ok(users)
    }
}

#[cfg(test)]
mod tests;
