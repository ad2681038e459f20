//! EventBridge's buses, as far as a pipe needs them: they keep what arrives.
//!
//! A bus is there as soon as something is put on it, for a template names buses
//! that somebody else has made; what is on it is kept in memory, and the oldest
//! goes when there are 10,000. What arrives is also told to whoever serves the
//! rules ([`crate::eventbridge::rules`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::services::{ACCOUNT, REGION, Refusal};

/// How many events a bus keeps.
const KEPT: usize = 10_000;

/// How many entries `PutEvents` takes.
const MOST: usize = 10;

/// How many bytes the entries of one `PutEvents` may have together
/// ("Calculating Amazon EventBridge `PutEvents` event entry size").
const LARGEST: usize = 256 * 1024;

/// What is put on a bus.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who tells of it.
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

/// Who is told of what arrives, if anybody is.
#[derive(Debug, Default)]
struct Follower {
    tell: OnceLock<mpsc::UnboundedSender<Arrival>>,
    /// How many arrivals are told and not yet taken.
    waiting: AtomicUsize,
}

/// An event that has arrived on a bus.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The bus's name.
    pub(crate) bus: String,
    /// The event as EventBridge delivers it.
    pub(crate) event: Json,
}

impl Buses {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Everything that arrives from now on, for one follower only. Each arrival has
    /// to be [taken](Self::taken).
    pub(crate) fn follow(&self) -> mpsc::UnboundedReceiver<Arrival> {
        let (tell, told) = mpsc::unbounded_channel();
        // A second follower would hear nothing, so its channel ends at once.
        let _ = self.follower.tell.set(tell);
        told
    }

    /// Says that an arrival has led to whatever it leads to.
    pub(crate) fn taken(&self) {
        self.follower.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether every arrival was taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.follower.waiting.load(Ordering::SeqCst) == 0
    }

    /// Puts events on a bus, as one `PutEvents` does: all of them or none.
    ///
    /// # Errors
    ///
    /// There are none or more than ten, they are larger than 256 KB together,
    /// or a `detail` isn't an object.
    pub fn put(&self, bus: &str, entries: Vec<Entry>) -> Result<(), Refusal> {
        if entries.is_empty() || entries.len() > MOST {
            let message = format!("PutEvents takes 1 to {MOST} entries, not {}", entries.len());
            return Err(Refusal::new("ValidationException", message));
        }
        if entries.iter().any(|entry| !entry.detail.is_object()) {
            return Err(Refusal::new("MalformedDetail", "Detail is malformed: it is no object."));
        }
        if entries.iter().map(Entry::size).sum::<usize>() >= LARGEST {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(Refusal::new("ValidationException", message));
        }
        let arrived: Vec<_> = entries.into_iter().map(Entry::delivered).collect();
        if let Some(tell) = self.follower.tell.get() {
            for event in arrived.iter().cloned() {
                self.follower.waiting.fetch_add(1, Ordering::SeqCst);
                if tell.send(Arrival { bus: bus.to_owned(), event }).is_err() {
                    self.taken();
                }
            }
        }
        self.kept.send_modify(|buses| {
            let events = buses.entry(bus.to_owned()).or_default();
            events.extend(arrived);
            let surplus = events.len().saturating_sub(KEPT);
            events.drain(..surplus);
        });
        Ok(())
    }

    /// What has arrived on a bus, oldest first, as EventBridge delivers it:
    /// `version`, `id`, `detail-type`, `source`, `account`, `time`, `region`,
    /// `resources`, `detail`.
    #[must_use]
    pub fn events(&self, bus: &str) -> Vec<Json> {
        self.kept
            .borrow()
            .get(bus)
            .map(|events| events.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Waits until so many events or more are on a bus, and gives them.
    pub async fn arrived(&self, bus: &str, events: usize) -> Vec<Json> {
        let enough = |buses: &BTreeMap<String, VecDeque<Json>>| {
            buses.get(bus).map_or(0, VecDeque::len) >= events
        };
        // The sender lives in here, so that waiting doesn't fail.
        let _ = self.kept.subscribe().wait_for(enough).await;
        self.events(bus)
    }

    /// The buses on which something has arrived, and how many events are there.
    #[must_use]
    pub fn list(&self) -> BTreeMap<String, usize> {
        self.kept.borrow().iter().map(|(bus, events)| (bus.clone(), events.len())).collect()
    }

    /// Forgets what has arrived on a bus; tells how many events that were.
    pub fn forget(&self, bus: &str) -> usize {
        let mut forgotten = 0;
        self.kept
            .send_modify(|buses| forgotten = buses.remove(bus).map_or(0, |events| events.len()));
        forgotten
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
    async fn what_is_put_is_delivered_as_eventbridge_does() {
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
        assert_eq!((buses.forget("default"), buses.forget("default")), (2, 0));
    }

    #[test]
    fn what_a_bus_does_not_take_is_refused_in_full() {
        let buses = Buses::new();
        let code = |entries: Vec<Entry>| buses.put("default", entries).unwrap_err().code;
        let good = entry(json!({}));
        assert_eq!(code(vec![]), "ValidationException");
        assert_eq!(code(vec![good.clone(); 11]), "ValidationException");
        assert_eq!(code(vec![good.clone(), entry(json!([1]))]), "MalformedDetail");
        let half = entry(json!({"text": "x".repeat(LARGEST / 2)}));
        assert_eq!(code(vec![half.clone(), half.clone()]), "ValidationException");
        assert!(buses.list().is_empty());
        buses.put("default", vec![half]).unwrap();
    }

    #[test]
    fn the_oldest_go_first() {
        let buses = Buses::new();
        for n in 0..=KEPT / MOST {
            buses.put("default", vec![entry(json!({"n": n})); MOST]).unwrap();
        }
        let events = buses.events("default");
        assert_eq!(events.len(), KEPT);
        assert_eq!(events[0]["detail"]["n"], 1);
    }
}
