//! The events whose next attempt is due.

use super::Events;
use super::pending::{app_of, pending_keys};
use super::stored::{StoredEvent, event_name};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::query::{Page, Query};
use crate::store::dynamodb::write::Write;
use crate::wechat::id::AppId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// The index of pending events.
const INDEX: &str = "pending";
/// Maximum number of queries in parallel for one app.
const MAX_CONCURRENCY: usize = 8;

/// The key of an event that is due.
#[derive(Clone, Debug)]
pub struct DueEvent {
    key: Item,
    pending: String,
    /// Since when, by the index.
    pub due_at: Option<Timestamp>,
}

/// A row that was due.
#[derive(Debug)]
pub enum DueEventRow {
    /// An event.
    Event(Box<StoredEvent>),
    /// It was no event, and has been quarantined.
    Unreadable,
    /// It isn't due any more: the index is a little behind.
    Gone,
}

impl DueEvent {
    fn new(mut item: Item) -> Self {
        let due_at = get_time(&item, "due_at");
        let pending = get_string(&item, "pending").unwrap_or_default().to_owned();
        item.retain(|name, _| name == "user" || name == "event");
        Self { key: item, pending, due_at }
    }

    /// Whether it is an event of this app.
    pub fn is_of(&self, app_id: &AppId) -> bool {
        app_of(&self.pending) == app_id.as_str()
    }

    /// See [`StoredEvent::name`].
    pub fn name(&self) -> String {
        let part = |name| get_string(&self.key, name).unwrap_or_default();
        event_name(part("user"), part("event"))
    }

    /// The partition key, which all events of one user share.
    pub fn user(&self) -> Option<&str> {
        get_string(&self.key, "user")
    }
}

/// Where the next page of due events begins: the keys of the index that have more, each
/// with its last event so far.
#[derive(Debug)]
pub struct PendingCursor(Vec<(String, Option<Item>)>);

impl PendingCursor {
    fn start(app_id: &AppId) -> Self {
        Self(pending_keys(app_id).map(|key| (key, None)).collect())
    }
}

impl Events {
    /// The pending events of all apps that are due by `now`, the longest due first, if no
    /// more than `limit` are pending: one read finds them, and as a rule there are none.
    pub async fn all_due(
        &self,
        now: Timestamp,
        limit: i32,
    ) -> Result<Option<Vec<DueEvent>>, AwsError> {
        let scan = Query::scan().index(INDEX).page_size(limit);
        let Page { mut items, next } =
            self.table.read_page("looking for pending events", scan).await?;
        items.retain(|item| get_time(item, "due_at") <= Some(now));
        items.sort_by_key(|item| get_time(item, "due_at"));
        Ok(next.is_none().then(|| items.into_iter().map(DueEvent::new).collect()))
    }

    /// The pending events of one app that are due by `now`, the longest due first, at
    /// most `limit` of each key of the index, and where the next call begins (`after`).
    pub async fn due(
        &self,
        app_id: &AppId,
        now: Timestamp,
        limit: i32,
        after: Option<PendingCursor>,
    ) -> Result<(Vec<DueEvent>, Option<PendingCursor>), AwsError> {
        let PendingCursor(keys) = after.unwrap_or_else(|| PendingCursor::start(app_id));
        let pages = stream::iter(keys).map(async |(key, after)| {
            let is_due =
                attr("pending").equals(string(&key)).and(attr("due_at").at_most(number(now)));
            let query = Query::with_key(is_due).index(INDEX).page_size(limit).start(after);
            let Page { items, next } =
                self.table.read_page("looking for due events", query).await?;
            Ok::<_, AwsError>((items, next.map(|next| (key, Some(next)))))
        });
        let pages: Vec<_> = pages.buffer_unordered(MAX_CONCURRENCY).try_collect().await?;
        let (items, next): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
        let mut items: Vec<_> = items.into_iter().flatten().collect();
        items.sort_by_key(|item| get_time(item, "due_at"));
        let next: Vec<_> = next.into_iter().flatten().collect();
        let next = (!next.is_empty()).then_some(PendingCursor(next));
        Ok((items.into_iter().map(DueEvent::new).collect(), next))
    }

