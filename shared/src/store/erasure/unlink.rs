//! The transaction after which a person can't be found any more.

use super::Erasure;
use super::job::{Counts, ErasureJob};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::transaction::MAX_ITEMS;
use crate::store::dynamodb::write::Write;
use crate::store::identities::account_bindings::no_binding_added_since;
use crate::store::identities::mappings::leads_to;
use crate::store::identities::people::{AppUser, Person, PersonError, PersonQuery};
use crate::store::keys::{
    PASSWORD, PERSON, account_subject, mapping_key, person_subject, profile_key, union_subject,
};
use crate::store::users::profiles::union_id;

/// Maximum number of attempts when logins get in between.
const MAX_ATTEMPTS: usize = 3;
/// Maximum number of searches for what was written in between.
const MAX_DRAIN_ROUNDS: usize = 4;
/// The attributes of a tombstone, which say nothing of any person.
const TOMBSTONE_ATTRIBUTES: [&str; 4] = ["user", "item", "left_at", "expires"];
const ACTION: &str = "unlinking a person";

impl Erasure {
    /// Unlinks everything that leads to a person, and stores a job that says who it was.
    /// None if nothing leads to them.
    pub(super) async fn unlink(
        &self,
        query: &PersonQuery,
        now: Timestamp,
    ) -> Result<Option<ErasureJob>, PersonError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(person) = self.people.find(query).await? else { return Ok(None) };
            let (job, writes) = self.erasure_items(ErasureJob::new(), person, now).await?;
            if self.commit(writes).await? {
                return Ok(Some(job));
            }
        }
        let problem = "logins of this person kept getting in between";
        Err(AwsError::unexpected(ACTION, problem).into())
    }

    /// Unlinks what was written between the search for the person and the transaction,
    /// where that didn't look: a login or a follow in another app. False if more keeps
    /// coming; then the next call resumes.
    pub(super) async fn drain(
        &self,
        job: &mut ErasureJob,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        for _ in 0..MAX_DRAIN_ROUNDS {
            let remaining = self.people.remaining_rows(&job.person, job.since).await?;
            let Some(remaining) = remaining else { return Ok(true) };
            let (next, writes) = self.erasure_items(job.clone(), remaining, now).await?;
            if self.commit(writes).await? {
                *job = next;
            }
        }
        Ok(false)
    }

    /// Whether there is something of a user since their tombstone was written.
    pub(super) async fn is_back(&self, user: &AppUser, since: Timestamp) -> Result<bool, AwsError> {
        let AppUser { app_id, open_id } = user;
        let profile = self.people.profiles.read(app_id, open_id).await?;
        let latest = self.user_items.latest(app_id, open_id).await?;
        Ok(is_known_user(&profile) || latest > Some(since))
    }

    /// False if what was read has changed in the meantime.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<bool, AwsError> {
        if writes.len() > MAX_ITEMS {
            let problem = format!("{} rows at once are more than DynamoDB takes", writes.len());
            return Err(AwsError::unexpected(ACTION, problem));
        }
        self.people.mappings.table.transact(ACTION, writes).await
    }

    /// The transaction that unlinks a person, and the job as it is then.
    pub(super) async fn erasure_items(
        &self,
        mut job: ErasureJob,
        mut person: Person,
        now: Timestamp,
    ) -> Result<(ErasureJob, Vec<Write>), AwsError> {
        let mut deleted = Counts::new();
        let mut count = |kind: &str| *deleted.entry(kind.to_owned()).or_default() += 1;
        let (mut profiles, mut latest) = (Vec::new(), Vec::new());
        for user in person.users.clone() {
            let profile = self.people.profiles.read(&user.app_id, &user.open_id).await?;
            if is_known_user(&profile) {
                count("profiles");
            }
            // It may say more than when it was searched, and the transaction depends on
            // this.
            let text = |name| get_string(&profile, name).map(str::to_owned);
            person.ids.extend(text("id"));
            person.accounts.extend(text("account"));
            person.union_ids.extend(union_id(&profile));
            latest.push(self.user_items.latest(&user.app_id, &user.open_id).await?);
            profiles.push((user, profile));
        }
        let mut writes = Vec::new();
        let unions = person.union_ids.iter().map(union_subject);
        let people = person.ids.iter().map(|id| person_subject(id));
        for subject in unions.chain(people) {
            for row in self.people.mappings.rows(&subject).await? {
                if !belongs_to_another(&row, &person) {
                    count("mappings");
                    writes.push(self.deletion(&subject, &row, get_string(&row, "open_id")));
                }
            }
        }
        for account in &person.accounts {
            let subject = account_subject(account);
            let rows = self.people.mappings.rows(&subject).await?;
            let (password, bound): (Vec<_>, Vec<_>) =
                rows.iter().partition(|row| get_string(row, "app_id") == Some(PASSWORD));
            let (theirs, others): (Vec<_>, Vec<_>) =
                bound.into_iter().partition(|row| belongs_to(row, &person));
            for row in theirs {
                count("mappings");
                writes.push(self.deletion(&subject, row, get_string(row, "open_id")));
            }
            // Another person may have bound it in another app.
            if others.is_empty() {
                job.person.accounts.insert(account.clone());
                for row in password {
                    count("accounts");
                    let delete = self.deletion(&subject, row, None);
                    writes.push(delete.when(no_binding_added_since(row)));
                }
            }
        }
        // As late as possible, and the second in which it is written is over then: what is
        // stored until it is written is deleted with the rest.
        let since = now.max(Timestamp::now()).plus(1);
        job.since = if job.until.is_empty() { since } else { job.since };
        for ((user, profile), latest) in profiles.into_iter().zip(latest) {
            // WeChat's clock may be ahead of ours.
            let until = latest.max(Some(since)).unwrap_or(since);
            writes.push(self.tombstone(&user, &profile, until));
            job.until.push((user, until));
        }
        for (kind, number) in deleted {
            job.count(&kind, number);
        }
        let identity_keys = job.identity_keys.clone();
        job.add_identity_keys(&person);
        job.person.ids.extend(person.ids);
        job.person.union_ids.extend(person.union_ids);
        job.person.users.extend(person.users);
        // Before anything is deleted: a call that ends early leaves one too many on the list.
        if let Some(list) = &self.list {
            list.add(&job.person, since).await?;
        }
        writes.extend(job.writes(&self.people.mappings.table, &identity_keys));
        Ok((job, writes))
    }

    /// The tombstone in place of the profile: nothing of before counts. It doesn't hold if
    /// the user has logged in, followed or been bound to an account since it was read, or
    /// another invocation is erasing them. It doesn't expire until the erasure is complete.
    fn tombstone(&self, user: &AppUser, profile: &Item, until: Timestamp) -> Write {
        const READ: [&str; 6] = ["id", "account", "union_id", "logged_in_at", "version", "left_at"];
        let left_at = get_time(profile, "left_at").max(Some(until)).unwrap_or(until);
        let mut item = profile_key(&user.app_id, &user.open_id);
        item.insert("left_at".to_owned(), number(left_at));
        READ.iter().fold(Write::put(&self.people.profiles.table, item), |put, name| {
            put.when(match profile.get(*name) {
                None => attr(*name).not_exists(),
                Some(known) => attr(*name).equals(known.clone()),
            })
        })
    }

    /// The deletion of a row of the mappings, which leads to this openid if it leads to
    /// one.
    fn deletion(&self, subject: &str, row: &Item, open_id: Option<&str>) -> Write {
        let key = mapping_key(subject, get_string(row, "app_id").unwrap_or(PERSON));
        let delete = Write::delete(&self.people.mappings.table, key);
        match open_id {
            Some(open_id) => delete.when(attr("open_id").equals(string(open_id))),
            None => delete,
        }
    }
}

/// Whether a row leads to one of the person's users.
fn belongs_to(row: &Item, person: &Person) -> bool {
    person.users.iter().any(|user| leads_to(row, &user.app_id, &user.open_id))
}

/// Whether a row leads to another person, who has come in between.
fn belongs_to_another(row: &Item, person: &Person) -> bool {
    if get_string(row, "app_id") == Some(PERSON) {
        return get_string(row, "id").is_some_and(|id| !person.ids.contains(id));
    }
    row.contains_key("open_id") && !belongs_to(row, person)
}

/// Whether a profile is more than a tombstone.
pub(super) fn is_known_user(profile: &Item) -> bool {
    profile.keys().any(|attribute| !TOMBSTONE_ATTRIBUTES.contains(&attribute.as_str()))
}
