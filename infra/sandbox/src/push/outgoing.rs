//! A push: an event or a message to a callback.

use crate::push::event::Event;

/// An event or a message to a callback.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// The app, by alias.
    pub(crate) app: String,
    /// The user who caused it.
    pub(crate) open_id: String,
    /// Unix seconds, by the sandbox's clock.
    pub(crate) create_time: i64,
    pub(crate) event: Event,
    /// How often it is delivered again after its acknowledgement, to the byte the same.
    pub(crate) repeats: u32,
}

impl Push {
    pub(crate) fn new(app: &str, open_id: &str, create_time: i64, event: Event) -> Self {
        Self { app: app.to_owned(), open_id: open_id.to_owned(), create_time, event, repeats: 0 }
    }
}
