//! The present state and every change of it, as server-sent events.
//!
//! Source: the HTML standard, "Server-sent events".

use crate::app::{App, Kind};
use crate::feed::{self, Happening};
use crate::message::SERVICE_NOTICES;
use crate::person::Person;
use crate::running::Shared;
use crate::world::World;
use crate::{clock, endpoint, state};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// How long changes gather before they are told together.
const GATHER: Duration = Duration::from_millis(20);
/// How many messages of a chat are told of, the newest.
const MESSAGES: usize = 200;

/// Answers `GET /sandbox/live`: first everything, then what changes.
///
/// Each event is a JSON object with `now` (the sandbox's time, Unix seconds) and what is
/// new: `apps` and `people` whole, `happenings` whole, `faults` all of them. The first
/// one has `fresh`: true, and says what there is to choose from.
pub(crate) async fn watch(
    State(running): State<Shared>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let watcher = Watcher {
        world: running.versions(),
        feed: running.feed.listen(),
        closing: running.closing(),
        running,
        told: BTreeMap::new(),
        version: 0,
        fresh: true,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let news = watcher.next().await?;
        Some((Ok(Event::default().data(news.to_string())), watcher))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Somebody who watches.
struct Watcher {
    running: Shared,
    world: watch::Receiver<u64>,
    feed: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// What was told last, by what it is of.
    told: BTreeMap<String, String>,
    /// Up to which version of the feed.
    version: u64,
    fresh: bool,
}

impl Watcher {
    /// Waits for news; none when the sandbox stops.
    async fn next(&mut self) -> Option<Value> {
        loop {
            // From here on a change is one to come back for.
            self.world.borrow_and_update();
            self.feed.borrow_and_update();
            if let Some(news) = self.news() {
                return Some(news);
            }
            tokio::select! {
                _ = self.closing.wait_for(|closing| *closing) => return None,
                changed = self.world.changed() => changed.ok()?,
                changed = self.feed.changed() => changed.ok()?,
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    fn news(&mut self) -> Option<Value> {
        let (happenings, version) = self.running.feed.since(self.version);
        self.version = version;
        let (now, advanced, apps, people, faults) = self.running.read(|state| {
            let World { apps, people, .. } = &state.world;
            let now = state.world.now();
            let apps: Vec<_> = apps.iter().map(|it| app(it, now)).collect();
            let people: Vec<_> = people.iter().map(|it| person(&state.world, it)).collect();
            (now, state.world.advanced_seconds, apps, people, json!(state.faults))
        });
        let apps = self.untold("app", "alias", apps);
        let people = self.untold("person", "name", people);
        let faults = self.untold("faults", "", vec![faults]).pop();
        let moved = !self.untold("clock", "", vec![advanced.into()]).is_empty();
        let fresh = std::mem::take(&mut self.fresh);
        let quiet = apps.is_empty() && people.is_empty() && faults.is_none() && !moved;
        if quiet && happenings.is_empty() && !fresh {
            return None;
        }
        Some(told(now, apps, people, faults, &happenings, fresh.then(|| self.choices())))
    }

    /// Those that aren't as they were when they were told of last.
    fn untold(&mut self, kind: &str, name: &str, all: Vec<Value>) -> Vec<Value> {
        let mut untold = Vec::new();
        for it in all {
            let key = format!("{kind} {}", it[name].as_str().unwrap_or_default());
            let text = it.to_string();
            if self.told.get(&key) != Some(&text) {
                self.told.insert(key, text);
                untold.push(it);
            }
        }
        untold
    }

    /// What there is to choose from.
    fn choices(&self) -> Map<String, Value> {
        let business = &self.running.business;
        let choices = json!({
            "fresh": true,
            "paths": endpoint::paths(),
            "can_open": business.api.is_some(),
            "can_notify": business.send.is_some(),
            "notices": SERVICE_NOTICES,
            "kept": feed::KEPT,
        });
        let Value::Object(choices) = choices else { return Map::new() };
        choices
    }
}

fn told(
    now: i64,
    apps: Vec<Value>,
    people: Vec<Value>,
    faults: Option<Value>,
    happenings: &[Happening],
    choices: Option<Map<String, Value>>,
) -> Value {
    let mut told = choices.unwrap_or_default();
    let wall_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
    told.insert("now".to_owned(), now.into());
    told.insert("wall_ms".to_owned(), wall_ms.into());
    told.insert("apps".to_owned(), apps.into());
    told.insert("people".to_owned(), people.into());
    told.insert("happenings".to_owned(), json!(happenings));
    if let Some(faults) = faults {
        told.insert("faults".to_owned(), faults);
    }
    told.into()
}

fn app(app: &App, now: i64) -> Value {
    let mut told = state::app(app);
    if app.kind == Kind::OfficialAccount {
        told["menu"] = json!(app.menu);
    }
    let asked = app.templates.iter().filter(|it| it.kind.is_subscription());
    told["subscriptions"] = asked.map(|it| json!(it)).collect();
    told["token"] = app.tokens.last(now);
    told
}

fn person(world: &World, person: &Person) -> Value {
    let mut told = state::without_messages(world, person);
    let mut shown = BTreeMap::<&str, usize>::new();
    let mut messages: Vec<_> = person
        .messages
        .iter()
        .rev()
        .filter(|message| {
            let so_many = shown.entry(message.chat()).or_default();
            *so_many += 1;
            *so_many <= MESSAGES
        })
        .map(|message| {
            let mut told = json!(message);
            told["chat"] = message.chat().into();
            told
        })
        .collect();
    messages.reverse();
    told["messages"] = messages.into();
    told["unread"] = json!(person.unread);
    for (alias, relation) in &person.relations {
        // Nobody tells when it is over.
        if let Some(told) = told["apps"].get_mut(alias) {
            told["typing"] = relation.typing_until.into();
        }
    }
    told
}
