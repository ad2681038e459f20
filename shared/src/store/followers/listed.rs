//! What WeChat's list of followers, and what it says of those on it, leads to.
//!
//! WeChat names the second in which somebody followed last. So whoever is found on
//! the list moves as if that follow's event had come only now: what is newer stays.

use super::{Explanation, Following, Step, Told};
use crate::clock::Timestamp;

/// A machine's clock may be wrong by so many seconds.
const CLOCKS: u64 = 60;

impl Following {
    /// Whether there is nothing to ask about somebody who is on the list: they are
    /// known to follow, and who they are. A `thorough` look asks also about those of
    /// whom WeChat told no unionid, as it does until the account is bound to an
    /// open-platform account.
    pub fn is_settled(&self, thorough: bool) -> bool {
        self.follows() && self.explained && (self.union_id.is_some() || !thorough)
    }

    /// Where it leads that WeChat, asked after `self` was read, says that they follow,
    /// since `at`. None if that adds nothing.
    pub fn listed(&self, at: Timestamp, explanation: &Explanation) -> Option<Self> {
        match self.step(Told::Follows, at) {
            Step::Move(next) => next.explained(Told::Follows, at, explanation),
            Step::Ask => self.explained(Told::Follows, at, explanation),
            // Who they are may be new all the same.
            Step::Nothing => {
                let learns = !self.explained
                    || (explanation.union_id.is_some() && self.union_id != explanation.union_id);
                (self.follows() && learns).then(|| Self {
                    explained: true,
                    union_id: explanation.union_id.clone().or_else(|| self.union_id.clone()),
                    scene: explanation.scene.clone(),
                    ..self.clone()
                })
            }
        }
    }

    /// The second in which somebody left of whom no event told, if they did: they
    /// weren't on the list that was begun at `begun`, and WeChat, asked since, says
    /// that they don't follow. None if what is known is newer than the list, or that
    /// they don't follow is known.
    ///
    /// It is the latest that can't be after a follow which WeChat hasn't told yet.
    pub fn missed_leave(&self, begun: Timestamp) -> Option<Timestamp> {
        let since = self.since().filter(|since| self.follows() && *since < begun)?;
        Some(since.plus(1).max(Timestamp(begun.0.saturating_sub(CLOCKS))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::id::UnionId;

    fn told(union_id: Option<&str>) -> Explanation {
        let union_id = union_id.map(|id| UnionId::parse(id).unwrap());
        Explanation { follows: true, union_id, scene: Some("ADD_SCENE_OTHERS".to_owned()) }
    }

    fn after(events: &[(Told, u64)]) -> Following {
        events.iter().fold(Following::default(), |known, (told, at)| {
            match known.step(*told, Timestamp(*at)) {
                Step::Move(next) => next,
                _ => known,
            }
        })
    }

    #[test]
    fn a_stranger_on_the_list_is_a_follower_whose_event_comes_only_now() {
        let ann = Following::default().listed(Timestamp(5), &told(Some("uAnn"))).unwrap();
        assert!(ann.follows() && ann.is_settled(true));
        assert_eq!(ann.since(), Some(Timestamp(5)));
        assert_eq!(ann.step(Told::Follows, Timestamp(5)), Step::Nothing, "the event adds nothing");
        assert_eq!(ann.listed(Timestamp(5), &told(Some("uAnn"))), None);
    }

    #[test]
    fn what_is_newer_than_the_list_stays() {
        let left = after(&[(Told::Follows, 3), (Told::Leaves, 9)]);
        assert_eq!(left.listed(Timestamp(3), &told(Some("uAnn"))), None);
        let back = left.listed(Timestamp(10), &told(Some("uAnn"))).unwrap();
        assert_eq!((back.follows(), back.since()), (true, Some(Timestamp(10))));
        // Who was forgotten isn't brought back by what was before.
        let forgotten = Following { left_at: Some(Timestamp(9)), ..Following::default() };
        assert_eq!(forgotten.listed(Timestamp(9), &told(Some("uAnn"))), None);
        assert!(forgotten.listed(Timestamp(10), &told(Some("uAnn"))).is_some());
    }

    #[test]
    fn who_a_known_follower_is_may_be_learnt_late() {
        let busy = after(&[(Told::Follows, 9)]);
        assert!(!busy.is_settled(false));
        let learnt = busy.listed(Timestamp(8), &told(Some("uAnn"))).unwrap();
        assert_eq!((learnt.since(), learnt.is_settled(true)), (Some(Timestamp(9)), true));
        let unbound = busy.listed(Timestamp(9), &told(None)).unwrap();
        assert!(unbound.is_settled(false) && !unbound.is_settled(true));
        assert_eq!(unbound.listed(Timestamp(9), &told(None)), None);
        assert!(unbound.listed(Timestamp(9), &told(Some("uAnn"))).unwrap().is_settled(true));
    }

    #[test]
    fn who_left_unnoticed_has_left_before_any_follow_that_may_still_come() {
        let ann = after(&[(Told::Follows, 1000)]);
        assert_eq!(ann.missed_leave(Timestamp(5000)), Some(Timestamp(4940)));
        assert_eq!(ann.missed_leave(Timestamp(1010)), Some(Timestamp(1001)));
        // They came while the list was read: not being on it says nothing.
        assert_eq!(ann.missed_leave(Timestamp(1000)), None);
        let left = after(&[(Told::Follows, 1000), (Told::Leaves, 1001)]);
        assert_eq!(left.missed_leave(Timestamp(5000)), None);
        assert_eq!(Following::default().missed_leave(Timestamp(5000)), None);
    }
}