    /// Of the next `limit` pending events those of apps that aren't among `known`, if they
    /// are due by `now`, and where the next call begins (`after`). They are found by no
    /// query for an app.
    pub async fn orphaned(
        &self,
        known: &[&AppId],
        now: Timestamp,
        limit: i32,
        after: Option<Item>,
    ) -> Result<(Vec<DueEvent>, Option<Item>), AwsError> {
        let scan = Query::scan().index(INDEX).page_size(limit).start(after);
        let page = self.table.read_page("looking for events of unknown apps", scan).await?;
        let due = page.items.into_iter().filter(|item| get_time(item, "due_at") <= Some(now));
        let due = due.map(DueEvent::new);
        let orphaned = due.filter(|due| !known.iter().any(|known| due.is_of(known)));
        Ok((orphaned.collect(), page.next))
    }

    /// Reads an event that was due, if it still is pending and due: the index is always a
    /// little behind. A row that is no event is quarantined.
    pub async fn get_due(&self, due: &DueEvent, now: Timestamp) -> Result<DueEventRow, AwsError> {
        const PROBLEM: &str = "the row is no event";
        let found = self.table.read("reading an event", due.key.clone()).await?;
        let is_due =
            |item: &Item| item.contains_key("pending") && get_time(item, "due_at") <= Some(now);
        let Some(item) = found.filter(is_due) else { return Ok(DueEventRow::Gone) };
        if let Ok(event) = serde_dynamo::from_item(item) {
            return Ok(DueEventRow::Event(Box::new(event)));
        }
        let update = Write::update(&self.table, due.key.clone())
            .set("problem", string(PROBLEM))
            .set("quarantined_at", number(now))
            .remove(["pending", "due_at"])
            .when(attr("pending").exists());
        self.table.write("quarantining a row", update).await?;
        Ok(DueEventRow::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events::put::NewEvent;
    use crate::store::events::stored::event_key;
    use crate::store::tables::tests::EmptyTables;
    use crate::wechat::id::OpenId;
    use std::collections::BTreeSet;

    const NOW: Timestamp = Timestamp(1_795_186_923);

    #[tokio::test]
    async fn every_pending_event_is_found_once_page_by_page_and_in_either_form() {
        let events = Events::new(&EmptyTables::start().await.events);
        let (app_id, other) = (AppId::parse("wx1").unwrap(), AppId::parse("wx12").unwrap());
        for at in 0..300_u32 {
            let app_id = if at % 100 == 0 { &other } else { &app_id };
            let event = NewEvent {
                app_id,
                open_id: &OpenId::parse(format!("oUser{}", at % 7)).unwrap(),
                create_time: NOW,
                dedup_key: &at.to_string(),
                kind: "text",
                body: "<xml/>",
                reply: None,
                customer_service: None,
            };
            events.put(&event, NOW).await.unwrap();
        }
        // A row of the version that had one key for each app.
        let old = Write::update(&events.table, event_key("wx1#oUser1", "1795186923#1"))
            .set("pending", string("wx1"))
            .set("due_at", number(NOW));
        assert!(events.table.write("storing an old row", old).await.unwrap());

        let later = NOW.plus(60);
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (due, next) = events.due(&app_id, later, 2, after).await.unwrap();
            found.extend(due);
            pages += 1;
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert!(pages > 1);
        assert_eq!(found.len(), 297);
        let keys: BTreeSet<_> = found.iter().map(|due| get_string(&due.key, "event")).collect();
        assert_eq!(keys.len(), 297, "each once");
        assert!(keys.contains(&Some("1795186923#1")), "the old row");
        let (due, _) = events.due(&app_id, NOW.plus(59), 9, None).await.unwrap();
        assert_eq!(due.len(), 1, "only the old row is due");

        // Few enough for one read, or not.
        let all = events.all_due(later, 1000).await.unwrap().unwrap();
        let of = |app_id| all.iter().filter(|due| due.is_of(app_id)).count();
        assert_eq!((of(&app_id), of(&other)), (297, 3));
        let all = events.all_due(NOW, 1000).await.unwrap().unwrap();
        assert_eq!(all.len(), 1, "only the old row is due");
        assert!(events.all_due(later, 299).await.unwrap().is_none());

        let orphaned = events.orphaned(&[&app_id], later, 1000, None).await.unwrap().0;
        assert_eq!(orphaned.len(), 3);
        assert!(orphaned.iter().all(|due| due.user().unwrap().starts_with("wx12#")));
        let none = events.orphaned(&[&app_id, &other], later, 1000, None).await.unwrap().0;
        assert!(none.is_empty(), "{none:?}");
    }
}
