//! What happens underneath the phones, for whoever watches: the newest of each kind.

use crate::clock;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many of each kind are kept; older ones are forgotten.
pub(crate) const KEPT: usize = 200;

/// Of which kind something is that happens underneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// A delivery to a callback.
    Callback,
    /// A call of WeChat's API.
    Call,
    /// A notification on its way to somebody.
    Notification,
    /// An invocation of a function.
    Invocation,
}

const LAYERS: usize = 4;

/// Something that happens underneath, as far as it is known.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    /// Of which kind.
    pub layer: Layer,
    /// Its name among those of its kind.
    pub id: String,
    /// When it was first told of, in milliseconds since 1970 by the wall's clock.
    pub began_ms: u64,
    /// What is known of it. No secrets: it is for everybody's eyes.
    pub facts: Map<String, Value>,
    #[serde(skip)]
    version: u64,
}

/// What happens underneath the phones. A handle, cheap to clone; whoever runs more than
/// the sandbox tells of it here, and the sandbox's page shows it.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Mutex<Kept>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    version: u64,
    layers: [VecDeque<Happening>; LAYERS],
}

impl Default for Feed {
    fn default() -> Self {
        Self(Arc::new(Inner { kept: Mutex::default(), version: watch::Sender::new(0) }))
    }
}

impl Feed {
    /// Tells of something, or more of something that is known already.
    pub fn tell(&self, layer: Layer, id: &str, know: impl FnOnce(&mut Map<String, Value>)) {
        self.change(layer, id, true, know);
    }

    /// Tells more of something; nothing, if it is forgotten by now.
    pub fn tell_more(&self, layer: Layer, id: &str, know: impl FnOnce(&mut Map<String, Value>)) {
        self.change(layer, id, false, know);
    }

    fn change(
        &self,
        layer: Layer,
        id: &str,
        may_be_new: bool,
        know: impl FnOnce(&mut Map<String, Value>),
    ) {
        let mut kept = self.kept();
        let version = kept.version + 1;
        let of_its_kind = &mut kept.layers[layer as usize];
        match of_its_kind.iter_mut().rev().find(|it| it.id == id) {
            Some(known) => {
                know(&mut known.facts);
                known.version = version;
            }
            None if may_be_new => {
                let mut facts = Map::new();
                know(&mut facts);
                let id = id.to_owned();
                let began_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
                of_its_kind.push_back(Happening { layer, id, began_ms, facts, version });
                if of_its_kind.len() > KEPT {
                    of_its_kind.pop_front();
                }
            }
            None => return,
        }
        kept.version = version;
        drop(kept);
        self.0.version.send_replace(version);
    }

    /// The newest of a kind.
    pub fn newest(&self, layer: Layer) -> Option<Happening> {
        self.kept().layers[layer as usize].back().cloned()
    }

    /// What was told after this version, in the order in which it was last told of; and
    /// the present version.
    pub(crate) fn since(&self, version: u64) -> (Vec<Happening>, u64) {
        let kept = self.kept();
        let all = kept.layers.iter().flatten();
        let mut news: Vec<_> = all.filter(|it| it.version > version).cloned().collect();
        news.sort_by_key(|it| it.version);
        (news, kept.version)
    }

    /// Hears of every new version.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_twice_is_one_thing_that_changed() {
        let feed = Feed::default();
        feed.tell(Layer::Call, "1", |facts| drop(facts.insert("path".to_owned(), "/a".into())));
        feed.tell(Layer::Callback, "1", |_| {});
        let (news, version) = feed.since(0);
        assert_eq!(news.len(), 2);
        feed.tell(Layer::Call, "1", |facts| drop(facts.insert("status".to_owned(), 200.into())));
        let (news, _) = feed.since(version);
        let [news] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!(
            Value::from(news.facts.clone()),
            serde_json::json!({ "path": "/a", "status": 200 })
        );
    }

    #[test]
    fn only_the_newest_of_each_kind_are_kept() {
        let feed = Feed::default();
        feed.tell(Layer::Notification, "rare", |_| {});
        for number in 0..=KEPT {
            feed.tell(Layer::Call, &number.to_string(), |_| {});
        }
        let (kept, _) = feed.since(0);
        assert_eq!(kept.len(), KEPT + 1);
        assert_eq!(kept[0].id, "rare");
        assert_eq!(kept[1].id, "1");
        // The end of what is forgotten is not half a thing of its own.
        feed.tell_more(Layer::Call, "0", |_| {});
        assert!(feed.since(0).0.iter().all(|it| it.id != "0"));
    }
}
