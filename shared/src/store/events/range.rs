//! What came in during a stretch of time.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, get_string, item_of, number, string};
use crate::wechat::id::AppId;

/// So many rows are looked at in one request.
const PAGE: i32 = 1000;

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

/// A place in the table, between two events. It names a user:
/// [`save_cursor`](crate::store::Users::keep_place) makes a word of it that others
/// may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCursor {
    pub(super) user: String,
    pub(super) event: String,
}

/// Some of the events of a range.
#[derive(Debug)]
pub struct EventPage {
    /// Those of one user stand together, in the order in which they happened.
    pub events: Vec<StoredEvent>,
    /// So many rows are no events.
    pub unreadable: u64,
    /// The place to go on from, if there may be more.
    pub next: Option<EventCursor>,
}

impl EventCursor {
    /// The place right behind an event.
    pub fn after(event: &StoredEvent) -> Self {
        Self { user: event.user.clone(), event: event.event.clone() }
    }

    fn of(item: &Item) -> Option<Self> {
        let text = |name| get_string(item, name).map(str::to_owned);
        Some(Self { user: text("user")?, event: text("event")? })
    }

    fn key(&self) -> Item {
        item_of([("user", string(&self.user)), ("event", string(&self.event))])
    }
}

impl Events {
    /// Looks for the events of a range through the whole table, from a place in
    /// it. One page may hold none, and the next one some.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn scan(
        &self,
        range: &EventRange,
        after: Option<&EventCursor>,
    ) -> Result<EventPage, AwsError> {
        let mut filter = "received_at >= :from AND received_at < :to".to_owned();
        let mut scan = self
            .table
            .dynamodb
            .scan()
            .table_name(&self.table.name)
            .consistent_read(true)
            .limit(PAGE)
            .set_exclusive_start_key(after.map(EventCursor::key))
            .expression_attribute_values(":from", number(range.from))
            .expression_attribute_values(":to", number(range.to));
        if let Some(app_id) = &range.app_id {
            filter.push_str(" AND app_id = :app");
            scan = scan.expression_attribute_values(":app", string(app_id.as_str()));
        }
        let found = scan.filter_expression(filter).send().await.map_err(|error| {
            AwsError::new(self.table.action("looking for what came in"), &error)
        })?;
        let next = found.last_evaluated_key.as_ref().and_then(EventCursor::of);
        let items = found.items.unwrap_or_default();
        let rows = items.len();
        let events: Vec<_> =
            items.into_iter().filter_map(|item| serde_dynamo::from_item(item).ok()).collect();
        let unreadable = u64::try_from(rows - events.len()).unwrap_or(u64::MAX);
        Ok(EventPage { events, unreadable, next })
    }
}
