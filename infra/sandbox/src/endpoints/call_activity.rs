//! Records calls in the activity feed.

use crate::activity_feed::{ActivityFeed, ActivityKind};
use crate::clock::millis_since;
use axum::http::Method;
use serde_json::{Map, Value};
use std::time::Instant;

/// A call in the activity feed. Dropped before its answer, it is marked as hung up.
pub(super) struct CallActivity {
    feed: ActivityFeed,
    id: String,
    start: Instant,
    answered: bool,
}

impl CallActivity {
    pub(super) fn begin(feed: &ActivityFeed, id: u64, method: &Method, path: &str) -> Self {
        let id = id.to_string();
        feed.record(ActivityKind::Call, &id, |facts| {
            facts.insert("method".to_owned(), method.as_str().into());
            facts.insert("path".to_owned(), path.into());
        });
        Self { feed: feed.clone(), id, start: Instant::now(), answered: false }
    }

    /// Records the status, the JSON and the fault of the answer.
    pub(super) fn answer(mut self, status: u16, json: Option<&Value>, fault: Option<&'static str>) {
        self.answered = true;
        self.end(|facts| {
            facts.insert("status".to_owned(), status.into());
            facts.insert("fault".to_owned(), fault.into());
            if let Some(json) = json {
                let errcode = json.get("errcode").cloned();
                facts.insert("errcode".to_owned(), errcode.unwrap_or_else(|| 0.into()));
                facts.insert("errmsg".to_owned(), json["errmsg"].clone());
            }
        });
    }

    fn end(&self, set: impl FnOnce(&mut Map<String, Value>)) {
        self.feed.update(ActivityKind::Call, &self.id, |facts| {
            facts.insert("duration_ms".to_owned(), millis_since(self.start).into());
            set(facts);
        });
    }
}

impl Drop for CallActivity {
    fn drop(&mut self) {
        if !self.answered {
            self.end(|facts| drop(facts.insert("hung_up".to_owned(), true.into())));
        }
    }
}
