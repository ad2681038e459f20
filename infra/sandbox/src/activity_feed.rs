//! The activity feed: recent deliveries, API calls, notifications and invocations, for the
//! inspector on the page.

use crate::clock;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Maximum number of activities of each kind; the oldest are dropped.
pub(crate) const MAX_ACTIVITIES: usize = 200;

/// The kind of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// A delivery to a callback.
    Callback,
    /// A call of WeChat's API.
    Call,
    /// A notification to a user.
    Notification,
    /// An invocation of a function.
    Invocation,
}

const KINDS: usize = 4;

/// An activity, as far as it is known.
#[derive(Clone, Debug, Serialize)]
pub struct Activity {
    /// Its kind.
    pub kind: ActivityKind,
    /// Its id within its kind.
    pub id: String,
    /// When it was first recorded, in milliseconds since 1970 by the system clock.
    pub began_ms: u64,
    /// Its properties. They must not contain secrets: the page shows them.
    pub facts: Map<String, Value>,
    #[serde(skip)]
    version: u64,
}

/// The activities that the page shows. A handle that is cheap to clone: a program that embeds
/// the sandbox records its own notifications and invocations here.
#[derive(Clone, Debug)]
pub struct ActivityFeed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recent: Mutex<Recent>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Recent {
    version: u64,
    by_kind: [VecDeque<Activity>; KINDS],
}

impl Default for ActivityFeed {
    fn default() -> Self {
        Self(Arc::new(Inner { recent: Mutex::default(), version: watch::Sender::new(0) }))
    }
}

impl ActivityFeed {
    /// Records a new activity, or updates a known one.
    pub fn record(&self, kind: ActivityKind, id: &str, set: impl FnOnce(&mut Map<String, Value>)) {
        self.change(kind, id, true, set);
    }

    /// Updates an activity; does nothing if it was dropped.
    pub fn update(&self, kind: ActivityKind, id: &str, set: impl FnOnce(&mut Map<String, Value>)) {
        self.change(kind, id, false, set);
    }

    fn change(
        &self,
        kind: ActivityKind,
        id: &str,
        may_be_new: bool,
        set: impl FnOnce(&mut Map<String, Value>),
    ) {
        let mut recent = self.recent();
        let version = recent.version + 1;
        let same_kind = &mut recent.by_kind[kind as usize];
        match same_kind.iter_mut().rev().find(|it| it.id == id) {
            Some(known) => {
                set(&mut known.facts);
                known.version = version;
            }
            None if may_be_new => {
                let mut facts = Map::new();
                set(&mut facts);
                let id = id.to_owned();
                let began_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
                same_kind.push_back(Activity { kind, id, began_ms, facts, version });
                if same_kind.len() > MAX_ACTIVITIES {
                    same_kind.pop_front();
                }
            }
            None => return,
        }
        recent.version = version;
        drop(recent);
        self.0.version.send_replace(version);
    }

    /// The newest activity of a kind.
    pub fn newest(&self, kind: ActivityKind) -> Option<Activity> {
        self.recent().by_kind[kind as usize].back().cloned()
    }

    /// The activities that changed after this version, in the order of their last change; and
    /// the current version.
    pub(crate) fn since(&self, version: u64) -> (Vec<Activity>, u64) {
        let recent = self.recent();
        let all = recent.by_kind.iter().flatten();
        let mut changed: Vec<_> = all.filter(|it| it.version > version).cloned().collect();
        changed.sort_by_key(|it| it.version);
        (changed, recent.version)
    }

    /// Receives each new version.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_record_updates_the_activity() {
        let feed = ActivityFeed::default();
        feed.record(ActivityKind::Call, "1", |facts| {
            drop(facts.insert("path".to_owned(), "/a".into()));
        });
        feed.record(ActivityKind::Callback, "1", |_| {});
        let (news, version) = feed.since(0);
        assert_eq!(news.len(), 2);
        feed.record(ActivityKind::Call, "1", |facts| {
            drop(facts.insert("status".to_owned(), 200.into()));
        });
        let (news, _) = feed.since(version);
        let [news] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!(
            Value::from(news.facts.clone()),
            serde_json::json!({ "path": "/a", "status": 200 })
        );
    }

    #[test]
    fn feed_keeps_the_newest_of_each_kind() {
        let feed = ActivityFeed::default();
        feed.record(ActivityKind::Notification, "rare", |_| {});
        for number in 0..=MAX_ACTIVITIES {
            feed.record(ActivityKind::Call, &number.to_string(), |_| {});
        }
        let (kept, _) = feed.since(0);
        assert_eq!(kept.len(), MAX_ACTIVITIES + 1);
        assert_eq!(kept[0].id, "rare");
        assert_eq!(kept[1].id, "1");
        // An update of a dropped activity does not add it again.
        feed.update(ActivityKind::Call, "0", |_| {});
        assert!(feed.since(0).0.iter().all(|it| it.id != "0"));
    }
}
