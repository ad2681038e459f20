//! What WeChat pushed: the events table, which is also the queue of the `events`
//! function.

pub(super) mod attempts;
pub(super) mod auto_reply;
pub(super) mod cursor;
pub(super) mod due;
pub(super) mod put;
pub(super) mod scan;
pub(super) mod stored;

use super::dynamodb::table::Table;
use super::tables::EventsTable;

/// The stored events.
#[derive(Clone, Debug)]
pub struct Events {
    pub(super) table: Table,
}

impl Events {
    /// The events of the events table.
    pub fn new(events: &EventsTable) -> Self {
        Self { table: events.0.clone() }
    }
}
