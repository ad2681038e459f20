//! Erasing a person entirely, as the law entitles them to (个人信息保护法, article 47: the
//! right to erasure).
//!
//! One transaction unlinks everything that leads to the person, and stores an erasure job
//! that says who it was: from then on they can't be found, and one who returns is a new
//! person. What remains of them leads nowhere and is deleted piece by piece. If the time
//! runs out, the next call resumes the job; when all is deleted, so is the job.
//!
//! What has happened since is not touched: it belongs to the person who returned.
//!
//! A table that is restored from a backup has the person again. So their ids are first put,
//! as hashes, into a list that no restoration takes back, and [`Erasure::again`] erases all
//! on it once more.

mod again;
mod events;
pub(in crate::store) mod job;
mod job_store;
pub(in crate::store) mod list;
mod notifications;
mod unlink;

use self::job::{Counts, ErasureJob, ScanCursor, UnknownCursor};
use self::list::ErasureList;
use super::events::Events;
use super::identities::people::{AppUser, People, PersonError, PersonQuery};
use super::notifications::Notifications;
use super::sessions::Sessions;
use super::tables::{EventsTable, MappingsTable, NotificationsTable, UsersTable};
use super::users::erase::UserItems;
use crate::aws::AwsError;
use crate::clock::Timestamp;

/// The erasure of people, in all tables.
#[derive(Clone, Debug)]
pub struct Erasure {
    people: People,
    user_items: UserItems,
    sessions: Sessions,
    events: Events,
    notifications: Notifications,
    list: Option<ErasureList>,
}

/// The progress of an erasure.
#[derive(Debug)]
pub struct ErasureResult {
    /// The person's internal id, if they had one.
    pub person: Option<String>,
    /// The ids under which they were a person before, whose erasure an earlier call began
    /// and this one has completed.
    pub previous_users: Vec<String>,
    /// What is deleted so far, also by earlier calls. Empty if the person wasn't known.
    pub deleted: Counts,
    /// Whether that is all. If not, the same has to be called again.
    pub complete: bool,
}

/// The progress of erasing again.
#[derive(Debug)]
pub struct ErasedAgain {
    /// The number of people who were there again, in all calls.
    pub people: u64,
    /// What is deleted so far.
    pub deleted: Counts,
    /// Whether that is all. If not, the same has to be called again.
    pub complete: bool,
}

impl ErasureResult {
    fn add(&mut self, job: ErasureJob, complete: bool) {
        let before = self.person.take();
        self.person = job.person.ids.into_iter().next().or_else(|| before.clone());
        self.previous_users.extend(before.filter(|id| Some(id) != self.person.as_ref()));
        for (kind, number) in job.deleted {
            *self.deleted.entry(kind).or_default() += number;
        }
        self.complete = complete;
    }
}

impl Erasure {
    /// The erasure of people in these tables.
    pub fn new(
        users: &UsersTable,
        mappings: &MappingsTable,
        events: &EventsTable,
        notifications: &NotificationsTable,
    ) -> Self {
        Self {
            people: People::new(users, mappings),
            user_items: UserItems::new(users),
            sessions: Sessions::new(users),
            events: Events::new(events),
            notifications: Notifications::new(notifications),
            list: None,
        }
    }

    /// With a list of who is erased, by which it can be repeated after a table was restored.
    #[must_use]
    pub fn with_list(self, list: ErasureList) -> Self {
        Self { list: Some(list), ..self }
    }

    /// Erases a person, until `deadline` at the latest. It may be repeated.
    ///
    /// Fails when an account leads to several people, or DynamoDB fails; then some of it may be
    /// deleted, and the next call resumes.
    pub async fn run(
        &self,
        query: &PersonQuery,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<ErasureResult, PersonError> {
        let mut result = ErasureResult {
            person: None,
            previous_users: Vec::new(),
            deleted: Counts::new(),
            complete: true,
        };
        let mut began = None;
        for job in self.jobs(query).await? {
            began = began.max(Some(job.since));
            let (job, complete) = self.resume(job, now, deadline).await?;
            result.add(job, complete);
            if !complete {
                return Ok(result);
            }
        }
        // A person who has returned since is asked for as well.
        if let (PersonQuery::User(user), Some(began)) = (query, began)
            && !self.is_back(user, began).await?
        {
            return Ok(result);
        }
        if let Some(job) = self.unlink(query, now).await? {
            let (job, complete) = self.resume(job, now, deadline).await?;
            result.add(job, complete);
        } else if let (PersonQuery::Person(id), None) = (query, &result.person) {
            result.person = Some(id.clone());
        }
        Ok(result)
    }

    /// Resumes the erasure of a person to whom nothing leads any more. True if it is
    /// complete.
    async fn resume(
        &self,
        mut job: ErasureJob,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<(ErasureJob, bool), AwsError> {
        let complete =
            self.drain(&mut job, now).await? && self.delete_rows(&mut job, now, deadline).await?;
        if complete {
            self.finish(&job, now).await?;
        } else {
            self.save_progress(&job).await?;
        }
        Ok((job, complete))
    }

    /// Deletes the person's rows. False if the time has run out.
    async fn delete_rows(
        &self,
        job: &mut ErasureJob,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<bool, AwsError> {
        for id in job.person.ids.clone() {
            let (ended, all) = self.sessions.end_all_by(&id, deadline).await?;
            job.count("sessions", ended);
            if !all {
                return Ok(false);
            }
        }
        for (user, until) in job.until.clone() {
            let (deleted, all) = self.delete_rows_of(&user, until, deadline).await?;
            for (kind, number) in deleted {
                job.count(&kind, number);
            }
            if !all {
                return Ok(false);
            }
        }
        while let Some((user, until)) = job.until.get(job.unknown_after.user).cloned() {
            if Timestamp::now() >= deadline {
                return Ok(false);
            }
            let cursor = &job.unknown_after;
            let (deleted, next) = self.events.delete_naming(&user, until, cursor, deadline).await?;
            let next_user = UnknownCursor { user: cursor.user + 1, event: None };
            job.unknown_after = next.unwrap_or(next_user);
            job.count("events", deleted);
        }
        let mut cursor = job.after.take().or_else(|| Some(ScanCursor::default()));
        while let Some(at) = cursor {
            if Timestamp::now() >= deadline {
                job.after = Some(at);
                return Ok(false);
            }
            let (erased, next) = self.notifications.erase_recipient(&job.person, at, now).await?;
            job.count("notifications", erased);
            cursor = next;
        }
        Ok(true)
    }

    /// Deletes the items and the events that one user had until `until`. Returns how many of
    /// each kind, and whether it was all of them.
    async fn delete_rows_of(
        &self,
        user: &AppUser,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(Counts, bool), AwsError> {
        let AppUser { app_id, open_id } = user;
        let (erased, all) =
            self.user_items.erase_by(app_id, open_id, until, false, deadline).await?;
        let mut counts: Counts =
            erased.into_iter().map(|(kind, number)| (kind.to_owned(), number)).collect();
        if !all {
            return Ok((counts, false));
        }
        let (deleted, all) = self.events.delete_of(user, until, deadline).await?;
        if deleted > 0 {
            counts.insert("events".to_owned(), deleted);
        }
        Ok((counts, all))
    }
}

#[cfg(test)]
mod tests;
