//! What is written down of somebody who is being forgotten, until nothing of them
//! is left: a call that breaks off must not be the last that could find it.
//!
//! The row bears a random name. To it lead, one row each, all that the person can
//! be asked for by: their ids, their accounts, and who they were in each app. In
//! the rows that led to them before, they can't be found any more.

use super::{Counts, Erasure, MARKED};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::persons::{Asked, Person, User};
use crate::store::{Users, get_string, number, string, transaction, user_key};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The sort key of the row itself.
const PENDING: &str = "#forgetting";

/// What is written down of a person who is being forgotten.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The last part of the row's key, which is random.
    name: String,
    /// Whether the row has been written.
    written: bool,
    /// The subjects of the rows that lead to it.
    pub(super) leads: BTreeSet<String>,
    /// Whom nothing leads to any more, with the accounts that went with them.
    pub(super) person: Person,
    /// Until when what each of the users had goes.
    pub(super) until: Vec<(User, Timestamp)>,
    /// When they were taken away: who has come since is somebody new.
    pub(super) since: Timestamp,
    pub(super) gone: Counts,
    /// Where looking through the notifications has come to.
    pub(super) after: Option<Place>,
}

/// A place in the index of the notifications that wait.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct Place {
    pub(in crate::store) shard: u32,
    /// The last that was seen: when it is due, and its id.
    pub(in crate::store) last: Option<(u64, String)>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            name: uuid::Uuid::new_v4().simple().to_string(),
            written: false,
            leads: BTreeSet::new(),
            person: Person::default(),
            until: Vec::new(),
            since: Timestamp(0),
            gone: Counts::new(),
            after: None,
        }
    }

    pub(super) fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.gone.entry(kind.to_owned()).or_default() += number;
        }
    }

    /// From now on the person can also be asked for by whatever leads to this one.
    pub(super) fn lead_from(&mut self, person: &Person) {
        let ids = person.ids.iter().cloned().map(Asked::Person);
        let accounts = person.accounts.iter().cloned().map(Asked::Account);
        let users = person.users.iter().cloned().map(Asked::User);
        self.leads.extend(ids.chain(accounts).chain(users).map(|asked| lead(&asked)));
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
        let leads = self.leads.difference(before).map(|lead| row(lead, &self.name));
        std::iter::once(own)
            .chain(leads)
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
    pub(super) async fn pending(&self, asked: &Asked) -> Result<Vec<Pending>, AwsError> {
        let mappings = &self.logins.mappings;
        let mut found = Vec::new();
        for row in mappings.collection(&lead(asked)).await? {
            let Some(name) = get_string(&row, "app_id") else { continue };
            let rows = mappings.collection(&subject(name)).await?;
            let what = rows.first().and_then(|row| get_string(row, "what"));
            found.extend(what.and_then(|what| serde_json::from_str::<Pending>(what).ok()));
        }
        found.sort_by_key(|pending| pending.since);
        Ok(found)
    }

    /// Writes down how far it has come, unless somebody else has finished it.
    pub(super) async fn put_off(&self, pending: &Pending) -> Result<(), AwsError> {
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
    pub(super) async fn finish(&self, pending: &Pending, now: Timestamp) -> Result<(), AwsError> {
        const WHAT: &str = "forgetting whom there was to forget";
        let marks = pending.person.users.iter().map(async |User { app_id, open_id }| {
            // Who has returned has more than a mark, and it stays.
            let mark = Update::builder()
                .table_name(&self.users().table.name)
                .set_key(Some(Users::profile_key(app_id, open_id)))
                .update_expression("SET expires = :expires")
                .condition_expression(
                    "attribute_exists(left_at) AND attribute_not_exists(id) AND attribute_not_exists(version)",
                )
                .expression_attribute_values(":expires", number(now.plus(MARKED)));
            self.users().table.change(WHAT, mark).await
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
        items.extend(pending.leads.iter().map(|lead| row(lead, &pending.name)));
        let action = table.action(WHAT);
        // The row itself goes with the last of them.
        while items.len() > super::unlink::MOST_ITEMS {
            let some = items.split_off(items.len() - super::unlink::MOST_ITEMS);
            transaction::write(&table.dynamodb, &action, some).await?;
        }
        transaction::write(&table.dynamodb, &action, items).await.map(drop)
    }
}

/// The subject of the row that leads from somebody to what is written down of
/// them.
fn lead(asked: &Asked) -> String {
    match asked {
        Asked::Person(id) => format!("forgetting#person#{id}"),
        Asked::Account(account) => format!("forgetting#account#{account}"),
        Asked::User(user) => format!("forgetting#user#{}", user_key(&user.app_id, &user.open_id)),
    }
}

fn subject(name: &str) -> String {
    format!("forgetting#{name}")
}
