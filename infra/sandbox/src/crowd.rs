//! Very many followers of one account, made up as they are asked for: a million
//! takes no more room than what they do.

use crate::app::{App, Kind};
use crate::control::Problem;
use crate::event::{Event, Field};
use crate::person::Follow;
use crate::push::Push;
use crate::random;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many at most, for the sake of whoever mistypes a number.
const MOST: u32 = 10_000_000;
/// The digits of a member's number in their openid.
const DIGITS: usize = 13;

/// Very many people of whom only the followers' list tells. Each has a number,
/// from 0; they have no phone, and nothing can be sent to them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Crowd {
    /// What tells their openids from those of another crowd.
    mark: String,
    count: u32,
    /// When they came to follow, in Unix seconds.
    since: i64,
    /// What the few have done who did anything since.
    changed: BTreeMap<u32, Change>,
}

/// What one of them did last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Change {
    follows: bool,
    at: i64,
}

/// What a crowd is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    count: u32,
    /// Unix seconds; if not named, a day ago.
    since: Option<i64>,
}

/// One of them does something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    #[serde(default)]
    silently: bool,
}

impl Crowd {
    /// The number behind an openid, if it is one of theirs.
    pub(crate) fn number(&self, open_id: &str) -> Option<u32> {
        let digits = open_id.strip_prefix(&self.prefix("oCrowd"))?;
        let number = digits.parse().ok().filter(|_| digits.len() == DIGITS)?;
        (number < self.count).then_some(number)
    }

    pub(crate) fn open_id(&self, number: u32) -> String {
        format!("{}{number:0DIGITS$}", self.prefix("oCrowd"))
    }

    /// Who they are in every app of the open-platform account.
    pub(crate) fn union_id(&self, number: u32) -> String {
        format!("{}{number:0DIGITS$}", self.prefix("oUnion"))
    }

    fn prefix(&self, kind: &str) -> String {
        format!("{kind}{}-", self.mark)
    }

    /// Since when one follows, if they do.
    pub(crate) fn follow(&self, number: u32) -> Option<Follow> {
        let since = match self.changed.get(&number) {
            Some(change) => change.follows.then_some(change.at)?,
            None => self.since,
        };
        Some(Follow { since, scene: None })
    }

    /// How many follow.
    pub(crate) fn total(&self) -> usize {
        let left = self.changed.values().filter(|change| !change.follows).count();
        self.count as usize - left
    }

    /// Those who follow, by their number, from this one on.
    pub(crate) fn from(&self, number: u32) -> impl Iterator<Item = u32> {
        (number..self.count)
            .filter(|number| self.changed.get(number).is_none_or(|change| change.follows))
    }
}

/// Gives an account a crowd, in place of the one that it has. Nobody is told:
/// they came before anybody asked.
pub(crate) fn gather(app: &mut App, wanted: &Wanted, now: i64) -> Result<Value, Problem> {
    if app.kind != Kind::OfficialAccount {
        return Err(Problem::bad(format!(
            "followers need an Official Account, which {} is not",
            app.alias
        )));
    }
    if wanted.count > MOST {
        return Err(Problem::bad(format!("count must be {MOST} or less")));
    }
    app.crowd = Crowd {
        mark: random::text(8),
        count: wanted.count,
        since: wanted.since.unwrap_or(now - 86_400),
        changed: BTreeMap::new(),
    };
    Ok(json!({ "ok": true, "count": wanted.count, "first": app.crowd.open_id(0) }))
}

/// Lets one of the crowd follow or leave: what the callback is told, if it is.
pub(crate) fn act(
    app: &mut App,
    number: u32,
    action: &str,
    act: &Act,
    now: i64,
) -> Result<(Value, Option<Push>), Problem> {
    if number >= app.crowd.count {
        return Err(Problem::missing(format!(
            "the crowd of {} has {} members, numbered from 0",
            app.alias, app.crowd.count
        )));
    }
    let follows = match action {
        "follow" => true,
        "unfollow" => false,
        _ => return Err(Problem::missing("one of the crowd can follow and unfollow")),
    };
    let open_id = app.crowd.open_id(number);
    if app.crowd.follow(number).is_some() == follows {
        return Ok((json!({ "ok": true, "open_id": open_id, "changed": false }), None));
    }
    // As with everybody, one act a second.
    let at = app.crowd.changed.get(&number).map_or(now, |last| now.max(last.at + 1));
    app.crowd.changed.insert(number, Change { follows, at });
    let event = Event::new(if follows { "subscribe" } else { "unsubscribe" });
    let push = Push::new(&app.alias, &open_id, at, event.with("EventKey", Field::text("")));
    Ok((json!({ "ok": true, "open_id": open_id }), (!act.silently).then_some(push)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_openid_of_their_own_and_nobody_else_has() {
        let crowd = Crowd { mark: "abcd_-12".to_owned(), count: 1000, ..Crowd::default() };
        for number in [0, 7, 999] {
            let open_id = crowd.open_id(number);
            assert_eq!((open_id.len(), crowd.number(&open_id)), (28, Some(number)));
        }
        for stranger in ["oCrowdabcd_-12-0000000001000", "oCrowdabcd_-13-0000000000001", "oAnn", ""]
        {
            assert_eq!(crowd.number(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn only_those_who_did_something_take_room() {
        let mut crowd = Crowd { count: 1_000_000, since: 5, ..Crowd::default() };
        crowd.changed.insert(3, Change { follows: false, at: 9 });
        crowd.changed.insert(4, Change { follows: true, at: 9 });
        assert_eq!(crowd.total(), 999_999);
        assert_eq!(crowd.from(2).take(3).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(crowd.follow(3).is_none());
        let since = |number| crowd.follow(number).map(|follow| follow.since);
        assert_eq!((since(4), since(5)), (Some(9), Some(5)));
    }
}
