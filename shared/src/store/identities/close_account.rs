//! A mini program's user has closed their WeChat account: what ties them to accounts and
//! to other apps is deleted as well.

use super::mappings::{Mappings, leads_to};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::{
    PERSON, account_subject, mapping_key, person_subject, profile_key, union_subject,
};
use crate::store::sessions::Sessions;
use crate::store::tables::{MappingsTable, UsersTable};
use crate::store::users::profiles::{Profiles, union_id};
use crate::wechat::id::{AppId, OpenId, UnionId};

/// Maximum number of attempts when logins get in between.
const MAX_ATTEMPTS: usize = 3;

/// WeChat accounts that were closed.
#[derive(Clone, Debug)]
pub struct ClosedAccounts {
    profiles: Profiles,
    mappings: Mappings,
    sessions: Sessions,
}

impl ClosedAccounts {
    /// Closed accounts of the users in these tables.
    pub fn new(users: &UsersTable, mappings: &MappingsTable) -> Self {
        Self {
            profiles: Profiles::new(users),
            mappings: Mappings::new(mappings),
            sessions: Sessions::new(users),
        }
    }

    /// Unlinks a user of a mini program from their person, their account, their sessions
    /// in all apps, and the rows by which they were found. One who has logged in since
    /// `at` stays linked. Consents, windows and form ids are deleted by
    /// [`UserItems::erase`](crate::store::UserItems::erase).
    pub async fn unlink_user(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "unlinking a user";
        for _ in 0..MAX_ATTEMPTS {
            let profile = self.profiles.read(app_id, open_id).await?;
            let logged_in_at = get_time(&profile, "logged_in_at");
            let is_linked = logged_in_at.is_some_and(|logged_in_at| logged_in_at <= at);
            if get_time(&profile, "left_at") >= Some(at) && !is_linked {
                return Ok(());
            }
            let mut writes = vec![self.unlinked_profile(app_id, open_id, at, &profile, is_linked)];
            if is_linked {
                let union = union_id(&profile).as_ref().map(union_subject);
                let account = get_string(&profile, "account").map(account_subject);
                let person = get_string(&profile, "id").map(person_subject);
                for subject in union.into_iter().chain(account).chain(person) {
                    writes.extend(self.unlink(&subject, app_id, open_id).await?);
                }
            }
            if self.profiles.table.transact(ACTION, writes).await? {
                if let Some(person) = get_string(&profile, "id").filter(|_| is_linked) {
                    self.sessions.end_all_or_log(person).await;
                }
                return Ok(());
            }
        }
        Err(AwsError::unexpected(ACTION, "logins of this user kept getting in between"))
    }

    /// The profile without the person, and since when they have left. It doesn't hold if
    /// the user has logged in meanwhile.
    fn unlinked_profile(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
        profile: &Item,
        is_linked: bool,
    ) -> Write {
        let unchanged = match profile.get("logged_in_at") {
            None => attr("logged_in_at").not_exists(),
            Some(known) => attr("logged_in_at").equals(known.clone()),
        };
        let left_at = get_time(profile, "left_at").max(Some(at)).unwrap_or(at);
        let update = Write::update(&self.profiles.table, profile_key(app_id, open_id))
            .set("left_at", number(left_at))
            .when(unchanged);
        if is_linked {
            update.remove(["id", "account", "union_id", "logged_in_at"])
        } else {
            update
        }
    }

    /// The deletion of the row by which a subject leads to this user; where no other is
    /// left, also of the person's own. All of it is deleted together with the link from
    /// the profile: without that nothing would lead to what is left.
    async fn unlink(
        &self,
        subject: &str,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Vec<Write>, AwsError> {
        let delete =
            |app_id: &str| Write::delete(&self.mappings.table, mapping_key(subject, app_id));
        let rows = self.mappings.rows(subject).await?;
        let (ours, others): (Vec<_>, Vec<_>) =
            rows.iter().partition(|row| leads_to(row, app_id, open_id));
        let mut deletions = Vec::new();
        if !ours.is_empty() {
            let unchanged = attr("open_id").equals(string(open_id.as_str()));
            deletions.push(delete(app_id.as_str()).when(unchanged));
        }
        // A login that gets in between writes it anew, the next time at the latest.
        if let [row] = others.as_slice()
            && get_string(row, "app_id") == Some(PERSON)
        {
            deletions.push(delete(PERSON));
        }
        Ok(deletions)
    }

    /// Deletes the row of a person who is known in no app any more. A login that gets in
    /// between writes it anew, the next time at the latest.
    pub async fn unlink_person(&self, union_id: &UnionId) -> Result<(), AwsError> {
        let subject = union_subject(union_id);
        let rows = self.mappings.rows(&subject).await?;
        if rows.iter().any(|row| get_string(row, "app_id") != Some(PERSON)) {
            return Ok(());
        }
        let table = &self.mappings.table;
        let delete = Write::delete(table, mapping_key(subject, PERSON));
        table.write("unlinking a person", delete).await.map(drop)
    }
}
