//! Notifications whose recipient is erased.
//!
//! Their recipient and content are in their row only as long as they may have to be sent,
//! and until then the row is in the index of those that are due: no other has to be read.

use super::job::ScanCursor;
use super::list::ErasedId;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::delete_all::MAX_CONCURRENCY;
use crate::store::dynamodb::item::{get_number, get_string, item_of, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::identities::people::Person;
use crate::store::keys::id_key;
use crate::store::notifications::Notifications;
use crate::store::notifications::due::{INDEX, SHARDS};
use crate::store::notifications::row::NotificationRow;
use crate::store::notifications::status::NotificationStatus;
use serde::Deserialize;

/// The number of notifications that are read in one step.
const PAGE_SIZE: i32 = 100;
/// Maximum number of attempts at one notification, which is being sent meanwhile.
const MAX_ATTEMPTS: usize = 8;

/// The part of a stored request that names the recipient.
#[derive(Deserialize)]
struct BulkContent {
    to: Recipient,
}

/// One of the three ways to name a recipient.
#[derive(Deserialize)]
pub(super) struct Recipient {
    account: Option<String>,
    union_id: Option<String>,
    open_id: Option<String>,
}

impl Recipient {
    /// Of a stored request; none if it can't be read.
    pub(super) fn from_content(content: &str) -> Option<Self> {
        serde_json::from_str(content).ok().map(|BulkContent { to }| to)
    }

    /// The ids that name them: one.
    pub(super) fn ids(&self) -> impl Iterator<Item = ErasedId<'_>> {
        let account = self.account.as_deref().map(ErasedId::Account);
        let union_id = self.union_id.as_deref().map(ErasedId::Union);
        let open_id = self.open_id.as_deref().map(ErasedId::OpenId);
        account.into_iter().chain(union_id).chain(open_id)
    }

    fn is(&self, person: &Person) -> bool {
        self.ids().any(|id| match id {
            ErasedId::Person(id) => person.ids.contains(id),
            ErasedId::Account(account) => person.accounts.contains(account),
            ErasedId::Union(id) => person.union_ids.iter().any(|known| known.as_str() == id),
            // An openid is in no two apps the same.
            ErasedId::OpenId(id) => person.users.iter().any(|user| user.open_id.as_str() == id),
        })
    }
}

impl Notifications {
    /// Removes recipient and content from those of the next hundred due notifications that
    /// are for this person; they are not sent. Returns how many, and where the next call
    /// begins, if that wasn't all.
    pub(super) async fn erase_recipient(
        &self,
        person: &Person,
        cursor: ScanCursor,
        now: Timestamp,
    ) -> Result<(u64, Option<ScanCursor>), AwsError> {
        let shard = cursor.shard;
        let start = cursor.last.map(|(due_at, id)| {
            item_of([
                ("due_shard", string(shard.to_string())),
                ("due_at", number(due_at)),
                ("id", string(id)),
            ])
        });
        let query = Query::with_key(attr("due_shard").equals(string(shard.to_string())))
            .index(INDEX)
            .page_size(PAGE_SIZE)
            .start(start);
        let page = self.table.read_page("looking for notifications to erase", query).await?;
        let ids: Vec<_> = page.items.iter().filter_map(|item| get_string(item, "id")).collect();
        let mut erased = 0;
        for some in ids.chunks(MAX_CONCURRENCY) {
            let each = some.iter().map(|id| self.erase_if_to(id, |to| to.is(person), now));
            let done = futures_util::future::try_join_all(each).await?;
            erased += done.into_iter().map(u64::from).sum::<u64>();
        }
        let last = page
            .next
            .as_ref()
            .and_then(|key| Some((get_number(key, "due_at")?, get_string(key, "id")?.to_owned())));
        let next = match last {
            Some(last) => Some(ScanCursor { shard, last: Some(last) }),
            None => Some(ScanCursor { shard: shard + 1, last: None }),
        };
        Ok((erased, next.filter(|next| next.shard < SHARDS)))
    }

    /// Removes recipient and content from a notification, if it is for a person who is erased.
    pub(super) async fn erase_if_to(
        &self,
        id: &str,
        is_erased: impl Fn(&Recipient) -> bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        // An invocation that is sending it stores the result, and then finds no content.
        for _ in 0..MAX_ATTEMPTS {
            let Some(row) = self.get(id).await? else { return Ok(false) };
            if !row
                .content
                .as_deref()
                .and_then(Recipient::from_content)
                .is_some_and(|to| is_erased(&to))
            {
                return Ok(false);
            }
            if self.erase_content(&row, now).await? {
                return Ok(true);
            }
        }
        let action = self.table.action("erasing the recipient of a notification");
        Err(AwsError::unexpected(action, "it kept changing"))
    }

    async fn erase_content(&self, row: &NotificationRow, now: Timestamp) -> Result<bool, AwsError> {
        // It may have been sent, or is being sent now.
        let status = if row.intent.is_some() {
            NotificationStatus::Ambiguous
        } else {
            NotificationStatus::Cancelled
        };
        let update = Write::update(&self.table, id_key(&row.id))
            .set("status", string(status.as_str()))
            .set("expires", number(now.plus(self.table.retention())))
            .remove(["due_shard", "due_at", "content", "retry_at", "report"])
            .remove(["intent", "intent_at"])
            .when(row.is_unchanged());
        self.table.write("erasing the recipient of a notification", update).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::identities::people::AppUser;
    use crate::wechat::id::{AppId, OpenId, UnionId};

    #[test]
    fn recipient_is_recognised_by_any_of_their_ids() {
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
        let is_to =
            |content: &str| Recipient::from_content(content).is_some_and(|to| to.is(&person));
        let to = |to: &str| is_to(&format!(r#"{{"to":{to},"template":"t","data":{{}}}}"#));
        assert!(to(r#"{"account":"ann"}"#) && to(r#"{"union_id":"uAnn"}"#));
        assert!(to(r#"{"app":"shop","open_id":"oAnn"}"#));
        assert!(!to(r#"{"account":"bob"}"#) && !to(r#"{"union_id":"uBob"}"#));
        assert!(!to(r#"{"app":"shop","open_id":"oBob"}"#));
        assert!(!is_to("nonsense"));
    }
}
