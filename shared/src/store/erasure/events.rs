//! Deleting the events of a user who is erased.

use super::job::UnknownCursor;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_string, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::events::Events;
use crate::store::events::named_ids::names;
use crate::store::events::stored::event_key;
use crate::store::identities::people::AppUser;
use crate::store::keys::user_key;
use crate::wechat::id::OpenId;

/// The number of events of no known user that are read in one step.
const PAGE_SIZE: i32 = 500;

impl Events {
    /// Deletes the events of a user that were received until `until`. Returns how many, and
    /// whether it was all of them: `deadline` may come before.
    pub(super) async fn delete_of(
        &self,
        AppUser { app_id, open_id }: &AppUser,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let query = Query::with_key(attr("user").equals(string(user_key(app_id, open_id))))
            .filter(attr("received_at").at_most(number(until)))
            .attributes(&["user", "event"]);
        self.table.delete_all("deleting the events of a user", query, deadline).await
    }

    /// Deletes those of the next events of no known user that were received until `until` and
    /// name this one. Returns how many, and where the next step begins, if that wasn't all.
    ///
    /// These are few: an event that can't be read and names one user is that user's.
    pub(super) async fn delete_naming(
        &self,
        AppUser { app_id, open_id }: &AppUser,
        until: Timestamp,
        cursor: &UnknownCursor,
        deadline: Timestamp,
    ) -> Result<(u64, Option<UnknownCursor>), AwsError> {
        const ACTION: &str = "deleting the events that name a user";
        let unknown = user_key(app_id, &OpenId::unknown());
        let start = cursor.event.as_deref().map(|event| event_key(&unknown, event));
        let query = Query::with_key(attr("user").equals(string(&unknown)))
            .filter(attr("received_at").at_most(number(until)))
            .attributes(&["event", "body"])
            .page_size(PAGE_SIZE)
            .start(start);
        let page = self.table.read_page(ACTION, query).await?;
        let named = page.items.iter().filter(|row| {
            get_string(row, "body").is_some_and(|body| names(body, open_id.as_str()))
        });
        let keys = named.filter_map(|row| Some(event_key(&unknown, get_string(row, "event")?)));
        let (deleted, all) = self.table.delete_items(ACTION, keys.collect(), deadline).await?;
        if !all {
            return Ok((deleted, Some(cursor.clone())));
        }
        let next = page.next.as_ref().and_then(|key| get_string(key, "event"));
        let next = next.map(|event| UnknownCursor { event: Some(event.to_owned()), ..*cursor });
        Ok((deleted, next))
    }
}
