//! The keys of the rows that several files read or write.

use super::dynamodb::item::{Item, item_of, string};
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::types::AttributeValue;

/// The sort key of a person's own row beside those of their apps: the internal id.
pub(super) const PERSON: &str = "#person";
/// The sort key of an account's own row: when it was created, and the hash of its
/// password, if it has one, and how often it was bound.
pub(super) const PASSWORD: &str = "#password";

/// The partition key of everything that belongs to one user of one app.
pub(super) fn user_key(app_id: &AppId, open_id: &OpenId) -> String {
    format!("{app_id}#{}", open_id.as_str())
}

/// The key of an item in the users table.
pub(super) fn item_key(user: impl Into<String>, item: impl Into<String>) -> Item {
    item_of([("user", string(user)), ("item", string(item))])
}

/// The key of the item that says who a user is.
pub(super) fn profile_key(app_id: &AppId, open_id: &OpenId) -> Item {
    item_key(user_key(app_id, open_id), "profile")
}

/// The key of a row in the mappings table.
pub(super) fn mapping_key(subject: impl Into<String>, app_id: &str) -> Item {
    item_of([("subject", string(subject)), ("app_id", string(app_id))])
}

/// The key of a row in the notifications table.
pub(super) fn id_key(id: impl Into<String>) -> Item {
    item_of([("id", string(id))])
}

pub(super) fn union_subject(union_id: &UnionId) -> String {
    format!("union#{}", union_id.as_str())
}

pub(super) fn account_subject(account: &str) -> String {
    format!("account#{account}")
}

/// By a session's internal id its person is found in each app that they log in to.
pub(super) fn person_subject(id: &str) -> String {
    format!("person#{id}")
}

/// The key of the row that says that there is an account of this name.
pub fn account_key(account: &str) -> std::collections::HashMap<String, AttributeValue> {
    mapping_key(account_subject(account), PASSWORD)
}
