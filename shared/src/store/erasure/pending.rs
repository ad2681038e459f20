//! What is written down of somebody who is being forgotten, until nothing of them
//! is left: a call that breaks off must not be the last that could find it.
//!
//! The row bears a random name. To it lead, one row each, all that the person can
//! be asked for by: their ids, their accounts, and who they were in each app. In
//! the rows that led to them before, they can't be found any more.

use super::{Counts, Erasure, TOMBSTONE_TTL};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::persons::{AppUser, Person, PersonQuery};
use crate::store::{Users, get_string, number, string, transaction, user_key};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The sort key of the row itself.
const PENDING: &str = "#erasure";

/// What is written down of a person who is being forgotten.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ErasureJob {
    /// The last part of the row's key, which is random.
    name: String,
    /// Whether the row has been written.
    written: bool,
    /// The subjects of the rows that lead to it.
    pub(super) identity_keys: BTreeSet<String>,
    /// Whom nothing identity_keys to any more, with the accounts that went with them.
    pub(super) person: Person,
    /// Until when what each of the users had goes.
    pub(super) until: Vec<(AppUser, Timestamp)>,
    /// When they were taken away: who has come since is somebody new.
    pub(super) since: Timestamp,
    pub(super) deleted: Counts,
    /// Where looking through the notifications has come to.
    pub(super) after: Option<ScanCursor>,
}

/// A place in the index of the notifications that wait.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct ScanCursor {
    pub(in crate::store) shard: u32,
    /// The last that was seen: when it is due, and its id.
    pub(in crate::store) last: Option<(u64, String)>,
}

impl ErasureJob {
    pub(super) fn new() -> Self {
        Self {
            name: uuid::Uuid::new_v4().simple().to_string(),
            written: false,
            identity_keys: BTreeSet::new(),
            person: Person::default(),
            until: Vec::new(),
            since: Timestamp(0),
            deleted: Counts::new(),
            after: None,
        }
    }

    pub(super) fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.deleted.entry(kind.to_owned()).or_default() += number;
        }
    }

    /// From now on the person can also be asked for by whatever identity_keys to this one.
    pub(super) fn add_identity_keys(&mut self, person: &Person) {
        let ids = person.ids.iter().cloned().map(PersonQuery::Person);
        let accounts = person.accounts.iter().cloned().map(PersonQuery::Account);
        let users = person.users.iter().cloned().map(PersonQuery::User);
        self.identity_keys
            .extend(ids.chain(accounts).chain(users).map(|asked| identity_key(&asked)));
    }

    /// The writes that write it down, for the transaction that takes the person
    /// away; `before` is what led to it so far.
    pub(super) fn writes(
        &mut self,
        table: &str,
        before: &BTreeSet<String>,
    ) -> Vec<TransactWriteItem> {
        // Somebody else may have finished it meanwhile.
        let condition = if self.written {
            "attribute_exists(subject)"
        } else {
            "attribute_not_exists(subject)"
        };
        self.written = true;
        let row = |subject: &str, sort: &str| {
            Put::builder()
                .table_name(table)
                .item("subject", string(subject))
                .item("app_id", string(sort))
        };
        let own = row(&self.subject(), PENDING)
            .item("what", string(self.text()))
            .condition_expression(condition);
        let identity_keys = self.identity_keys.difference(before).map(|key| row(key, &self.name));
        std::iter::once(own)
            .chain(identity_keys)
            .map(|put| transaction::put(put.build().expect("table and item are set")))
            .collect()
    }

    fn subject(&self) -> String {
        subject(&self.name)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("it is made of strings and numbers")
    }
}

impl Erasure {
    /// Those whom earlier calls began to forget and didn't finish with, the one
    /// who was first before the others.
    pub(super) async fn pending(&self, asked: &PersonQuery) -> Result<Vec<ErasureJob>, AwsError> {
        let mappings = &self.logins.mappings;
        let mut found = Vec::new();
        for row in mappings.collection(&identity_key(asked)).await? {
            let Some(name) = get_string(&row, "app_id") else { continue };
            let rows = mappings.collection(&subject(name)).await?;
            let what = rows.first().and_then(|row| get_string(row, "what"));
            found.extend(what.and_then(|what| serde_json::from_str::<ErasureJob>(what).ok()));
        }
        found.sort_by_key(|pending| pending.since);
        Ok(found)
    }

    /// Writes down how far it has come, unless somebody else has finished it.
    pub(super) async fn save_progress(&self, pending: &ErasureJob) -> Result<(), AwsError> {
        let table = &self.logins.mappings.table;
        let update = Update::builder()
            .table_name(&table.name)
            .key("subject", string(pending.subject()))
            .key("app_id", string(PENDING))
            .update_expression("SET what = :what")
            .condition_expression("attribute_exists(subject)")
            .expression_attribute_values(":what", string(pending.text()));
        table.change("writing down who is being forgotten", update).await.map(drop)
    }

    /// Gives the marks their end, and removes what was written down.
    pub(super) async fn finish(
        &self,
        pending: &ErasureJob,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "forgetting whom there was to forget";
        let marks = pending.person.users.iter().map(async |AppUser { app_id, open_id }| {
            // Who has returned has more than a mark, and it stays.
            let mark = Update::builder()
                .table_name(&self.users().table.name)
                .set_key(Some(Users::profile_key(app_id, open_id)))
                .update_expression("SET expires = :expires")
                .condition_expression(
                    "attribute_exists(left_at) AND attribute_not_exists(id) AND attribute_not_exists(version)",
                )
                .expression_attribute_values(":expires", number(now.plus(TOMBSTONE_TTL)));
            self.users().table.change(ACTION, mark).await
        });
        futures_util::future::try_join_all(marks).await?;
        let table = &self.logins.mappings.table;
        let row = |subject: &str, sort: &str| {
            let row = Delete::builder()
                .table_name(&table.name)
                .key("subject", string(subject))
                .key("app_id", string(sort));
            transaction::delete(row)
        };
        // All at once: either alone would stay for ever.
        let mut items = vec![row(&pending.subject(), PENDING)];
        items.extend(pending.identity_keys.iter().map(|key| row(key, &pending.name)));
        let action = table.action(ACTION);
        // The row itself goes with the last of them.
        while items.len() > super::unlink::MAX_TRANSACTION_ITEMS {
            let some = items.split_off(items.len() - super::unlink::MAX_TRANSACTION_ITEMS);
            transaction::write(&table.dynamodb, &action, some).await?;
        }
        transaction::write(&table.dynamodb, &action, items).await.map(drop)
    }
}

/// The subject of the row that identity_keys from somebody to what is written down of
/// them.
fn identity_key(asked: &PersonQuery) -> String {
    match asked {
        PersonQuery::Person(id) => format!("erasure#person#{id}"),
        PersonQuery::Account(account) => format!("erasure#account#{account}"),
        PersonQuery::User(user) => {
            format!("erasure#user#{}", user_key(&user.app_id, &user.open_id))
        }
    }
}

fn subject(name: &str) -> String {
    format!("erasure#{name}")
}
