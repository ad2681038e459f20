//! Sessions: which refresh token is good.
//!
//! One row for each login, under the person, so that all of a person's are found
//! at once. It holds hashes only: who reads the table can't refresh anything. It
//! stays until the session would have ended, also when it is revoked.

mod family;

pub use family::{Family, SecretHash, Verdict};

use super::conflict::retry_on_conflict;
use super::mappings::person_subject;
use super::{Item, Table, get_number, get_string, get_time, item_of, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::VariableError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put};

/// What the sort keys of sessions begin with.
const ITEM: &str = "session#";

/// The sessions in the users table.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(super) table: Table,
}

/// A session that a login begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, which is random.
    pub id: String,
    /// Its first refresh token.
    pub first: SecretHash,
}

impl Sessions {
    /// Reads `USERS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "USERS_TABLE")? })
    }

    /// A person's session of this id, also if it is revoked or over; none if there
    /// never was one, or if it was forgotten.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer, or the row can't be understood.
    pub async fn get(&self, person: &str, id: &str) -> Result<Option<Family>, AwsError> {
        const ACTION: &str = "reading a session";
        let found = self.table.read(ACTION, key(person, id)).await?;
        let Some(item) = found else { return Ok(None) };
        let family = family(&item).ok_or_else(|| {
            AwsError::unexpected(self.table.action(ACTION), "its row lacks something")
        });
        family.map(Some)
    }

    /// Replaces a session's current token. False if somebody else has replaced it,
    /// or revoked or forgotten the session, since `before` was read.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn rotate(
        &self,
        person: &str,
        id: &str,
        before: &Family,
        successor: SecretHash,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const ACTION: &str = "refreshing a session";
        let after = before.rotated(successor, now).ok_or_else(|| {
            AwsError::unexpected(self.table.action(ACTION), "it was refreshed too often")
        })?;
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(person, id)))
            .update_expression(
                "SET generation = :generation, current_hash = :successor, former_hash = :current, rotated_at = :now, expires = :ends",
            )
            // Also true of what is already done, as when only its confirmation was
            // lost and the SDK asks again.
            .condition_expression(
                "attribute_not_exists(revoked_at) AND (current_hash = :current OR (current_hash = :successor AND rotated_at = :now))",
            )
            .expression_attribute_values(":generation", number(after.generation))
            .expression_attribute_values(":successor", hash(after.current))
            .expression_attribute_values(":current", hash(before.current))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":ends", number(after.ends_at));
        let rotated = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional(ACTION, rotated)?.is_some())
    }

    /// Ends a session: none of its refresh tokens is good any more. One that isn't
    /// there, or has been revoked before, stays as it is.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn revoke(&self, person: &str, id: &str, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(person, id)))
            .update_expression("SET revoked_at = :now")
            .condition_expression(
                "attribute_exists(current_hash) AND attribute_not_exists(revoked_at)",
            )
            .expression_attribute_values(":now", number(now));
        let revoked = retry_on_conflict(|| update.clone().send()).await;
        self.table.conditional("revoking a session", revoked)?;
        Ok(())
    }

    /// Ends and forgets all sessions of a person: how many there were, with those
    /// that had ended already. Access tokens that were handed out work until their
    /// 15 minutes are over.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Those that are gone by then stay gone, and
    /// the next call continues.
    pub async fn end_sessions(&self, person: &str) -> Result<u64, AwsError> {
        Ok(self.end_sessions_until(person, Timestamp(u64::MAX)).await?.0)
    }

    /// As [`Sessions::end_sessions`], and says whether it was all of them:
    /// `deadline` may come before.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Those that are gone by then stay gone, and
    /// the next call continues.
    pub async fn end_sessions_until(
        &self,
        person: &str,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let query = self
            .table
            .dynamodb
            .query()
            .key_condition_expression("#user = :person AND begins_with(#item, :session)")
            .projection_expression("#user, #item")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":person", string(person_subject(person)))
            .expression_attribute_values(":session", string(ITEM));
        self.table.delete_found("forgetting a person's sessions", query, deadline).await
    }
}

/// The write that begins a session, for the transaction of the login.
pub(super) fn begin(
    table: &str,
    person: &str,
    app_id: &str,
    session: &NewSession,
    now: Timestamp,
) -> Put {
    let family = Family::begin(app_id, session.first, now);
    Put::builder()
        .table_name(table)
        .set_item(Some(key(person, &session.id)))
        .item("app_id", string(family.app_id))
        .item("created_at", number(family.created_at))
        .item("generation", number(family.generation))
        .item("current_hash", hash(family.current))
        .item("expires", number(family.ends_at))
        .build()
        .expect("table and item are set")
}

fn key(person: &str, id: &str) -> Item {
    item_of([("user", string(person_subject(person))), ("item", string(format!("{ITEM}{id}")))])
}

fn hash(hash: SecretHash) -> AttributeValue {
    AttributeValue::B(Blob::new(hash.as_bytes()))
}

fn get_hash(item: &Item, name: &str) -> Option<SecretHash> {
    SecretHash::from_bytes(item.get(name)?.as_b().ok()?.as_ref())
}

fn family(item: &Item) -> Option<Family> {
    let former = get_hash(item, "former_hash");
    Some(Family {
        app_id: get_string(item, "app_id")?.to_owned(),
        created_at: get_time(item, "created_at")?,
        generation: get_number(item, "generation")?,
        current: get_hash(item, "current_hash")?,
        former: former.and_then(|former| Some((former, get_time(item, "rotated_at")?))),
        ends_at: get_time(item, "expires")?,
        revoked_at: get_time(item, "revoked_at"),
    })
}

#[cfg(test)]
mod tests;
