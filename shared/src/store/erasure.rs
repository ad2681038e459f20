//! Forgetting a person entirely, as the law lets them ask for (个人信息保护法,
//! article 47: the right to erasure).
//!
//! One transaction takes away everything that leads to the person, and writes down
//! who it was: from then on nobody finds them, and whoever returns is somebody
//! new. What is left of them then leads nowhere any more and goes piece by piece.
//! If the time runs out, the next call goes on; when all is gone, so is what was
//! written down.
//!
//! What has happened since is not touched: it belongs to whoever returned.

mod unlink;

use super::persons::{Asked, Person, PersonError, User};
use super::{Events, Logins, Notifications, Sessions, Users, get_string, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::Update;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The mark that a forgotten user leaves in an app stays for so many seconds: a
/// day. An event that WeChat still delivers, or that is being applied, would
/// otherwise look as if it were new.
pub const MARKED: u64 = 24 * 3600;

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
pub struct Forgotten {
    /// Their internal id, if they had one.
    pub person: Option<String>,
    /// What has gone so far, also in earlier calls. Nothing, if nobody knew them.
    pub gone: Counts,
    /// Whether that is all. If not, the same has to be asked again, by the internal
    /// id if there is one.
    pub complete: bool,
}

/// What is written down of a person who is being forgotten.
#[derive(Serialize, Deserialize)]
struct Pending {
    /// The last part of the row's key.
    name: String,
    person: Person,
    since: Timestamp,
    gone: Counts,
    /// Where looking through the notifications has come to.
    after: Option<Place>,
}

/// A place in the index of the notifications that wait.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct Place {
    pub(in crate::store) shard: u32,
    /// The last that was seen: when it is due, and its id.
    pub(in crate::store) last: Option<(u64, String)>,
}

impl Pending {
    fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.gone.entry(kind.to_owned()).or_default() += number;
        }
    }

    fn forgotten(self, complete: bool) -> Forgotten {
        Forgotten { person: self.person.ids.into_iter().next(), gone: self.gone, complete }
    }
}

impl Erasure {
    /// Forgets a person, until `deadline` at the latest. Asking again does no harm.
    ///
    /// # Errors
    ///
    /// When an account leads to several, or DynamoDB doesn't confirm; then some
    /// of it may have gone, and asking again goes on.
    pub async fn forget(
        &self,
        asked: &Asked,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Forgotten, PersonError> {
        let mut pending = match self.pending(asked).await? {
            Some(pending) => pending,
            None => match self.unlink(asked, now).await? {
                Some(pending) => pending,
                None => {
                    let person = match asked {
                        Asked::Person(id) => Some(id.clone()),
                        Asked::Account(_) | Asked::User(_) => None,
                    };
                    return Ok(Forgotten { person, gone: Counts::new(), complete: true });
                }
            },
        };
        let complete = self.erase(&mut pending, now, deadline).await?;
        if complete {
            self.finish(&pending).await?;
        } else {
            self.put_off(&pending).await?;
        }
        Ok(pending.forgotten(complete))
    }

    /// Deletes what led to the person's rows. False if the time has run out.
    async fn erase(
        &self,
        pending: &mut Pending,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<bool, AwsError> {
        let ids: Vec<_> = pending.person.ids.iter().cloned().collect();
        for id in ids {
            let ended = self.sessions.end_sessions(&id).await?;
            pending.count("sessions", ended.into());
        }
        let users: Vec<_> = pending.person.users.iter().cloned().collect();
        for User { app_id, open_id } in &users {
            let erased = self.users().erase(app_id, open_id, pending.since, false).await?;
            for (kind, number) in erased {
                pending.count(kind, number);
            }
            let since = pending.since;
            let (deleted, all) = self.events.delete_of(app_id, open_id, since, deadline).await?;
            pending.count("events", deleted);
            if !all {
                return Ok(false);
            }
        }
        let mut place = pending.after.take().or_else(|| Some(Place::default()));
        while let Some(at) = place {
            if Timestamp::now() >= deadline {
                pending.after = Some(at);
                return Ok(false);
            }
            let (forgotten, next) =
                self.notifications.forget_recipient(&pending.person, at, now).await?;
            pending.count("notifications", forgotten);
            place = next;
        }
        Ok(true)
    }

    fn users(&self) -> &Users {
        &self.logins.users
    }

    /// What is written down of somebody whom an earlier call began to forget.
    async fn pending(&self, asked: &Asked) -> Result<Option<Pending>, AwsError> {
        let name = match asked {
            Asked::Person(id) => id.clone(),
            Asked::User(User { app_id, open_id }) => {
                let mark = self.users().profile(app_id, open_id).await?.unwrap_or_default();
                match get_string(&mark, "forgetting") {
                    Some(name) => name.to_owned(),
                    None => return Ok(None),
                }
            }
            // It leads nowhere any more.
            Asked::Account(_) => return Ok(None),
        };
        let rows = self.logins.mappings.collection(&pending_subject(&name)).await?;
        let what = rows.first().and_then(|row| get_string(row, "what"));
        Ok(what.and_then(|what| serde_json::from_str(what).ok()))
    }

    /// Writes down how far it has come.
    async fn put_off(&self, pending: &Pending) -> Result<(), AwsError> {
        let update = Update::builder()
            .table_name(&self.logins.mappings.table.name)
            .key("subject", string(pending_subject(&pending.name)))
            .key("app_id", string(PENDING))
            .update_expression("SET what = :what")
            .expression_attribute_values(":what", string(written(pending)));
        let table = &self.logins.mappings.table;
        table.change("writing down who is being forgotten", update).await.map(drop)
    }

    /// Removes what was written down.
    async fn finish(&self, pending: &Pending) -> Result<(), AwsError> {
        const WHAT: &str = "forgetting whom there was to forget";
        for User { app_id, open_id } in &pending.person.users {
            let mark = Update::builder()
                .table_name(&self.users().table.name)
                .set_key(Some(Users::profile_key(app_id, open_id)))
                .update_expression("REMOVE forgetting")
                .condition_expression("forgetting = :name")
                .expression_attribute_values(":name", string(&pending.name));
            self.users().table.change(WHAT, mark).await?;
        }
        let table = &self.logins.mappings.table;
        let row = table
            .dynamodb
            .delete_item()
            .table_name(&table.name)
            .key("subject", string(pending_subject(&pending.name)))
            .key("app_id", string(PENDING))
            .condition_expression("since = :since")
            .expression_attribute_values(":since", number(pending.since));
        let deleted = super::conflict::again(|| row.clone().send()).await;
        table.conditional(WHAT, deleted).map(drop)
    }
}

/// The sort key of the row of somebody who is being forgotten.
const PENDING: &str = "#forgetting";

fn pending_subject(name: &str) -> String {
    format!("forgetting#{name}")
}

fn written(pending: &Pending) -> String {
    serde_json::to_string(pending).expect("it is made of strings and numbers")
}

#[cfg(test)]
mod tests;
