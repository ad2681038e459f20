//! Synthetic followers: a large number of followers of one account, computed on demand. A
//! million take no more memory than their changes.

use crate::model::person::Follow;
use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum number of synthetic followers of an account.
pub(crate) const MAX_COUNT: u32 = 10_000_000;
/// The digits of a follower's number in an openid.
const DIGITS: usize = 13;

/// Followers that only the follower list and the profiles show. They are numbered from 0, have
/// no phone, and cannot receive messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SyntheticFollowers {
    /// Distinguishes their openids from those of another set.
    mark: String,
    pub(crate) count: u32,
    /// When they followed, in Unix seconds.
    since: i64,
    /// The last change of each follower that changed.
    changed: BTreeMap<u32, FollowChange>,
}

/// A follow or unfollow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct FollowChange {
    follows: bool,
    at: i64,
}

impl SyntheticFollowers {
    /// `count` followers since a time in Unix seconds.
    pub(crate) fn new(count: u32, since: i64) -> Self {
        Self { mark: random::text(8), count, since, changed: BTreeMap::new() }
    }

    /// The number of the follower with this openid.
    pub(crate) fn number(&self, open_id: &str) -> Option<u32> {
        let digits = open_id.strip_prefix(&self.prefix("oCrowd"))?;
        let number = digits.parse().ok().filter(|_| digits.len() == DIGITS)?;
        (number < self.count).then_some(number)
    }

    pub(crate) fn open_id(&self, number: u32) -> String {
        format!("{}{number:0DIGITS$}", self.prefix("oCrowd"))
    }

    /// The unionid in the open-platform account.
    pub(crate) fn union_id(&self, number: u32) -> String {
        format!("{}{number:0DIGITS$}", self.prefix("oUnion"))
    }

    fn prefix(&self, kind: &str) -> String {
        format!("{kind}{}-", self.mark)
    }

    /// Since when a follower follows; `None` after an unfollow.
    pub(crate) fn follow(&self, number: u32) -> Option<Follow> {
        let since = match self.changed.get(&number) {
            Some(change) => change.follows.then_some(change.at)?,
            None => self.since,
        };
        Some(Follow { since, scene: None })
    }

    /// Records a follow or unfollow, and returns its time; `None` if it changes nothing.
    pub(crate) fn set_follows(&mut self, number: u32, follows: bool, now: i64) -> Option<i64> {
        if self.follow(number).is_some() == follows {
            return None;
        }
        // One event per user and second, as for people.
        let at = self.changed.get(&number).map_or(now, |last| now.max(last.at + 1));
        self.changed.insert(number, FollowChange { follows, at });
        Some(at)
    }

    /// The number of those who follow.
    pub(crate) fn total(&self) -> usize {
        let left = self.changed.values().filter(|change| !change.follows).count();
        self.count as usize - left
    }

    /// The numbers of those who follow, from this one on.
    pub(crate) fn from(&self, number: u32) -> impl Iterator<Item = u32> {
        (number..self.count)
            .filter(|number| self.changed.get(number).is_none_or(|change| change.follows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_ids_are_unique_and_parse_back() {
        let all =
            SyntheticFollowers { mark: "abcd_-12".to_owned(), ..SyntheticFollowers::new(1000, 0) };
        for number in [0, 7, 999] {
            let open_id = all.open_id(number);
            assert_eq!((open_id.len(), all.number(&open_id)), (28, Some(number)));
        }
        for stranger in ["oCrowdabcd_-12-0000000001000", "oCrowdabcd_-13-0000000000001", "oAnn", ""]
        {
            assert_eq!(all.number(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn only_changes_take_memory() {
        let mut all = SyntheticFollowers::new(1_000_000, 5);
        assert_eq!(all.set_follows(3, false, 9), Some(9));
        assert_eq!(all.set_follows(4, false, 8), Some(8));
        assert_eq!(all.set_follows(4, true, 8), Some(9), "one event per second");
        assert_eq!(all.total(), 999_999);
        assert_eq!(all.from(2).take(3).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(all.follow(3).is_none());
        let since = |number| all.follow(number).map(|follow| follow.since);
        assert_eq!((since(4), since(5)), (Some(9), Some(5)));
    }
}
