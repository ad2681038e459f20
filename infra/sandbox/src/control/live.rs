//! The current state and every change of it, as server-sent events.
//!
//! Source: the HTML standard, "Server-sent events".

use crate::activity_feed::{Activity, MAX_ACTIVITIES};
use crate::clock;
use crate::context::SharedContext;
use crate::control::snapshot;
use crate::endpoints::table;
use crate::model::app::App;
use crate::model::app_settings::AppKind;
use crate::model::message::SERVICE_NOTICES;
use crate::model::person::Person;
use crate::model::world::World;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// Delay that collects changes into one event.
const EVENT_DELAY: Duration = Duration::from_millis(20);
/// Maximum number of messages of a chat in an event; the newest.
const MAX_CHAT_MESSAGES: usize = 200;

/// `GET /sandbox/live`: first everything, then each change.
///
/// An event is a JSON object with `now` (the sandbox's time, Unix seconds) and what has
/// changed: whole `apps`, `people` and `activities`, and all `faults`. The first event has
/// `fresh`: true, and the page's options.
pub(super) async fn watch(
    State(context): State<SharedContext>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let watcher = Watcher {
        world: context.versions(),
        feed: context.feed.subscribe(),
        closing: context.closing(),
        context,
        sent: BTreeMap::new(),
        version: 0,
        fresh: true,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok(Event::default().data(event.to_string())), watcher))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// One client of the stream.
struct Watcher {
    context: SharedContext,
    world: watch::Receiver<u64>,
    feed: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// The last state sent, by kind and name.
    sent: BTreeMap<String, String>,
    /// The last version of the feed that was sent.
    version: u64,
    fresh: bool,
}

impl Watcher {
    /// Waits for the next event; `None` when the sandbox stops.
    async fn next(&mut self) -> Option<Value> {
        loop {
            // Changes from here on wake the receivers.
            self.world.borrow_and_update();
            self.feed.borrow_and_update();
            if let Some(event) = self.changes() {
                return Some(event);
            }
            tokio::select! {
                _ = self.closing.wait_for(|closing| *closing) => return None,
                changed = self.world.changed() => changed.ok()?,
                changed = self.feed.changed() => changed.ok()?,
            }
            tokio::time::sleep(EVENT_DELAY).await;
        }
    }

    fn changes(&mut self) -> Option<Value> {
        let (activities, version) = self.context.feed.since(self.version);
        self.version = version;
        let (now, advanced, apps, people, faults) = self.context.read(|state| {
            let World { apps, people, .. } = &state.world;
            let now = state.world.now();
            let apps: Vec<_> = apps.iter().map(|it| app(it, now)).collect();
            let people: Vec<_> = people.iter().map(|it| person(&state.world, it)).collect();
            (now, state.world.advanced_seconds, apps, people, json!(state.faults))
        });
        let apps = self.unsent("app", "alias", apps);
        let people = self.unsent("person", "name", people);
        let faults = self.unsent("faults", "", vec![faults]).pop();
        let moved = !self.unsent("clock", "", vec![advanced.into()]).is_empty();
        let fresh = std::mem::take(&mut self.fresh);
        let unchanged = apps.is_empty() && people.is_empty() && faults.is_none() && !moved;
        if unchanged && activities.is_empty() && !fresh {
            return None;
        }
        Some(event(now, apps, people, faults, &activities, fresh.then(|| self.options())))
    }

    /// The values that differ from what was last sent.
    fn unsent(&mut self, kind: &str, name: &str, all: Vec<Value>) -> Vec<Value> {
        let mut unsent = Vec::new();
        for it in all {
            let key = format!("{kind} {}", it[name].as_str().unwrap_or_default());
            let text = it.to_string();
            if self.sent.get(&key) != Some(&text) {
                self.sent.insert(key, text);
                unsent.push(it);
            }
        }
        unsent
    }

    /// What the page can offer.
    fn options(&self) -> Map<String, Value> {
        let business = &self.context.business;
        let options = json!({
            "fresh": true,
            "paths": table::paths(),
            "can_open": business.api.is_some(),
            "can_notify": business.send.is_some(),
            "notices": SERVICE_NOTICES,
            "max_activities": MAX_ACTIVITIES,
        });
        let Value::Object(options) = options else { return Map::new() };
        options
    }
}

fn event(
    now: i64,
    apps: Vec<Value>,
    people: Vec<Value>,
    faults: Option<Value>,
    activities: &[Activity],
    options: Option<Map<String, Value>>,
) -> Value {
    let mut event = options.unwrap_or_default();
    let wall_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
    event.insert("now".to_owned(), now.into());
    event.insert("wall_ms".to_owned(), wall_ms.into());
    event.insert("apps".to_owned(), apps.into());
    event.insert("people".to_owned(), people.into());
    event.insert("activities".to_owned(), json!(activities));
    if let Some(faults) = faults {
        event.insert("faults".to_owned(), faults);
    }
    event.into()
}

fn app(app: &App, now: i64) -> Value {
    let mut shown = snapshot::app(app);
    if app.kind == AppKind::OfficialAccount {
        shown["menu"] = json!(app.menu);
    }
    let subscriptions = app.templates.iter().filter(|it| it.kind.is_subscription());
    shown["subscriptions"] = subscriptions.map(|it| json!(it)).collect();
    shown["token"] = app.state.tokens.last(now);
    shown
}

fn person(world: &World, person: &Person) -> Value {
    let mut shown = snapshot::person(world, person);
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut messages: Vec<_> = person
        .messages
        .iter()
        .rev()
        .filter(|message| {
            let count = counts.entry(message.chat()).or_default();
            *count += 1;
            *count <= MAX_CHAT_MESSAGES
        })
        .map(|message| {
            let mut shown = json!(message);
            shown["chat"] = message.chat().into();
            shown
        })
        .collect();
    messages.reverse();
    shown["messages"] = messages.into();
    shown["unread"] = json!(person.unread);
    for (alias, relation) in &person.relations {
        // A time instead of a flag: no event marks the end of typing.
        if let Some(shown) = shown["apps"].get_mut(alias) {
            shown["typing"] = relation.typing_until.into();
        }
    }
    shown
}
