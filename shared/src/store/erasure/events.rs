//! Deleting the events of a user who is erased.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::delete_all::MAX_CONCURRENCY;
use crate::store::dynamodb::item::{Item, get_string, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::events::Events;
use crate::store::events::stored::event_key;
use crate::store::keys::user_key;
use crate::wechat::id::{AppId, OpenId};

impl Events {
    /// Deletes the events of a user that were received until `until`, with those of no known
    /// user whose body names this one. Returns how many, and whether it was all of them:
    /// `deadline` may come before.
    pub(in crate::store) async fn delete_of(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let query = Query::with_key(attr("user").equals(string(user_key(app_id, open_id))))
            .filter(attr("received_at").at_most(number(until)))
            .attributes(&["user", "event"]);
        let action = "deleting the events of a user";
        let (deleted, all) = self.table.delete_all(action, query, deadline).await?;
        if !all {
            return Ok((deleted, false));
        }
        let (named, all) = self.delete_naming(app_id, open_id, until, deadline).await?;
        Ok((deleted + named, all))
    }

    /// Deletes the events that name a user in their body and are stored under none, because
    /// their sender couldn't be read.
    async fn delete_naming(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        const ACTION: &str = "deleting the events that name a user";
        let unknown = user_key(app_id, &OpenId::unknown());
        let mut query = Query::with_key(attr("user").equals(string(&unknown)))
            .filter(
                attr("body")
                    .contains(open_id.as_str())
                    .and(attr("received_at").at_most(number(until))),
            )
            .attributes(&["event", "body"]);
        let mut deleted = 0;
        loop {
            let page = self.table.read_page(ACTION, query.clone()).await?;
            let named: Vec<_> = page.items.iter().filter(|row| names(row, open_id)).collect();
            for rows in named.chunks(MAX_CONCURRENCY) {
                if Timestamp::now() >= deadline {
                    return Ok((deleted, false));
                }
                let deletions =
                    rows.iter().filter_map(|row| get_string(row, "event")).map(|event| {
                        self.table
                            .write(ACTION, Write::delete(&self.table, event_key(&unknown, event)))
                    });
                futures_util::future::try_join_all(deletions).await?;
                deleted += rows.len() as u64;
            }
            let Some(next) = page.next else { return Ok((deleted, true)) };
            query = query.start(Some(next));
        }
    }
}

/// Whether the body of an event names this user, and not one whose openid is longer.
fn names(row: &Item, open_id: &OpenId) -> bool {
    let is_longer = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let body = get_string(row, "body").unwrap_or_default();
    body.match_indices(open_id.as_str()).any(|(place, name)| {
        !body[..place].ends_with(is_longer) && !body[place + name.len()..].starts_with(is_longer)
    })
}
