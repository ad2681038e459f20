//! The list of who was erased, by which it is repeated after a table was restored.
//!
//! It names no one: each row is the hash of one id, made with a key that only the login
//! function may read. It is a table of its own without backups, so that it is never restored
//! with the others, and a row is kept as long as a backup could bring its person back.

use super::job::Counts;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::dynamodb::delete_all::MAX_CONCURRENCY;
use crate::store::dynamodb::item::{get_string, get_time, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::identities::people::Person;
use crate::store::keys::id_key;
use crate::store::tables::ErasuresTable;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, HashMap};

/// How long an id is on the list, in seconds: the 35 days for which point-in-time recovery
/// keeps a table, and two for the restoration itself.
const RETENTION: u64 = (35 + 2) * 24 * 3600;
/// The row that says how far a repetition is.
const PROGRESS: &str = "#progress";
/// How long that row is kept, in seconds: a day.
const PROGRESS_TTL: u64 = 24 * 3600;

/// The list of who was erased.
#[derive(Clone, Debug)]
pub struct ErasureList {
    table: Table,
    key: Secret,
}

/// An id of a person. Openids are in no two apps the same.
#[derive(Clone, Copy)]
pub(super) enum ErasedId<'a> {
    Person(&'a str),
    Account(&'a str),
    Union(&'a str),
    OpenId(&'a str),
}

/// The list as it was read: when each of the ids was erased.
pub(super) struct ErasedIds<'a> {
    list: &'a ErasureList,
    erased_at: HashMap<String, Timestamp>,
}

/// How far a repetition is.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The number of tables that are done.
    pub(super) tables: usize,
    /// The key after which the scan of the next table resumes.
    pub(super) after: Option<BTreeMap<String, String>>,
    pub(super) people: u64,
    pub(super) deleted: Counts,
}

impl ErasureList {
    /// The list in this table, whose hashes are made with this key.
    pub fn new(table: &ErasuresTable, key: Secret) -> Self {
        Self { table: table.0.clone(), key }
    }

    fn hash(&self, id: ErasedId<'_>) -> String {
        let (kind, id) = match id {
            ErasedId::Person(id) => ("person", id),
            ErasedId::Account(id) => ("account", id),
            ErasedId::Union(id) => ("union", id),
            ErasedId::OpenId(id) => ("openid", id),
        };
        let key = self.key.expose().as_bytes();
        let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is taken");
        hmac.update(format!("{kind}#{id}").as_bytes());
        hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Puts all ids of a person on the list, as erased until `at`.
    pub(super) async fn add(&self, person: &Person, at: Timestamp) -> Result<(), AwsError> {
        let ids = person.ids.iter().map(|id| ErasedId::Person(id));
        let accounts = person.accounts.iter().map(|account| ErasedId::Account(account));
        let unions = person.union_ids.iter().map(|id| ErasedId::Union(id.as_str()));
        let users = person.users.iter().map(|user| ErasedId::OpenId(user.open_id.as_str()));
        let puts: Vec<_> = ids
            .chain(accounts)
            .chain(unions)
            .chain(users)
            .map(|id| {
                let mut row = id_key(self.hash(id));
                row.insert("erased_at".to_owned(), number(at));
                row.insert("expires".to_owned(), number(at.plus(RETENTION)));
                Write::put(&self.table, row)
            })
            .collect();
        for some in puts.chunks(MAX_CONCURRENCY) {
            let writes =
                some.iter().map(|put| self.table.write("listing an erased person", put.clone()));
            futures_util::future::try_join_all(writes).await?;
        }
        Ok(())
    }

    /// Reads the whole list.
    pub(super) async fn read(&self) -> Result<ErasedIds<'_>, AwsError> {
        let rows = self.table.read_all("reading who was erased", Query::scan()).await?;
        let erased_at = rows.iter().filter_map(|row| {
            Some((get_string(row, "id")?.to_owned(), get_time(row, "erased_at")?))
        });
        Ok(ErasedIds { list: self, erased_at: erased_at.collect() })
    }

    /// How far the repetition is that an earlier call began.
    pub(super) async fn progress(&self) -> Result<Progress, AwsError> {
        let row = self.table.read("reading how far it is", id_key(PROGRESS)).await?;
        let json = row.as_ref().and_then(|row| get_string(row, "progress"));
        Ok(json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default())
    }

    /// Stores how far it is.
    pub(super) async fn save(&self, progress: &Progress, now: Timestamp) -> Result<(), AwsError> {
        let json = serde_json::to_string(progress).expect("it is made of strings and numbers");
        let mut row = id_key(PROGRESS);
        row.insert("progress".to_owned(), string(json));
        row.insert("expires".to_owned(), number(now.plus(PROGRESS_TTL)));
        let put = Write::put(&self.table, row);
        self.table.write("storing how far it is", put).await.map(drop)
    }

    /// Deletes what [`ErasureList::save`] has stored.
    pub(super) async fn finish(&self) -> Result<(), AwsError> {
        let delete = Write::delete(&self.table, id_key(PROGRESS));
        self.table.write("completing it", delete).await.map(drop)
    }
}

impl ErasedIds<'_> {
    /// When an id was erased, if it was: what is of before isn't to be there any more.
    pub(super) fn erased_at(&self, id: ErasedId<'_>) -> Option<Timestamp> {
        self.erased_at.get(&self.list.hash(id)).copied()
    }
}
