//! What is sent, and its outcome.
//!
//! A notification is one row, and its life a few writes, each conditional on the one
//! before:
//!
//! ```text
//! (no row) ──► in_progress ──► sent ──► delivered, blocked, failed   (by WeChat's receipt)
//!    │           │  ▲   └────► no_consent, unreachable, failed, expired
//!    │           ▼  │   └────► ambiguous ──► sent, delivered, blocked, failed   (by the receipt)
//!    └──► retrying, scheduled ──► cancelled
//! ```
//!
//! An invocation that sends it holds a lease on the row under a random name, the fencing
//! token: no other invocation's write gets past that name. The intent to send is written
//! before the send; so an invocation that finds a row of a crashed one knows what a
//! repetition could double. Rows that are due some time are in the index `due`. A row is
//! deleted only by its age.

pub(super) mod bulk_request;
pub(super) mod due;
mod matching;
pub(super) mod receipts;
pub(super) mod row;
pub(super) mod status;
pub(super) mod transition;

use super::tables::{NotificationsTable, aggregate};

aggregate! {
    /// The notifications.
    pub struct Notifications { pub(super) table: NotificationsTable }
}

impl Notifications {}
