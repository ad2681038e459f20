//! The erasure job: what is stored of a person until nothing of them is left. Without it, a
//! call that ends early would be the last that could find them.
//!
//! Its row has a random name. One row each leads to it from everything that the person can
//! be asked for by: their ids, their accounts, and who they were in each app. In the rows
//! that led to them before, they can't be found any more.

use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::string;
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::identities::people::{AppUser, Person, PersonQuery};
use crate::store::keys::{mapping_key, user_key};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long the tombstone of an erased user is kept in an app, in seconds: a day. An event
/// that WeChat still delivers, or that is being applied, would otherwise look new.
pub const TOMBSTONE_TTL: u64 = 24 * 3600;

/// The sort key of a job's own row.
pub(super) const JOB: &str = "#erasure";

/// The number of rows that are deleted, by their kind.
pub type Counts = BTreeMap<String, u64>;

/// What is stored of a person who is being erased.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) struct ErasureJob {
    /// The last part of the row's key, which is random.
    name: String,
    /// Whether the row has been written.
    written: bool,
    /// The subjects of the rows that lead to it.
    pub(super) identity_keys: BTreeSet<String>,
    /// The person to whom nothing leads any more, with the accounts that were deleted with
    /// them.
    pub(super) person: Person,
    /// Until when what each of the users had is deleted.
    pub(super) until: Vec<(AppUser, Timestamp)>,
    /// When the person was unlinked: one who has come since is a new one.
    pub(super) since: Timestamp,
    pub(super) deleted: Counts,
    /// Where the search among the events of no known user resumes.
    #[serde(default)]
    pub(super) unknown_after: UnknownCursor,
    /// Where the scan of the notifications resumes.
    pub(super) after: Option<ScanCursor>,
}

/// A position among the events of no known user, which are searched for each user in turn.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct UnknownCursor {
    /// The index in [`ErasureJob::until`].
    pub(super) user: usize,
    /// The last event that was read.
    pub(super) event: Option<String>,
}

/// A position in the index of the notifications that are due.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct ScanCursor {
    pub(super) shard: u32,
    /// The last that was read: when it is due, and its id.
    pub(super) last: Option<(u64, String)>,
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
            unknown_after: UnknownCursor::default(),
            after: None,
        }
    }

    pub(super) fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.deleted.entry(kind.to_owned()).or_default() += number;
        }
    }

    /// From now on the job is also found by everything that leads to this person.
    pub(super) fn add_identity_keys(&mut self, person: &Person) {
        let ids = person.ids.iter().cloned().map(PersonQuery::Person);
        let accounts = person.accounts.iter().cloned().map(PersonQuery::Account);
        let users = person.users.iter().cloned().map(PersonQuery::User);
        self.identity_keys.extend(ids.chain(accounts).chain(users).map(|it| identity_key(&it)));
    }

    /// The writes that store it, for the transaction that unlinks the person; `before` is
    /// what led to it so far. They don't hold if another invocation has completed it.
    pub(super) fn writes(&mut self, mappings: &Table, before: &BTreeSet<String>) -> Vec<Write> {
        let is_known =
            if self.written { attr("subject").exists() } else { attr("subject").not_exists() };
        self.written = true;
        let mut own = mapping_key(self.subject(), JOB);
        own.insert("what".to_owned(), string(self.to_json()));
        let leading = self
            .identity_keys
            .difference(before)
            .map(|key| Write::put(mappings, mapping_key(key, &self.name)));
        std::iter::once(Write::put(mappings, own).when(is_known)).chain(leading).collect()
    }

    /// The deletions of its rows, its own first.
    pub(super) fn deletions(&self, mappings: &Table) -> Vec<Write> {
        let own = Write::delete(mappings, mapping_key(self.subject(), JOB));
        let leading = self
            .identity_keys
            .iter()
            .map(|key| Write::delete(mappings, mapping_key(key, &self.name)));
        std::iter::once(own).chain(leading).collect()
    }

    pub(super) fn subject(&self) -> String {
        job_subject(&self.name)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("it is made of strings and numbers")
    }
}

/// The subject of the row that leads from a person to their erasure job.
pub(super) fn identity_key(query: &PersonQuery) -> String {
    match query {
        PersonQuery::Person(id) => format!("erasure#person#{id}"),
        PersonQuery::Account(account) => format!("erasure#account#{account}"),
        PersonQuery::User(user) => {
            format!("erasure#user#{}", user_key(&user.app_id, &user.open_id))
        }
    }
}

pub(super) fn job_subject(name: &str) -> String {
    format!("erasure#{name}")
}
