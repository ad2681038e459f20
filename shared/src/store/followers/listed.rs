//! What WeChat's list of followers, and what it says of those on it, leads to.
//!
//! WeChat names the second in which somebody followed last. So whoever is found on
//! the list moves as if that follow's event had come only now: what is newer stays.

use super::{FetchedProfile, FollowEvent, FollowState, FollowTransition};
use crate::clock::Timestamp;

/// A machine's clock may be wrong by so many seconds.
const MAX_CLOCK_SKEW: u64 = 60;

impl FollowState {
    /// Whether there is nothing to ask about somebody who is on the list: they are
    /// known to follow, and who they are. A `full` look asks also about those of
    /// whom WeChat told no unionid, as it does until the account is bound to an
    /// open-platform account.
    pub fn is_complete(&self, full: bool) -> bool {
        self.follows() && self.profile_fetched && (self.union_id.is_some() || !full)
    }

    /// Where it leads that WeChat, asked after `self` was read, says that they follow,
    /// since `at`. None if that adds nothing.
    pub fn with_listing(&self, at: Timestamp, explanation: &FetchedProfile) -> Option<Self> {
        match self.transition(FollowEvent::Followed, at) {
            FollowTransition::To(next) => {
                next.with_user_info(FollowEvent::Followed, at, explanation)
            }
            FollowTransition::NeedsLookup => {
                self.with_user_info(FollowEvent::Followed, at, explanation)
            }
            // Who they are may be new all the same.
            FollowTransition::None => {
                let learns = !self.profile_fetched
                    || (explanation.union_id.is_some() && self.union_id != explanation.union_id);
                (self.follows() && learns).then(|| Self {
                    profile_fetched: true,
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
    pub fn undetected_unfollow(&self, begun: Timestamp) -> Option<Timestamp> {
        let since = self.since().filter(|since| self.follows() && *since < begun)?;
        Some(since.plus(1).max(Timestamp(begun.0.saturating_sub(MAX_CLOCK_SKEW))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::id::UnionId;

    fn told(union_id: Option<&str>) -> FetchedProfile {
        let union_id = union_id.map(|id| UnionId::parse(id).unwrap());
        FetchedProfile { follows: true, union_id, scene: Some("ADD_SCENE_OTHERS".to_owned()) }
    }

    fn after(events: &[(FollowEvent, u64)]) -> FollowState {
        events.iter().fold(FollowState::default(), |known, (told, at)| {
            match known.transition(*told, Timestamp(*at)) {
                FollowTransition::To(next) => next,
                _ => known,
            }
        })
    }

    #[test]
    fn a_stranger_on_the_list_is_a_follower_whose_event_comes_only_now() {
        let ann = FollowState::default().with_listing(Timestamp(5), &told(Some("uAnn"))).unwrap();
        assert!(ann.follows() && ann.is_complete(true));
        assert_eq!(ann.since(), Some(Timestamp(5)));
        assert_eq!(
            ann.transition(FollowEvent::Followed, Timestamp(5)),
            FollowTransition::None,
            "the event adds nothing"
        );
        assert_eq!(ann.with_listing(Timestamp(5), &told(Some("uAnn"))), None);
    }

    #[test]
    fn what_is_newer_than_the_list_stays() {
        let left = after(&[(FollowEvent::Followed, 3), (FollowEvent::Unfollowed, 9)]);
        assert_eq!(left.with_listing(Timestamp(3), &told(Some("uAnn"))), None);
        let back = left.with_listing(Timestamp(10), &told(Some("uAnn"))).unwrap();
        assert_eq!((back.follows(), back.since()), (true, Some(Timestamp(10))));
        // Who was forgotten isn't brought back by what was before.
        let forgotten = FollowState { left_at: Some(Timestamp(9)), ..FollowState::default() };
        assert_eq!(forgotten.with_listing(Timestamp(9), &told(Some("uAnn"))), None);
        assert!(forgotten.with_listing(Timestamp(10), &told(Some("uAnn"))).is_some());
    }

    #[test]
    fn who_a_known_follower_is_may_be_learnt_late() {
        let busy = after(&[(FollowEvent::Followed, 9)]);
        assert!(!busy.is_complete(false));
        let learnt = busy.with_listing(Timestamp(8), &told(Some("uAnn"))).unwrap();
        assert_eq!((learnt.since(), learnt.is_complete(true)), (Some(Timestamp(9)), true));
        let unbound = busy.with_listing(Timestamp(9), &told(None)).unwrap();
        assert!(unbound.is_complete(false) && !unbound.is_complete(true));
        assert_eq!(unbound.with_listing(Timestamp(9), &told(None)), None);
        assert!(unbound.with_listing(Timestamp(9), &told(Some("uAnn"))).unwrap().is_complete(true));
    }

    #[test]
    fn who_left_unnoticed_has_left_before_any_follow_that_may_still_come() {
        let ann = after(&[(FollowEvent::Followed, 1000)]);
        assert_eq!(ann.undetected_unfollow(Timestamp(5000)), Some(Timestamp(4940)));
        assert_eq!(ann.undetected_unfollow(Timestamp(1010)), Some(Timestamp(1001)));
        // They came while the list was read: not being on it says nothing.
        assert_eq!(ann.undetected_unfollow(Timestamp(1000)), None);
        let left = after(&[(FollowEvent::Followed, 1000), (FollowEvent::Unfollowed, 1001)]);
        assert_eq!(left.undetected_unfollow(Timestamp(5000)), None);
        assert_eq!(FollowState::default().undetected_unfollow(Timestamp(5000)), None);
    }
}
