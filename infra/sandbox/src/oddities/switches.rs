//! Which oddities are on, and which were drawn how often.

use crate::oddities::catalog::{CATALOG, Effect, Oddity};
use crate::oddities::draw::{Chosen, Draw, Random};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Chaos draws each oddity for one in this many calls and pushes.
const CHAOS_INTERVAL: usize = 4;

/// The oddities that are on.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Switches {
    on: Vec<Switch>,
    chaos: Option<Chaos>,
    /// How often each oddity changed a call or a push.
    drawn: BTreeMap<Oddity, u64>,
    /// The number of calls and pushes of each kind since chaos began.
    #[serde(skip)]
    seen: BTreeMap<String, u64>,
}

/// One oddity that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Switch {
    pub(crate) name: Oddity,
    #[serde(flatten)]
    pub(crate) filter: Filter,
}

/// The calls and pushes that a switch affects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// The app, by alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
    /// The path of a call; for a push, the name of the event or the type of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    /// The number of calls and pushes that it still affects; without one, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
}

/// Chaos: oddities that change no meaning, drawn by a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chaos {
    pub(crate) seed: u64,
    /// Never drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) except: Vec<Oddity>,
}

impl Switches {
    /// Switches an oddity on, in place of earlier switches with the same filter.
    pub(crate) fn turn_on(&mut self, switch: Switch) {
        let same = |it: &Switch| {
            it.name == switch.name
                && it.filter.app == switch.filter.app
                && it.filter.of == switch.filter.of
        };
        self.on.retain(|it| !same(it));
        self.on.push(switch);
    }

    /// Switches an oddity off. Chaos still draws it.
    pub(crate) fn turn_off(&mut self, oddity: Oddity) {
        self.on.retain(|it| it.name != oddity);
    }

    /// Begins chaos, or ends it.
    pub(crate) fn set_chaos(&mut self, chaos: Option<Chaos>) {
        self.chaos = chaos;
        self.seen.clear();
    }

    /// Draws for a call of this path.
    pub(crate) fn draw_for_call(&mut self, path: &str) -> Draw {
        self.draw(true, path)
    }

    /// Draws for a push to this app: of an event with this name, or a message of this type.
    pub(crate) fn draw_for_push(&mut self, app: &str, of: &str) -> Draw {
        let mut draw = self.draw(false, of);
        draw.app = Some(app.to_owned());
        draw
    }

    fn draw(&mut self, call: bool, of: &str) -> Draw {
        let nth = self.seen.entry(of.to_owned()).or_default();
        *nth += 1;
        let seed = self.chaos.as_ref().map_or(0, |chaos| chaos.seed);
        let mut random = Random::new(seed, of, *nth);
        let is_on = |it: &&Switch| {
            it.filter.times != Some(0) && it.filter.of.as_deref().is_none_or(|it| it == of)
        };
        let on = self.on.iter().filter(is_on);
        let mut chosen: Vec<_> =
            on.map(|it| Chosen { oddity: it.name, app: it.filter.app.clone() }).collect();
        if let Some(chaos) = &self.chaos {
            let harmless =
                CATALOG.iter().filter(|it| it.effect == Effect::None && it.wire.is_of(call));
            // Each is drawn or not, whatever the others are.
            for entry in harmless {
                let drawn = random.below(CHAOS_INTERVAL) == 0;
                if drawn && !chaos.except.contains(&entry.name) {
                    chosen.push(Chosen { oddity: entry.name, app: None });
                }
            }
        }
        Draw::new(chosen, random)
    }

    /// Counts the oddities that changed a call or a push.
    pub(crate) fn record(&mut self, draw: &Draw, of: &str) {
        for oddity in draw.applied() {
            *self.drawn.entry(*oddity).or_default() += 1;
            let affects = |it: &&mut Switch| {
                it.name == *oddity
                    && it.filter.of.as_deref().is_none_or(|it| it == of)
                    && (it.filter.app.is_none() || it.filter.app == draw.app)
            };
            if let Some(times) =
                self.on.iter_mut().find(affects).and_then(|it| it.filter.times.as_mut())
            {
                *times = times.saturating_sub(1);
            }
        }
        self.on.retain(|it| it.filter.times != Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn applied(switches: &mut Switches, path: &str) -> Vec<Oddity> {
        let mut draw = switches.draw_for_call(path);
        CATALOG.iter().for_each(|entry| {
            draw.applies(entry.name);
        });
        switches.record(&draw, path);
        draw.applied().to_vec()
    }

    #[test]
    fn chaos_draws_harmless_oddities_by_its_seed() {
        let drawn = |seed| {
            let mut switches = Switches::default();
            switches.set_chaos(Some(Chaos { seed, except: Vec::new() }));
            (0..200).map(|_| applied(&mut switches, "/a")).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let all: BTreeSet<_> = drawn(1).into_iter().flatten().collect();
        let harmless = CATALOG.iter().filter(|it| it.effect == Effect::None && it.wire.is_of(true));
        assert_eq!(all, harmless.map(|it| it.name).collect());
    }

    #[test]
    fn exception_of_chaos_changes_no_other_draw() {
        let drawn = |except: &[Oddity]| {
            let mut switches = Switches::default();
            switches.set_chaos(Some(Chaos { seed: 1, except: except.to_vec() }));
            let draws = (0..200).map(|_| applied(&mut switches, "/a"));
            draws.collect::<Vec<_>>()
        };
        let mut all = drawn(&[]);
        all.iter_mut().for_each(|draw| draw.retain(|it| *it != Oddity::NullFields));
        assert_eq!(drawn(&[Oddity::NullFields]), all);
    }

    #[test]
    fn switch_affects_its_path_as_often_as_it_says() {
        let mut switches = Switches::default();
        let filter = Filter { of: Some("/a".to_owned()), times: Some(2), ..Filter::default() };
        switches.turn_on(Switch { name: Oddity::ByteOrderMark, filter });
        assert_eq!(applied(&mut switches, "/b"), []);
        for _ in 0..2 {
            assert_eq!(applied(&mut switches, "/a"), [Oddity::ByteOrderMark]);
        }
        assert_eq!(applied(&mut switches, "/a"), []);
        assert!(switches.on.is_empty());
        assert_eq!(switches.drawn[&Oddity::ByteOrderMark], 2);
    }
}
