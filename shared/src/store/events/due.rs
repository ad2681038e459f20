//! The events whose next attempt is due.

use super::Events;
use super::stored::StoredEvent;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::query::{Page, Query};
use crate::store::dynamodb::write::Write;
use crate::wechat::id::AppId;

/// The index of pending events.
const INDEX: &str = "pending";

/// The key of an event.
#[derive(Clone, Debug)]
pub struct DueEvent {
    key: Item,
}

impl DueEvent {
    fn new(mut item: Item) -> Self {
        item.retain(|name, _| name == "user" || name == "event");
        Self { key: item }
    }

    /// The partition key, which all events of one user share.
    pub fn user(&self) -> Option<&str> {
        get_string(&self.key, "user")
    }
}

impl Events {
    /// The pending events of one app that are due by `now`, the longest due first, at
    /// most `limit`, and where the next call begins (`after`).
    pub async fn due(
        &self,
        app_id: &AppId,
        now: Timestamp,
        limit: i32,
        after: Option<Item>,
    ) -> Result<(Vec<DueEvent>, Option<Item>), AwsError> {
        let is_due = attr("pending")
            .equals(string(app_id.as_str()))
            .and(attr("due_at").at_most(number(now)));
        let query = Query::with_key(is_due).index(INDEX).page_size(limit).start(after);
        let Page { items, next } = self.table.read_page("looking for due events", query).await?;
        Ok((items.into_iter().map(DueEvent::new).collect(), next))
    }

    /// Of the first `limit` pending events those of apps that aren't among `known`, if
    /// they are due by `now`. They are found by no query for an app. Usually so few are
    /// pending that this sees all.
    pub async fn orphaned(
        &self,
        known: &[&AppId],
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<DueEvent>, AwsError> {
        let scan = Query::scan().index(INDEX).page_size(limit);
        let page = self.table.read_page("looking for events of unknown apps", scan).await?;
        let items = page.items.into_iter().filter(|item| {
            let app_id = get_string(item, "pending");
            let is_known = known.iter().any(|known| app_id == Some(known.as_str()));
            !is_known && get_time(item, "due_at") <= Some(now)
        });
        Ok(items.map(DueEvent::new).collect())
    }

    /// Reads an event that was due, if it still is pending and due: the index is always a
    /// little behind. A row that is no event is quarantined, which is an error.
    pub async fn get_due(
        &self,
        due: &DueEvent,
        now: Timestamp,
    ) -> Result<Option<StoredEvent>, AwsError> {
        const ACTION: &str = "reading an event";
        const PROBLEM: &str = "the row is no event";
        let found = self.table.read(ACTION, due.key.clone()).await?;
        let is_due =
            |item: &Item| item.contains_key("pending") && get_time(item, "due_at") <= Some(now);
        let Some(item) = found.filter(is_due) else { return Ok(None) };
        if let Ok(event) = serde_dynamo::from_item(item) {
            return Ok(Some(event));
        }
        let update = Write::update(&self.table, due.key.clone())
            .set("problem", string(PROBLEM))
            .set("quarantined_at", number(now))
            .remove(["pending", "due_at"])
            .when(attr("pending").exists());
        self.table.write("quarantining a row", update).await?;
        Err(AwsError::unexpected(self.table.action(ACTION), PROBLEM))
    }
}
