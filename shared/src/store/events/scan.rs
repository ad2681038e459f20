//! The events of a time range.

use super::Events;
use super::stored::{StoredEvent, event_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, number, string};
use crate::store::dynamodb::query::Query;
use crate::wechat::id::AppId;

/// Maximum number of rows that are read in one request.
const PAGE_SIZE: i32 = 1000;

/// Which events are meant.
#[derive(Clone, Debug)]
pub struct EventRange {
    /// Received then or later.
    pub from: Timestamp,
    /// Received before then.
    pub to: Timestamp,
    /// Of this app only.
    pub app_id: Option<AppId>,
}

/// A position in the table, between two events. It names a user:
/// [`EventCursors`](crate::store::EventCursors) makes a token of it that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCursor {
    pub(super) user: String,
    pub(super) event: String,
}

/// Some of the events of a range.
#[derive(Debug)]
pub struct EventPage {
    /// Those of one user are together, in the order in which they happened.
    pub events: Vec<StoredEvent>,
    /// The number of rows that are no events.
    pub unreadable: u64,
    /// Where the next page begins, if there may be one.
    pub next: Option<EventCursor>,
}

impl EventCursor {
    /// The position right after an event.
    pub fn after(event: &StoredEvent) -> Self {
        Self { user: event.user.clone(), event: event.event.clone() }
    }

    fn from_key(key: &Item) -> Option<Self> {
        let text = |name| get_string(key, name).map(str::to_owned);
        Some(Self { user: text("user")?, event: text("event")? })
    }
}

impl Events {
    /// Scans the whole table for the events of a range, from a position in it. One page
    /// may hold none, and the next one some.
    pub async fn scan(
        &self,
        range: &EventRange,
        after: Option<&EventCursor>,
    ) -> Result<EventPage, AwsError> {
        let mut filter = attr("received_at")
            .at_least(number(range.from))
            .and(attr("received_at").less_than(number(range.to)));
        if let Some(app_id) = &range.app_id {
            filter = filter.and(attr("app_id").equals(string(app_id.as_str())));
        }
        let start = after.map(|after| event_key(&after.user, &after.event));
        let scan = Query::scan().filter(filter).page_size(PAGE_SIZE).start(start);
        let page = self.table.read_page("scanning for events", scan).await?;
        let next = page.next.as_ref().and_then(EventCursor::from_key);
        let rows = page.items.len();
        let events: Vec<_> =
            page.items.into_iter().filter_map(|item| serde_dynamo::from_item(item).ok()).collect();
        let unreadable = u64::try_from(rows - events.len()).unwrap_or(u64::MAX);
        Ok(EventPage { events, unreadable, next })
    }
}
