//! Sessions: which refresh token is valid.
//!
//! One row for each login, under the person, so that all of a person's are found at once.
//! It holds hashes only: a reader of the table can't refresh anything. It is kept until
//! the session would have ended, also when it is revoked.

pub(in crate::store) mod family;
pub(in crate::store) mod login_codes;
pub(in crate::store) mod password_attempts;

use self::family::{Family, FormerToken, SecretHash};
use super::dynamodb::condition::attr;
use super::dynamodb::item::{Item, binary, get_number, get_string, get_time, number, string};
use super::dynamodb::query::Query;
use super::dynamodb::write::Write;
use super::keys::{item_key, person_subject};
use super::tables::{UsersTable, aggregate};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::AttributeValue;

/// Prefix of the sort keys.
const PREFIX: &str = "session#";

aggregate! {
    /// The sessions of people.
    pub struct Sessions { table: UsersTable }
}

/// A session that a login begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, which is random.
    pub id: String,
    /// Its first refresh token.
    pub first: SecretHash,
}

/// A refresh of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionRefresh<'a> {
    /// The request's own random id. It tells a write whose confirmation was lost from one of
    /// another request.
    pub id: &'a str,
    /// The retry key that came with it.
    pub retry_key: Option<SecretHash>,
    /// The token that replaces the current one.
    pub successor: SecretHash,
}

impl Sessions {
    /// The write that begins a session, for the transaction of the login.
    pub(super) fn begin(
        &self,
        person: &str,
        app_id: &str,
        session: &NewSession,
        now: Timestamp,
    ) -> Write {
        let family = Family::begin(app_id, session.first, now);
        let mut item = key(person, &session.id);
        item.extend([
            ("app_id".to_owned(), string(family.app_id)),
            ("created_at".to_owned(), number(family.created_at)),
            ("generation".to_owned(), number(family.generation)),
            ("current_hash".to_owned(), hash(family.current)),
            ("expires".to_owned(), number(family.ends_at)),
        ]);
        Write::put(&self.table, item)
    }

    /// A person's session of this id, also if it is revoked or has ended; none if there
    /// never was one, or if it was deleted.
    pub async fn get(&self, person: &str, id: &str) -> Result<Option<Family>, AwsError> {
        const ACTION: &str = "reading a session";
        let found = self.table.read(ACTION, key(person, id)).await?;
        let Some(item) = found else { return Ok(None) };
        let family = read(&item).ok_or_else(|| {
            AwsError::unexpected(self.table.action(ACTION), "its row lacks an attribute")
        });
        family.map(Some)
    }

    /// Replaces a session's current token. False if it was replaced, or the session
    /// revoked or deleted, since `before` was read.
    pub async fn rotate(
        &self,
        person: &str,
        id: &str,
        before: &Family,
        refresh: &SessionRefresh<'_>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const ACTION: &str = "refreshing a session";
        let after = before.rotated(refresh.successor, refresh.retry_key, now).ok_or_else(|| {
            AwsError::unexpected(self.table.action(ACTION), "it was refreshed too often")
        })?;
        // Holds also when the rotation is done already, and only its confirmation was
        // lost.
        let is_current = attr("current_hash")
            .equals(hash(before.current))
            .or(attr("rotated_by").equals(string(refresh.id)));
        let update = Write::update(&self.table, key(person, id))
            .set("generation", number(after.generation))
            .set("current_hash", hash(after.current))
            .set("former_hash", hash(before.current))
            .set("rotated_at", number(now))
            .set("rotated_by", string(refresh.id))
            .set_or_remove("retry_key_hash", refresh.retry_key.map(hash))
            .set("expires", number(after.ends_at))
            .when(attr("revoked_at").not_exists())
            .when(is_current);
        self.table.write(ACTION, update).await
    }

    /// Uses the session's one repeat of a response without a retry key, for the request with
    /// this random id. False if another request has used it, or the session was revoked or
    /// deleted.
    pub async fn use_repeat(
        &self,
        person: &str,
        id: &str,
        request: &str,
    ) -> Result<bool, AwsError> {
        let is_unused = attr("repeated_by").not_exists();
        let update = Write::update(&self.table, key(person, id))
            .set("repeated_by", string(request))
            .when(attr("current_hash").exists())
            .when(attr("revoked_at").not_exists())
            .when(is_unused.or(attr("repeated_by").equals(string(request))));
        self.table.write("repeating a session's response", update).await
    }

    /// Revokes a session: none of its refresh tokens is valid any more. One that doesn't
    /// exist, or is revoked already, stays as it is.
    pub async fn revoke(&self, person: &str, id: &str, now: Timestamp) -> Result<(), AwsError> {
        let update = Write::update(&self.table, key(person, id))
            .set("revoked_at", number(now))
            .when(attr("current_hash").exists())
            .when(attr("revoked_at").not_exists());
        self.table.write("revoking a session", update).await.map(drop)
    }

    /// Ends and deletes all sessions of a person. Returns how many there were, with those
    /// that had ended already. Access tokens that were issued work until their 15 minutes
    /// are over. Repeating it after an error deletes the rest.
    pub async fn end_all(&self, person: &str) -> Result<u64, AwsError> {
        Ok(self.end_all_by(person, Timestamp(u64::MAX)).await?.0)
    }

    /// As [`Sessions::end_all`], and returns whether it was all of them: `deadline` may
    /// come before.
    pub async fn end_all_by(
        &self,
        person: &str,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let sessions = attr("user")
            .equals(string(person_subject(person)))
            .and(attr("item").begins_with(PREFIX));
        let query = Query::with_key(sessions).attributes(&["user", "item"]);
        self.table.delete_all("ending a person's sessions", query, deadline).await
    }

    /// Ends the sessions of a person who doesn't exist any more. An error is only logged:
    /// these sessions expire, and lead nowhere until then.
    pub(super) async fn end_all_or_log(&self, person: &str) {
        if let Err(error) = self.end_all(person).await {
            tracing::warn!(
                user = person,
                "the sessions of a deleted person remain until they expire: {error}"
            );
        }
    }
}

fn key(person: &str, id: &str) -> Item {
    item_key(person_subject(person), format!("{PREFIX}{id}"))
}

pub(super) fn hash(hash: SecretHash) -> AttributeValue {
    binary(hash.as_bytes())
}

pub(super) fn get_hash(item: &Item, name: &str) -> Option<SecretHash> {
    SecretHash::from_bytes(item.get(name)?.as_b().ok()?.as_ref())
}

fn read(item: &Item) -> Option<Family> {
    let former = get_hash(item, "former_hash").and_then(|secret| {
        let replaced_at = get_time(item, "rotated_at")?;
        Some(FormerToken { secret, retry_key: get_hash(item, "retry_key_hash"), replaced_at })
    });
    Some(Family {
        app_id: get_string(item, "app_id")?.to_owned(),
        created_at: get_time(item, "created_at")?,
        generation: get_number(item, "generation")?,
        current: get_hash(item, "current_hash")?,
        former,
        has_repeated: item.contains_key("repeated_by"),
        ends_at: get_time(item, "expires")?,
        revoked_at: get_time(item, "revoked_at"),
    })
}

#[cfg(test)]
mod tests;
