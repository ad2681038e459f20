//! Tells whoever watches of a call: that it came, and how it was answered, or that
//! nobody waited for that.

use crate::feed::{Feed, Layer};
use axum::http::Method;
use serde_json::{Map, Value};
use std::time::Instant;

/// A call that whoever watches has been told of. Dropped before it is answered, it is one
/// whose caller has hung up.
pub(crate) struct WatchedCall {
    feed: Feed,
    id: String,
    began: Instant,
    answered: bool,
}

impl WatchedCall {
    /// A call has come.
    pub(crate) fn begin(feed: &Feed, id: u64, method: &Method, path: &str) -> Self {
        let id = id.to_string();
        feed.tell(Layer::Call, &id, |facts| {
            facts.insert("method".to_owned(), method.as_str().into());
            facts.insert("path".to_owned(), path.into());
        });
        Self { feed: feed.clone(), id, began: Instant::now(), answered: false }
    }

    /// It is answered: with which status, which JSON if any, and by which fault.
    pub(crate) fn answer(mut self, status: u16, json: Option<&Value>, fault: Option<&'static str>) {
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

    fn end(&self, know: impl FnOnce(&mut Map<String, Value>)) {
        self.feed.tell_more(Layer::Call, &self.id, |facts| {
            facts.insert("duration_ms".to_owned(), millis(self.began).into());
            know(facts);
        });
    }
}

impl Drop for WatchedCall {
    fn drop(&mut self) {
        if !self.answered {
            self.end(|facts| drop(facts.insert("hung_up".to_owned(), true.into())));
        }
    }
}

/// How many milliseconds have gone by since.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
