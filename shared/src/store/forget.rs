//! A mini program's user has closed their WeChat account: what ties them to
//! accounts and to other apps goes as well.

use super::conflict::retry_on_conflict;
use super::mappings::{PERSON, account_subject, person_subject, union_subject};
use super::{Item, Logins, Users, get_string, get_time, number, string, transaction};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};

/// How often it is tried again when a login got in between.
const MAX_ATTEMPTS: usize = 3;

impl Logins {
    /// Forgets a user of a mini program: who they are, their account, their
    /// sessions in all apps, and the rows by which they were found. Who has logged in since `at` stays known.
    /// Consents, windows and form ids are [`Users::erase`]'s.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn close_account(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "forgetting a user";
        for _ in 0..MAX_ATTEMPTS {
            let profile = self.users.profile(app_id, open_id).await?.unwrap_or_default();
            let logged_in_at = get_time(&profile, "logged_in_at");
            let gone = logged_in_at.is_some_and(|logged_in_at| logged_in_at <= at);
            if get_time(&profile, "left_at") >= Some(at) && !gone {
                return Ok(());
            }
            let mut items = vec![self.erased_profile(app_id, open_id, at, &profile, gone)];
            let union_id = get_string(&profile, "union_id").and_then(|id| UnionId::parse(id).ok());
            if gone {
                let union = union_id.as_ref().map(union_subject);
                let account = get_string(&profile, "account").map(account_subject);
                let person = get_string(&profile, "id").map(person_subject);
                for subject in union.into_iter().chain(account).chain(person) {
                    items.extend(self.unbound(&subject, app_id, open_id).await?);
                }
            }
            let table = &self.users.table;
            if transaction::write(&table.dynamodb, &table.action(ACTION), items).await? {
                if let Some(person) = get_string(&profile, "id").filter(|_| gone) {
                    self.end_sessions(person).await;
                }
                return Ok(());
            }
        }
        Err(AwsError::unexpected(ACTION, "logins of this user kept getting in between"))
    }

    /// The profile without the person, and since when they are gone.
    fn erased_profile(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        at: Timestamp,
        profile: &Item,
        gone: bool,
    ) -> TransactWriteItem {
        let mut expression = "SET left_at = :left".to_owned();
        if gone {
            expression.push_str(" REMOVE id, account, union_id, logged_in_at");
        }
        // Nobody may have logged in meanwhile.
        let unchanged = match profile.get("logged_in_at") {
            None => "attribute_not_exists(logged_in_at)",
            Some(_) => "logged_in_at = :known",
        };
        let left_at = get_time(profile, "left_at").max(Some(at)).unwrap_or(at);
        let mut update = Update::builder()
            .table_name(&self.users.table.name)
            .set_key(Some(Users::profile_key(app_id, open_id)))
            .update_expression(expression)
            .condition_expression(unchanged)
            .expression_attribute_values(":left", number(left_at));
        if let Some(known) = profile.get("logged_in_at") {
            update = update.expression_attribute_values(":known", known.clone());
        }
        transaction::update(update)
    }

    /// Deletes the row by which a subject leads to this user; where no other is
    /// left, also that of the person. All of it goes with the profile at once:
    /// from a profile that is gone, nothing would lead to what is left.
    async fn unbound(
        &self,
        subject: &str,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let delete = |app_id: &str| {
            Delete::builder()
                .table_name(&self.mappings.table.name)
                .key("subject", string(subject))
                .key("app_id", string(app_id))
        };
        let rows = self.mappings.collection(subject).await?;
        let (ours, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| {
            get_string(row, "app_id") == Some(app_id.as_str())
                && get_string(row, "open_id") == Some(open_id.as_str())
        });
        let mut deletions = Vec::new();
        if !ours.is_empty() {
            let row = delete(app_id.as_str())
                .condition_expression("open_id = :open")
                .expression_attribute_values(":open", string(open_id.as_str()));
            deletions.push(transaction::delete(row));
        }
        // A login that gets in between writes it anew, the next time at the latest.
        if let [row] = others.as_slice()
            && get_string(row, "app_id") == Some(PERSON)
        {
            deletions.push(transaction::delete(delete(PERSON)));
        }
        Ok(deletions)
    }

    /// Deletes a person who is known in no app any more. A login that gets in
    /// between writes the row anew, the next time at the latest.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn unlink_person(&self, union_id: &UnionId) -> Result<(), AwsError> {
        let subject = union_subject(union_id);
        let rows = self.mappings.collection(&subject).await?;
        if rows.iter().any(|row| get_string(row, "app_id") != Some(PERSON)) {
            return Ok(());
        }
        let table = &self.mappings.table;
        let delete = table
            .dynamodb
            .delete_item()
            .table_name(&table.name)
            .key("subject", string(subject))
            .key("app_id", string(PERSON));
        match retry_on_conflict(|| delete.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new(table.action("forgetting a person"), &error)),
        }
    }
}
