//! The transaction after which nobody finds a person any more.

use super::pending::ErasureJob;
use super::{Counts, Erasure};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::mappings::{PASSWORD, PERSON, account_subject, person_subject, union_subject};
use crate::store::persons::{AppUser, Person, PersonError, PersonQuery};
use crate::store::{Item, Users, get_string, get_time, number, string, transaction};
use crate::wechat::id::UnionId;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};

/// How often it is tried again when a login got in between.
const MAX_ATTEMPTS: usize = 3;
/// So often it is looked whether somebody got in between.
const MAX_DRAIN_ROUNDS: usize = 4;
/// DynamoDB's limit for one transaction.
pub(super) const MAX_TRANSACTION_ITEMS: usize = 100;
/// What a profile has that says nothing of anybody.
const TOMBSTONE_ATTRIBUTES: [&str; 4] = ["user", "item", "left_at", "expires"];
const ACTION: &str = "taking away what identity_keys to a person";

impl Erasure {
    /// Takes away everything that identity_keys to a person, and writes down who it was.
    /// None if nothing did.
    pub(super) async fn unlink(
        &self,
        asked: &PersonQuery,
        now: Timestamp,
    ) -> Result<Option<ErasureJob>, PersonError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(person) = self.logins.person(asked).await? else { return Ok(None) };
            let (pending, items) = self.erasure_items(ErasureJob::new(), person, now).await?;
            if self.commit(items).await? {
                return Ok(Some(pending));
            }
        }
        Err(AwsError::unexpected(ACTION, "logins of this person kept getting in between").into())
    }

    /// Takes away what was written between the search for the person and the
    /// transaction, where that didn't look: a login or a follow in another app.
    /// False if more keeps coming; then the next call has to go on.
    pub(super) async fn drain(
        &self,
        pending: &mut ErasureJob,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        for _ in 0..MAX_DRAIN_ROUNDS {
            let left = self.logins.remaining_rows(&pending.person, pending.since).await?;
            let Some(left) = left else { return Ok(true) };
            let (next, items) = self.erasure_items(pending.clone(), left, now).await?;
            if self.commit(items).await? {
                *pending = next;
            }
        }
        Ok(false)
    }

    /// Whether there is something of a user since their mark was made.
    pub(super) async fn is_back(&self, user: &AppUser, since: Timestamp) -> Result<bool, AwsError> {
        let AppUser { app_id, open_id } = user;
        let profile = self.users().profile(app_id, open_id).await?.unwrap_or_default();
        Ok(is_known_user(&profile) || self.users().latest(app_id, open_id).await? > Some(since))
    }

    /// False if somebody else changed what was read in the meantime.
    pub(super) async fn commit(&self, items: Vec<TransactWriteItem>) -> Result<bool, AwsError> {
        if items.len() > MAX_TRANSACTION_ITEMS {
            let problem = format!("{} rows at once are more than DynamoDB takes", items.len());
            return Err(AwsError::unexpected(ACTION, problem));
        }
        let table = &self.logins.mappings.table;
        transaction::write(&table.dynamodb, &table.action(ACTION), items).await
    }

    /// What there is to take away, and what is to be written down with it.
    pub(super) async fn erasure_items(
        &self,
        mut pending: ErasureJob,
        mut person: Person,
        now: Timestamp,
    ) -> Result<(ErasureJob, Vec<TransactWriteItem>), AwsError> {
        let mut deleted = Counts::new();
        let mut count = |kind: &str| *deleted.entry(kind.to_owned()).or_default() += 1;
        let (mut profiles, mut latest) = (Vec::new(), Vec::new());
        for user in person.users.clone() {
            let profile = self.users().profile(&user.app_id, &user.open_id).await?;
            let profile = profile.unwrap_or_default();
            if is_known_user(&profile) {
                count("profiles");
            }
            // It may say more than when it was searched, and this is what the
            // transaction relies on.
            let text = |name| get_string(&profile, name);
            person.ids.extend(text("id").map(str::to_owned));
            person.accounts.extend(text("account").map(str::to_owned));
            person.union_ids.extend(text("union_id").and_then(|id| UnionId::parse(id).ok()));
            latest.push(self.users().latest(&user.app_id, &user.open_id).await?);
            profiles.push((user, profile));
        }
        let mut items = Vec::new();
        let unions = person.union_ids.iter().map(union_subject);
        let persons = person.ids.iter().map(|id| person_subject(id));
        for subject in unions.chain(persons) {
            for row in self.logins.mappings.collection(&subject).await? {
                if !belongs_to_another(&row, &person) {
                    count("mappings");
                    items.push(self.deletion(&subject, &row, get_string(&row, "open_id")));
                }
            }
        }
        for account in &person.accounts {
            let subject = account_subject(account);
            let rows = self.logins.mappings.collection(&subject).await?;
            let (password, bound): (Vec<_>, Vec<_>) =
                rows.iter().partition(|row| get_string(row, "app_id") == Some(PASSWORD));
            let (theirs, others): (Vec<_>, Vec<_>) =
                bound.into_iter().partition(|row| is_of(row, &person));
            for row in theirs {
                count("mappings");
                items.push(self.deletion(&subject, row, get_string(row, "open_id")));
            }
            // Somebody else may have bound it in another app.
            if others.is_empty() {
                pending.person.accounts.insert(account.clone());
                for row in password {
                    count("accounts");
                    items.push(self.deletion(&subject, row, None));
                }
            }
        }
        // As late as can be, and the second in which it is written is over then:
        // what is stored until it is written goes with the rest.
        let since = now.max(Timestamp::now()).plus(1);
        pending.since = if pending.until.is_empty() { since } else { pending.since };
        for ((user, profile), latest) in profiles.into_iter().zip(latest) {
            // WeChat's clock may be ahead of ours.
            let until = latest.max(Some(since)).unwrap_or(since);
            items.push(self.tombstone(&user, &profile, until));
            pending.until.push((user, until));
        }
        for (kind, number) in deleted {
            pending.count(&kind, number);
        }
        let identity_keys = pending.identity_keys.clone();
        pending.add_identity_keys(&person);
        pending.person.ids.extend(person.ids);
        pending.person.union_ids.extend(person.union_ids);
        pending.person.users.extend(person.users);
        items.extend(pending.writes(&self.logins.mappings.table.name, &identity_keys));
        Ok((pending, items))
    }

    /// In place of the profile: that nothing of before counts. Nobody may have
    /// logged in, followed or been bound to an account since it was read. It has no
    /// end until all is done.
    fn tombstone(&self, user: &AppUser, profile: &Item, until: Timestamp) -> TransactWriteItem {
        let left_at = get_time(profile, "left_at").max(Some(until)).unwrap_or(until);
        let mut put = Put::builder()
            .table_name(&self.users().table.name)
            .set_item(Some(Users::profile_key(&user.app_id, &user.open_id)))
            .item("left_at", number(left_at));
        let mut conditions = Vec::new();
        for (attribute, value) in [
            ("id", ":id"),
            ("account", ":account"),
            ("union_id", ":union"),
            ("logged_in_at", ":logged_in"),
            ("version", ":version"),
            // Somebody else may be forgetting them at this moment.
            ("left_at", ":left"),
        ] {
            conditions.push(match profile.get(attribute) {
                None => format!("attribute_not_exists({attribute})"),
                Some(known) => {
                    put = put.expression_attribute_values(value, known.clone());
                    format!("{attribute} = {value}")
                }
            });
        }
        let put = put.condition_expression(conditions.join(" AND "));
        transaction::put(put.build().expect("table and item are set"))
    }

    /// The deletion of a row of the mappings, which identity_keys to this openid if it
    /// identity_keys to one.
    fn deletion(&self, subject: &str, row: &Item, open_id: Option<&str>) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.logins.mappings.table.name)
            .key("subject", string(subject))
            .key("app_id", string(get_string(row, "app_id").unwrap_or(PERSON)));
        transaction::delete(match open_id {
            Some(open_id) => delete
                .condition_expression("open_id = :open")
                .expression_attribute_values(":open", string(open_id)),
            None => delete,
        })
    }
}

/// Whether a row identity_keys to one of the person's users.
fn is_of(row: &Item, person: &Person) -> bool {
    person.users.iter().any(|user| {
        get_string(row, "app_id") == Some(user.app_id.as_str())
            && get_string(row, "open_id") == Some(user.open_id.as_str())
    })
}

/// Whether a row identity_keys to somebody who has come in between, and isn't them.
fn belongs_to_another(row: &Item, person: &Person) -> bool {
    if get_string(row, "app_id") == Some(PERSON) {
        return get_string(row, "id").is_some_and(|id| !person.ids.contains(id));
    }
    row.contains_key("open_id") && !is_of(row, person)
}

/// Whether a profile says more of a user than that they are gone.
fn is_known_user(profile: &Item) -> bool {
    profile.keys().any(|attribute| !TOMBSTONE_ATTRIBUTES.contains(&attribute.as_str()))
}
