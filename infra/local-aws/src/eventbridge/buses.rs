//! EventBridge's buses: they keep the events that are put on them.
//!
//! A bus exists as soon as an event is put on it, since templates name buses that other
//! stacks create. Events are kept in memory, the last 10,000 of each bus, and passed on
//! to the rules ([`crate::eventbridge::rules`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::services::account::{ACCOUNT, REGION};
use crate::services::refusal::Refusal;

/// Maximum number of events that a bus keeps.
const MAX_EVENTS: usize = 10_000;

/// Maximum number of entries of `PutEvents`.
const MAX_ENTRIES: usize = 10;

/// Maximum size of the entries of one `PutEvents` together
/// ("Calculating Amazon EventBridge `PutEvents` event entry size").
const MAX_BATCH_BYTES: usize = 256 * 1024;

/// What is put on a bus.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The publisher.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// ARNs of what it is about.
    pub resources: Vec<String>,
    /// The event itself, an object.
    pub detail: Json,
}

/// All buses: a handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Buses {
    kept: Arc<watch::Sender<BTreeMap<String, VecDeque<Json>>>>,
    follower: Arc<Follower>,
}

/// The subscriber to published events, if there is one.
#[derive(Debug, Default)]
struct Follower {
    tell: OnceLock<mpsc::UnboundedSender<PublishedEvent>>,
    /// How many events were sent and not yet delivered.
    waiting: AtomicUsize,
}

/// An event that was put on a bus.
#[derive(Debug)]
pub(crate) struct PublishedEvent {
    /// The bus's name.
    pub(crate) bus: String,
    /// The event as EventBridge delivers it.
    pub(crate) event: Json,
}

impl Buses {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// All events from now on, for one subscriber only. Each has to be acknowledged as
    /// [delivered](Self::delivered).
    pub(crate) fn follow(&self) -> mpsc::UnboundedReceiver<PublishedEvent> {
        let (tell, told) = mpsc::unbounded_channel();
        // A second subscriber would receive nothing, so its channel ends at once.
        let _ = self.follower.tell.set(tell);
        told
    }

    /// Acknowledges that the rules have handled an event.
    pub(crate) fn delivered(&self) {
        self.follower.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether every event was delivered.
    pub(crate) fn is_idle(&self) -> bool {
        self.follower.waiting.load(Ordering::SeqCst) == 0
    }

    /// Puts events on a bus, as one `PutEvents` does: all of them or none. They are one to
    /// ten, have 256 KB together at most, and each `detail` is an object.
    pub fn put(&self, bus: &str, entries: Vec<Entry>) -> Result<(), Refusal> {
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            let message =
                format!("PutEvents takes 1 to {MAX_ENTRIES} entries, not {}", entries.len());
            return Err(Refusal::validation(message));
        }
        if entries.iter().any(|entry| !entry.detail.is_object()) {
            return Err(Refusal::new("MalformedDetail", "Detail is malformed: it is no object."));
        }
        if entries.iter().map(Entry::size).sum::<usize>() >= MAX_BATCH_BYTES {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(Refusal::validation(message));
        }
        let arrived: Vec<_> = entries.into_iter().map(Entry::delivered).collect();
        if let Some(tell) = self.follower.tell.get() {
            for event in arrived.iter().cloned() {
                self.follower.waiting.fetch_add(1, Ordering::SeqCst);
                if tell.send(PublishedEvent { bus: bus.to_owned(), event }).is_err() {
                    self.delivered();
                }
            }
        }
        self.kept.send_modify(|buses| {
            let events = buses.entry(bus.to_owned()).or_default();
            events.extend(arrived);
            let surplus = events.len().saturating_sub(MAX_EVENTS);
            events.drain(..surplus);
        });
        Ok(())
    }

    /// What has arrived on a bus, oldest first, as EventBridge delivers it:
    /// `version`, `id`, `detail-type`, `source`, `account`, `time`, `region`,
    /// `resources`, `detail`.
    pub fn events(&self, bus: &str) -> Vec<Json> {
        self.kept
            .borrow()
            .get(bus)
            .map(|events| events.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Waits until this number of events or more are on a bus, and returns them.
    pub async fn arrived(&self, bus: &str, events: usize) -> Vec<Json> {
        let enough = |buses: &BTreeMap<String, VecDeque<Json>>| {
            buses.get(bus).map_or(0, VecDeque::len) >= events
        };
        // The sender lives in here, so that waiting doesn't fail.
        let _ = self.kept.subscribe().wait_for(enough).await;
        self.events(bus)
    }

    /// The buses on which something has arrived, and how many events are there.
    pub fn list(&self) -> BTreeMap<String, usize> {
        self.kept.borrow().iter().map(|(bus, events)| (bus.clone(), events.len())).collect()
    }

    /// Removes the events of a bus, and returns their number.
    pub fn clear(&self, bus: &str) -> usize {
        let mut cleared = 0;
        self.kept.send_modify(|buses| cleared = buses.remove(bus).map_or(0, |events| events.len()));
        cleared
    }
}

impl Entry {
    fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        self.source.len() + self.detail_type.len() + resources + self.detail.to_string().len()
    }

    fn delivered(self) -> Json {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4().to_string(),
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": clock::rfc3339(clock::now()),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(detail: Json) -> Entry {
        Entry {
            source: "orders".to_owned(),
            detail_type: "a test".to_owned(),
            resources: vec!["arn:aws:sqs:us-east-1:000000000000:x".to_owned()],
            detail,
        }
    }

    #[tokio::test]
    async fn put_event_is_delivered_in_eventbridges_form() {
        let buses = Buses::new();
        buses.put("default", vec![entry(json!({"n": 1})), entry(json!({"n": 2}))]).unwrap();
        let [first, second] = buses.arrived("default", 2).await.try_into().unwrap();
        assert_ne!(first["id"], second["id"]);
        let time = first["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        assert_eq!(
            first,
            json!({
                "version": "0", "id": first["id"], "detail-type": "a test", "source": "orders",
                "account": "000000000000", "time": time, "region": "us-east-1",
                "resources": ["arn:aws:sqs:us-east-1:000000000000:x"], "detail": {"n": 1},
            })
        );
        assert_eq!(buses.events("other"), Vec::<Json>::new());
        assert_eq!(buses.list(), BTreeMap::from([("default".to_owned(), 2)]));
        assert_eq!((buses.clear("default"), buses.clear("default")), (2, 0));
    }

    #[test]
    fn invalid_batch_of_events_is_refused_whole() {
        let buses = Buses::new();
        let code = |entries: Vec<Entry>| buses.put("default", entries).unwrap_err().code;
        let good = entry(json!({}));
        assert_eq!(code(vec![]), "ValidationException");
        assert_eq!(code(vec![good.clone(); 11]), "ValidationException");
        assert_eq!(code(vec![good.clone(), entry(json!([1]))]), "MalformedDetail");
        let half = entry(json!({"text": "x".repeat(MAX_BATCH_BYTES / 2)}));
        assert_eq!(code(vec![half.clone(), half.clone()]), "ValidationException");
        assert!(buses.list().is_empty());
        buses.put("default", vec![half]).unwrap();
    }

    #[test]
    fn the_oldest_go_first() {
        let buses = Buses::new();
        for n in 0..=MAX_EVENTS / MAX_ENTRIES {
            buses.put("default", vec![entry(json!({"n": n})); MAX_ENTRIES]).unwrap();
        }
        let events = buses.events("default");
        assert_eq!(events.len(), MAX_EVENTS);
        assert_eq!(events[0]["detail"]["n"], 1);
    }
}
