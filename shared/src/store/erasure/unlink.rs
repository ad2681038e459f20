//! The transaction after which nobody finds a person any more.

use super::{Counts, Erasure, MARKED, PENDING, Pending, pending_subject, written};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::mappings::{PASSWORD, PERSON, account_subject, person_subject, union_subject};
use crate::store::persons::{Asked, Person, PersonError, User};
use crate::store::{Item, Users, get_string, get_time, number, string, transaction, user_key};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};

/// How often it is tried again when a login got in between.
const TRIES: usize = 3;
/// DynamoDB's limit for one transaction.
const MOST_ITEMS: usize = 100;
/// What a profile has that says nothing of anybody.
const MARKS: [&str; 5] = ["user", "item", "left_at", "expires", "forgetting"];

impl Erasure {
    /// Takes away everything that leads to a person, and writes down who it was.
    /// None if nothing did.
    pub(super) async fn unlink(
        &self,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Option<Pending>, PersonError> {
        const WHAT: &str = "taking away what leads to a person";
        for _ in 0..TRIES {
            let Some(person) = self.logins.person(asked).await? else { return Ok(None) };
            let (pending, items) = self.farewell(person, now).await?;
            if items.len() > MOST_ITEMS {
                let problem = format!("{} rows at once are more than DynamoDB takes", items.len());
                return Err(AwsError::unexpected(WHAT, problem).into());
            }
            let table = &self.logins.mappings.table;
            if transaction::write(&table.dynamodb, &table.action(WHAT), items).await? {
                return Ok(Some(pending));
            }
        }
        Err(AwsError::unexpected(WHAT, "logins of this person kept getting in between").into())
    }

    /// What there is to take away.
    async fn farewell(
        &self,
        person: Person,
        now: Timestamp,
    ) -> Result<(Pending, Vec<TransactWriteItem>), AwsError> {
        let (mut profiles, mut since) = (Vec::new(), now);
        let mut gone = Counts::new();
        let mut count = |kind: &str| *gone.entry(kind.to_owned()).or_default() += 1;
        let first = person.users.first().map(|user| user_key(&user.app_id, &user.open_id));
        let name = person.ids.first().cloned().or(first).unwrap_or_default();
        for user in &person.users {
            let profile = self.users().profile(&user.app_id, &user.open_id).await?;
            let profile = profile.unwrap_or_default();
            if profile.keys().any(|attribute| !MARKS.contains(&attribute.as_str())) {
                count("profiles");
            }
            profiles.push((user, profile));
            // WeChat's clock may be ahead of ours.
            let latest = self.users().latest(&user.app_id, &user.open_id).await?;
            since = latest.max(Some(since)).unwrap_or(since);
        }
        let mut items: Vec<_> = profiles
            .into_iter()
            .map(|(user, profile)| self.mark(user, &profile, &name, since))
            .collect();
        let unions = person.union_ids.iter().map(union_subject);
        let persons = person.ids.iter().map(|id| person_subject(id));
        for subject in unions.chain(persons) {
            for row in self.logins.mappings.collection(&subject).await? {
                count("mappings");
                items.push(self.deletion(&subject, &row, None));
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
                for row in password {
                    count("accounts");
                    items.push(self.deletion(&subject, row, None));
                }
            }
        }
        let pending = Pending { name, person, since, gone, after: None };
        let row = Put::builder()
            .table_name(&self.logins.mappings.table.name)
            .item("subject", string(pending_subject(&pending.name)))
            .item("app_id", string(PENDING))
            .item("since", number(since))
            .item("what", string(written(&pending)))
            .condition_expression("attribute_not_exists(subject)")
            .build()
            .expect("table and item are set");
        items.push(transaction::put(row));
        Ok((pending, items))
    }

    /// In place of the profile: that nothing of before counts. Nobody may have
    /// logged in or followed since it was read.
    fn mark(&self, user: &User, profile: &Item, name: &str, now: Timestamp) -> TransactWriteItem {
        let left_at = get_time(profile, "left_at").max(Some(now)).unwrap_or(now);
        let mut put = Put::builder()
            .table_name(&self.users().table.name)
            .set_item(Some(Users::profile_key(&user.app_id, &user.open_id)))
            .item("left_at", number(left_at))
            .item("forgetting", string(name))
            .item("expires", number(now.plus(MARKED)));
        let mut conditions = Vec::new();
        for (attribute, value) in
            [("id", ":id"), ("logged_in_at", ":logged_in"), ("version", ":version")]
        {
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

    /// The deletion of a row of the mappings, which leads to this openid if it
    /// leads to one.
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

/// Whether a row leads to one of the person's users.
fn is_of(row: &Item, person: &Person) -> bool {
    person.users.iter().any(|user| {
        get_string(row, "app_id") == Some(user.app_id.as_str())
            && get_string(row, "open_id") == Some(user.open_id.as_str())
    })
}
