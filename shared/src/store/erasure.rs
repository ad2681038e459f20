//! Forgetting a person entirely, as the law lets them ask for (个人信息保护法,
//! article 47: the right to erasure).
//!
//! One transaction takes away everything that identity_keys to the person, and writes down
//! who it was: from then on nobody finds them, and whoever returns is somebody
//! new. What is left of them then identity_keys nowhere any more and goes piece by piece.
//! If the time runs out, the next call goes on; when all is gone, so is what was
//! written down.
//!
//! What has happened since is not touched: it belongs to whoever returned.

mod pending;
mod unlink;

pub(in crate::store) use pending::ScanCursor;

use super::persons::{AppUser, PersonError, PersonQuery};
use super::{Events, Logins, Notifications, Sessions, Users};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use pending::ErasureJob;
use std::collections::BTreeMap;

/// The mark that a forgotten user leaves in an app stays for so many seconds: a
/// day. An event that WeChat still delivers, or that is being applied, would
/// otherwise look as if it were new.
pub const TOMBSTONE_TTL: u64 = 24 * 3600;

/// The tables in which a person stands.
#[derive(Debug)]
pub struct Erasure {
    /// Users and mappings.
    pub logins: Logins,
    /// The sessions.
    pub sessions: Sessions,
    /// The events table.
    pub events: Events,
    /// The notifications table.
    pub notifications: Notifications,
}

/// What has gone, by its kind.
pub type Counts = BTreeMap<String, u64>;

/// How far forgetting somebody has come.
#[derive(Debug)]
pub struct ErasureResult {
    /// Their internal id, if they had one.
    pub person: Option<String>,
    /// Under which ids they were somebody before, whom an earlier call began to
    /// forget and this one has finished with.
    pub previous_users: Vec<String>,
    /// What has gone so far, also in earlier calls. Nothing, if nobody knew them.
    pub deleted: Counts,
    /// Whether that is all. If not, the same has to be asked again.
    pub complete: bool,
}

impl ErasureResult {
    fn add(&mut self, pending: ErasureJob, complete: bool) {
        let before = self.person.take();
        self.person = pending.person.ids.into_iter().next().or_else(|| before.clone());
        self.previous_users.extend(before.filter(|id| Some(id) != self.person.as_ref()));
        for (kind, number) in pending.deleted {
            *self.deleted.entry(kind).or_default() += number;
        }
        self.complete = complete;
    }
}

impl Erasure {
    /// Forgets a person, until `deadline` at the latest. Asking again does no harm.
    ///
    /// # Errors
    ///
    /// When an account identity_keys to several, or DynamoDB doesn't confirm; then some
    /// of it may have gone, and asking again goes on.
    pub async fn run(
        &self,
        asked: &PersonQuery,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<ErasureResult, PersonError> {
        let mut forgotten = ErasureResult {
            person: None,
            previous_users: Vec::new(),
            deleted: Counts::new(),
            complete: true,
        };
        let mut began = None;
        for pending in self.pending(asked).await? {
            began = began.max(Some(pending.since));
            let (pending, complete) = self.resume(pending, now, deadline).await?;
            forgotten.add(pending, complete);
            if !complete {
                return Ok(forgotten);
            }
        }
        // Whoever has returned since is asked for as well.
        if let (PersonQuery::User(user), Some(began)) = (asked, began)
            && !self.is_back(user, began).await?
        {
            return Ok(forgotten);
        }
        if let Some(pending) = self.unlink(asked, now).await? {
            let (pending, complete) = self.resume(pending, now, deadline).await?;
            forgotten.add(pending, complete);
        } else if let (PersonQuery::Person(id), None) = (asked, &forgotten.person) {
            forgotten.person = Some(id.clone());
        }
        Ok(forgotten)
    }

    /// Goes on with somebody to whom nothing identity_keys any more; true if that was all.
    async fn resume(
        &self,
        mut pending: ErasureJob,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<(ErasureJob, bool), AwsError> {
        let complete = self.drain(&mut pending, now).await?
            && self.delete_rows(&mut pending, now, deadline).await?;
        if complete {
            self.finish(&pending, now).await?;
        } else {
            self.save_progress(&pending).await?;
        }
        Ok((pending, complete))
    }

    /// Deletes what led to the person's rows. False if the time has run out.
    async fn delete_rows(
        &self,
        pending: &mut ErasureJob,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<bool, AwsError> {
        for id in pending.person.ids.clone() {
            let (ended, all) = self.sessions.end_sessions_until(&id, deadline).await?;
            pending.count("sessions", ended);
            if !all {
                return Ok(false);
            }
        }
        for (AppUser { app_id, open_id }, until) in pending.until.clone() {
            let (erased, all) =
                self.users().erase_by(&app_id, &open_id, until, false, deadline).await?;
            for (kind, number) in erased {
                pending.count(kind, number);
            }
            if !all {
                return Ok(false);
            }
            let (deleted, all) =
                self.events.delete_events_of(&app_id, &open_id, until, deadline).await?;
            pending.count("events", deleted);
            if !all {
                return Ok(false);
            }
        }
        let mut place = pending.after.take().or_else(|| Some(ScanCursor::default()));
        while let Some(at) = place {
            if Timestamp::now() >= deadline {
                pending.after = Some(at);
                return Ok(false);
            }
            let (forgotten, next) =
                self.notifications.erase_recipient(&pending.person, at, now).await?;
            pending.count("notifications", forgotten);
            place = next;
        }
        Ok(true)
    }

    fn users(&self) -> &Users {
        &self.logins.users
    }
}

#[cfg(test)]
mod tests;
