//! What WeChat pushed: the events table, which is also the queue of the `events`
//! function.

pub(super) mod attempts;
pub(super) mod auto_reply;
pub(super) mod cursor;
pub(super) mod due;
pub(super) mod last_pushes;
pub(super) mod named_ids;
mod pending;
pub(super) mod put;
pub(super) mod scan;
pub(super) mod stored;

use super::tables::{EventsTable, aggregate};

aggregate! {
    /// The stored events.
    pub struct Events { pub(super) table: EventsTable }
}

impl Events {}
