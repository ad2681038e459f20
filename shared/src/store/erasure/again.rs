//! Erasing once more whom a restored table has brought back.
//!
//! All four tables are scanned, whichever was restored, and each id in them is looked up on
//! the list. Only what is older than the erasure is deleted: one who has returned is a new
//! person.

use super::job::{Counts, ErasureJob, JOB};
use super::list::{ErasedId, ErasedIds, Progress};
use super::notifications::Recipient;
use super::unlink::is_known_user;
use super::{ErasedAgain, Erasure};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{Item, get_string, get_time, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::events::named_ids::words;
use crate::store::events::put::UNREADABLE;
use crate::store::events::stored::event_key;
use crate::store::identities::people::{AppUser, Person, PersonError, PersonQuery};
use crate::store::keys::{PASSWORD, PERSON, mapping_key};
use crate::wechat::id::{AppId, OpenId};
use std::collections::BTreeSet;

/// The number of rows that are read in one step.
const PAGE_SIZE: i32 = 500;
const TABLES: usize = 4;

impl Erasure {
    /// Erases everybody on the list once more, until `deadline` at the latest.
    ///
    /// Fails when there is no list, or DynamoDB fails; then the next call resumes where the
    /// last one that ended in time was.
    pub async fn again(
        &self,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<ErasedAgain, PersonError> {
        let list = self.list.as_ref().ok_or_else(|| {
            AwsError::unexpected("erasing again", "there is no list of who was erased")
        })?;
        let erased = list.read().await?;
        let mut progress = list.progress().await?;
        while progress.tables < TABLES {
            let page_is_done = Timestamp::now() < deadline
                && self.erase_page(&erased, &mut progress, now, deadline).await?;
            if !page_is_done {
                list.save(&progress, now).await?;
                let Progress { people, deleted, .. } = progress;
                return Ok(ErasedAgain { people, deleted, complete: false });
            }
        }
        list.finish().await?;
        Ok(ErasedAgain { people: progress.people, deleted: progress.deleted, complete: true })
    }

    /// Erases who is on the next page. False if the time has run out before its end.
    async fn erase_page(
        &self,
        erased: &ErasedIds<'_>,
        progress: &mut Progress,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<bool, PersonError> {
        let (table, attributes): (&Table, &'static [&'static str]) = match progress.tables {
            0 => (&self.people.profiles.table, &["user", "item"]),
            1 => (
                &self.people.mappings.table,
                &["subject", "app_id", "open_id", "id", "created_at", "what"],
            ),
            2 => (&self.events.table, &["user", "event", "kind", "received_at", "body"]),
            _ => (&self.notifications.table, &["id", "content", "requested_at"]),
        };
        let start = progress.after.clone().map(|key| {
            key.into_iter().map(|(name, value)| (name, string(value))).collect::<Item>()
        });
        let scan = Query::scan().attributes(attributes).page_size(PAGE_SIZE).start(start);
        let page = table.read_page("looking for erased people", scan).await?;
        let run = Run { erased, now, deadline };
        let all = match progress.tables {
            0 => self.erase_users(&page.items, &run, progress).await?,
            1 => self.erase_mappings(&page.items, &run, progress).await?,
            2 => self.erase_events(&page.items, &run, progress).await?,
            _ => self.erase_notifications(&page.items, &run, progress).await?,
        };
        if !all {
            return Ok(false);
        }
        progress.after = page.next.map(|key| {
            let texts = key.into_iter();
            texts.filter_map(|(name, value)| Some((name, value.as_s().ok()?.clone()))).collect()
        });
        if progress.after.is_none() {
            progress.tables += 1;
        }
        Ok(true)
    }

    async fn erase_users(
        &self,
        rows: &[Item],
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        for partition in partitions(rows) {
            if let Some(id) = partition.strip_prefix("person#") {
                if run.erased.erased_at(ErasedId::Person(id)).is_some() {
                    let (ended, all) = self.sessions.end_all_by(id, run.deadline).await?;
                    progress.count("sessions", ended);
                    if !all {
                        return Ok(false);
                    }
                }
            } else if let Some((user, at)) = run.erased_user(partition)
                && !self.erase_user(&user, at, run, progress).await?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Erases what a user had until `at`, with all that leads to them if they are the person
    /// who was erased then.
    async fn erase_user(
        &self,
        user: &AppUser,
        at: Timestamp,
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        let profile = self.people.profiles.read(&user.app_id, &user.open_id).await?;
        if is_known_user(&profile) && self.is_restored(user, &profile, at, run).await? {
            let query = PersonQuery::User(user.clone());
            let result = self.run(&query, run.now, run.deadline).await?;
            if !result.complete {
                return Ok(false);
            }
            progress.people += 1;
            progress.add(result.deleted);
        }
        let (deleted, all) = self.delete_rows_of(user, at, run.deadline).await?;
        progress.add(deleted);
        Ok(all)
    }

    /// Whether this is the person who was erased at `at`, and not one who has come since.
    async fn is_restored(
        &self,
        user: &AppUser,
        profile: &Item,
        at: Timestamp,
        run: &Run<'_>,
    ) -> Result<bool, AwsError> {
        let id = get_string(profile, "id");
        let id = id.filter(|id| run.erased.erased_at(ErasedId::Person(id)).is_some());
        let erased = Person {
            ids: id.into_iter().map(str::to_owned).collect(),
            users: [user.clone()].into(),
            ..Person::default()
        };
        Ok(self.people.remaining_rows(&erased, at).await?.is_some())
    }

    async fn erase_mappings(
        &self,
        rows: &[Item],
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        for row in rows {
            let (Some(subject), Some(app_id)) =
                (get_string(row, "subject"), get_string(row, "app_id"))
            else {
                continue;
            };
            let open_id = get_string(row, "open_id");
            let all = match (app_id, open_id) {
                (JOB, _) => self.resume_restored(row, run, progress).await?,
                (PASSWORD, _) => self.erase_account(row, subject, run, progress).await?,
                (PERSON, _) => {
                    let id = get_string(row, "id").unwrap_or_default();
                    if run.erased.erased_at(ErasedId::Person(id)).is_some() {
                        let unchanged = attr("id").equals(string(id));
                        self.delete_mapping(row, unchanged, "mappings", progress).await?;
                    }
                    true
                }
                (app_id, Some(open_id)) => match run.erased_user(&format!("{app_id}#{open_id}")) {
                    None => true,
                    Some((user, at)) => {
                        self.erase_mapping(row, subject, &user, at, run, progress).await?
                    }
                },
                _ => true,
            };
            if !all {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Erases the user to whom a row leads, and the row, unless they have returned.
    async fn erase_mapping(
        &self,
        row: &Item,
        subject: &str,
        user: &AppUser,
        at: Timestamp,
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        if !self.erase_user(user, at, run, progress).await? {
            return Ok(false);
        }
        let profile = self.people.profiles.read(&user.app_id, &user.open_id).await?;
        let id = subject.strip_prefix("person#").map(ErasedId::Person);
        let is_of_erased = id.is_some_and(|id| run.erased.erased_at(id).is_some());
        if is_of_erased || !is_known_user(&profile) {
            let unchanged = attr("open_id").equals(string(user.open_id.as_str()));
            self.delete_mapping(row, unchanged, "mappings", progress).await?;
        }
        Ok(true)
    }

    /// Deletes an account that was deleted with its owner, with what leads from it to them,
    /// unless it is bound to another person.
    async fn erase_account(
        &self,
        row: &Item,
        subject: &str,
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, AwsError> {
        let Some(account) = subject.strip_prefix("account#") else { return Ok(true) };
        let at = run.erased.erased_at(ErasedId::Account(account));
        let is_older = at.is_some_and(|at| get_time(row, "created_at") <= Some(at));
        if !is_older {
            return Ok(true);
        }
        let mut is_free = true;
        for bound in self.people.mappings.rows(subject).await? {
            let Some(open_id) = get_string(&bound, "open_id") else { continue };
            if run.erased.erased_at(ErasedId::OpenId(open_id)).is_some() {
                let unchanged = attr("open_id").equals(string(open_id));
                self.delete_mapping(&bound, unchanged, "mappings", progress).await?;
            } else {
                is_free = false;
            }
        }
        if is_free {
            let unchanged = match row.get("created_at") {
                Some(read) => attr("created_at").equals(read.clone()),
                None => attr("created_at").not_exists(),
            };
            self.delete_mapping(row, unchanged, "accounts", progress).await?;
        }
        Ok(true)
    }

    /// Completes an erasure that was under way when the table was as it is again.
    async fn resume_restored(
        &self,
        row: &Item,
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, AwsError> {
        let job = get_string(row, "what").and_then(|json| serde_json::from_str(json).ok());
        let Some(job): Option<ErasureJob> = job else { return Ok(true) };
        let (job, complete) = self.resume(job, run.now, run.deadline).await?;
        if complete {
            progress.people += 1;
            progress.add(job.deleted);
        }
        Ok(complete)
    }

    /// Deletes a row of the mappings if it still is what was read.
    async fn delete_mapping(
        &self,
        row: &Item,
        unchanged: Condition,
        kind: &str,
        progress: &mut Progress,
    ) -> Result<(), AwsError> {
        let table = &self.people.mappings.table;
        let text = |name| get_string(row, name).unwrap_or_default();
        let key = mapping_key(text("subject"), text("app_id"));
        let delete = Write::delete(table, key).when(unchanged);
        if table.write("deleting a row of an erased person", delete).await? {
            progress.count(kind, 1);
        }
        Ok(())
    }

    async fn erase_events(
        &self,
        rows: &[Item],
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        for partition in partitions(rows) {
            let Some((user, at)) = run.erased_user(partition) else { continue };
            let (deleted, all) = self.events.delete_of(&user, at, run.deadline).await?;
            progress.count("events", deleted);
            if !all {
                return Ok(false);
            }
        }
        let named = rows
            .iter()
            .filter(|row| run.is_of_erased(row))
            .filter_map(|row| Some(event_key(get_string(row, "user")?, get_string(row, "event")?)));
        let action = "deleting the events that name an erased person";
        let (deleted, all) =
            self.events.table.delete_items(action, named.collect(), run.deadline).await?;
        progress.count("events", deleted);
        Ok(all)
    }

    async fn erase_notifications(
        &self,
        rows: &[Item],
        run: &Run<'_>,
        progress: &mut Progress,
    ) -> Result<bool, PersonError> {
        for row in rows {
            let (Some(id), Some(content)) = (get_string(row, "id"), get_string(row, "content"))
            else {
                continue;
            };
            if Timestamp::now() >= run.deadline {
                return Ok(false);
            }
            let requested_at = get_time(row, "requested_at");
            let is_erased = |to: &Recipient| {
                to.ids()
                    .any(|id| run.erased.erased_at(id).is_some_and(|at| requested_at <= Some(at)))
            };
            if Recipient::from_content(content).is_some_and(|to| is_erased(&to))
                && self.notifications.erase_if_to(id, is_erased, run.now).await?
            {
                progress.count("notifications", 1);
            }
        }
        Ok(true)
    }
}

/// What one call of [`Erasure::again`] goes by.
struct Run<'a> {
    erased: &'a ErasedIds<'a>,
    now: Timestamp,
    deadline: Timestamp,
}

impl Run<'_> {
    /// The user of a key `{app_id}#{open_id}`, and when they were erased, if they were.
    fn erased_user(&self, key: &str) -> Option<(AppUser, Timestamp)> {
        let (app_id, open_id) = key.split_once('#')?;
        let at = self.erased.erased_at(ErasedId::OpenId(open_id))?;
        let (app_id, open_id) = (AppId::parse(app_id).ok()?, OpenId::parse(open_id).ok()?);
        Some((AppUser { app_id, open_id }, at))
    }

    /// Whether an event can't be read and names a person who was erased after it.
    fn is_of_erased(&self, row: &Item) -> bool {
        let received_at = get_time(row, "received_at");
        let body = get_string(row, "body").unwrap_or_default();
        get_string(row, "kind") == Some(UNREADABLE)
            && words(body).iter().any(|word| {
                let at = self.erased.erased_at(ErasedId::OpenId(word));
                at.is_some_and(|at| received_at <= Some(at))
            })
    }
}

impl Progress {
    fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.deleted.entry(kind.to_owned()).or_default() += number;
        }
    }

    fn add(&mut self, counts: Counts) {
        for (kind, number) in counts {
            self.count(&kind, number);
        }
    }
}

/// The partition keys of these rows of the users or the events table, each once.
fn partitions(rows: &[Item]) -> BTreeSet<&str> {
    rows.iter().filter_map(|row| get_string(row, "user")).collect()
}
