//! Notifications whose recipient is forgotten.
//!
//! Who gets a notification and what it says stand in its row only as long as it
//! may have to be sent, and until then the row is in the index of those that
//! wait: no other has to be looked at.

use super::waiting::SHARDS;
use super::{NotificationRow, NotificationStatus, Notifications};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::erasure::ScanCursor;
use crate::store::persons::Person;
use crate::store::{get_number, get_string, item_of, number, string};
use aws_sdk_dynamodb::types::Update;
use serde::Deserialize;

/// So many are looked at in one step.
const PAGE: i32 = 100;
/// So many of them at the same moment.
const MAX_CONCURRENCY: usize = 16;

/// The part of a stored request that says to whom.
#[derive(Deserialize)]
struct Content {
    to: Recipient,
}

/// One of the three ways to name a recipient.
#[derive(Deserialize)]
struct Recipient {
    account: Option<String>,
    union_id: Option<String>,
    open_id: Option<String>,
}

impl Notifications {
    /// Takes recipient and content out of those of the next hundred notifications
    /// that wait and are for this person; they are not sent. Says how many it were,
    /// and where to go on, if that wasn't all.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub(in crate::store) async fn erase_recipient(
        &self,
        person: &Person,
        place: ScanCursor,
        now: Timestamp,
    ) -> Result<(u64, Option<ScanCursor>), AwsError> {
        let shard = place.shard;
        let start = place.last.map(|(due_at, id)| {
            item_of([
                ("due_shard", string(shard.to_string())),
                ("due_at", number(due_at)),
                ("id", string(id)),
            ])
        });
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .index_name("due")
            .key_condition_expression("due_shard = :shard")
            .expression_attribute_values(":shard", string(shard.to_string()))
            .limit(PAGE)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| {
                AwsError::new(self.table.action("looking for notifications"), &error)
            })?;
        let ids: Vec<_> = found.items().iter().filter_map(|item| get_string(item, "id")).collect();
        let mut forgotten = 0;
        for some in ids.chunks(MAX_CONCURRENCY) {
            let each = some.iter().map(|id| self.erase_if_to(id, person, now));
            let done = futures_util::future::try_join_all(each).await?;
            forgotten += done.into_iter().map(u64::from).sum::<u64>();
        }
        let last = found
            .last_evaluated_key
            .as_ref()
            .and_then(|key| Some((get_number(key, "due_at")?, get_string(key, "id")?.to_owned())));
        let next = match last {
            Some(last) => Some(ScanCursor { shard, last: Some(last) }),
            None => {
                Some(ScanCursor { shard: shard + 1, last: None }).filter(|it| it.shard < SHARDS)
            }
        };
        Ok((forgotten, next))
    }

    /// Takes recipient and content out of a notification, if it is for this
    /// person.
    async fn erase_if_to(
        &self,
        id: &str,
        person: &Person,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        // Whoever is sending it right now writes how it went, and looks in vain.
        loop {
            let Some(row) = self.get(id).await? else { return Ok(false) };
            if !row.content.as_deref().is_some_and(|content| is_to(content, person)) {
                return Ok(false);
            }
            if self.erase_content(&row, now).await? {
                return Ok(true);
            }
        }
    }

    async fn erase_content(&self, row: &NotificationRow, now: Timestamp) -> Result<bool, AwsError> {
        // It may have been sent, or is being sent at this moment.
        let to = if row.intent.is_some() {
            NotificationStatus::Ambiguous
        } else {
            NotificationStatus::Cancelled
        };
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("id", string(&row.id))
            .update_expression(
                "SET #status = :to, expires = :expires \
                 REMOVE due_shard, due_at, content, retry_at, report, intent, intent_at",
            )
            .condition_expression("lease_owner = :seen AND #status = :stood")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":to", string(to.as_str()))
            .expression_attribute_values(":seen", string(&row.lease_owner))
            .expression_attribute_values(":stood", string(row.status.as_str()))
            .expression_attribute_values(":expires", number(now.plus(self.table.retention)));
        self.table.change("forgetting a notification's recipient", update).await
    }
}

/// Whether a stored request is for this person.
fn is_to(content: &str, person: &Person) -> bool {
    let Ok(Content { to }) = serde_json::from_str(content) else { return false };
    let account = to.account.is_some_and(|account| person.accounts.contains(&account));
    let union_id = to
        .union_id
        .is_some_and(|union_id| person.union_ids.iter().any(|known| known.as_str() == union_id));
    // An openid is in no two apps the same.
    let open_id = to
        .open_id
        .is_some_and(|open_id| person.users.iter().any(|user| user.open_id.as_str() == open_id));
    account || union_id || open_id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::persons::AppUser;
    use crate::wechat::id::{AppId, OpenId, UnionId};

    #[test]
    fn a_recipient_is_known_by_any_of_their_names() {
        let person = Person {
            ids: ["p1".to_owned()].into(),
            users: [AppUser {
                app_id: AppId::parse("wxMini").unwrap(),
                open_id: OpenId::parse("oAnn").unwrap(),
            }]
            .into(),
            union_ids: [UnionId::parse("uAnn").unwrap()].into(),
            accounts: ["ann".to_owned()].into(),
        };
        let to = |to: &str| is_to(&format!(r#"{{"to":{to},"template":"t","data":{{}}}}"#), &person);
        assert!(to(r#"{"account":"ann"}"#) && to(r#"{"union_id":"uAnn"}"#));
        assert!(to(r#"{"app":"shop","open_id":"oAnn"}"#));
        assert!(!to(r#"{"account":"bob"}"#) && !to(r#"{"union_id":"uBob"}"#));
        assert!(!to(r#"{"app":"shop","open_id":"oBob"}"#));
        assert!(!is_to("nonsense", &person));
    }
}
