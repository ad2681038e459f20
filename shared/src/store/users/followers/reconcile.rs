//! Reconciliation with WeChat's list of followers, and with its answers about those on
//! it.
//!
//! WeChat names the second in which a user followed last. So a user on the list is
//! treated as if the event of that follow came only now: what is newer stays.

use super::state::{FetchedProfile, FollowEvent, FollowState, FollowTransition};
use crate::clock::Timestamp;

/// The clocks of two machines may differ by this many seconds.
const MAX_CLOCK_SKEW: u64 = 60;

impl FollowState {
    /// Whether WeChat need not be asked about a user on the list: it is known that they
    /// follow, and who they are. A `full` import asks also about those of whom WeChat
    /// named no unionid, as it does until the account is bound to an open-platform
    /// account.
    pub fn is_complete(&self, full: bool) -> bool {
        self.follows() && self.profile_fetched && (self.union_id.is_some() || !full)
    }

    /// The state after WeChat, asked after `self` was read, answered that they follow
    /// since `at`. None if that adds nothing.
    pub fn with_listing(&self, at: Timestamp, profile: &FetchedProfile) -> Option<Self> {
        match self.transition(FollowEvent::Followed, at) {
            FollowTransition::To(next) => next.with_profile(FollowEvent::Followed, at, profile),
            FollowTransition::NeedsLookup => self.with_profile(FollowEvent::Followed, at, profile),
            // Who they are may be new all the same.
            FollowTransition::None => {
                let is_new = !self.profile_fetched
                    || (profile.union_id.is_some() && self.union_id != profile.union_id);
                (self.follows() && is_new).then(|| Self {
                    profile_fetched: true,
                    union_id: profile.union_id.clone().or_else(|| self.union_id.clone()),
                    details: profile.details.clone(),
                    ..self.clone()
                })
            }
        }
    }

    /// The second of an unfollow without an event: the user wasn't on the list that was
    /// begun at `begun`, and WeChat, asked since, says that they don't follow. None if
    /// the state is newer than the list, or says already that they don't follow.
    ///
    /// It is the latest that can't be after a follow which WeChat hasn't pushed yet.
    pub fn undetected_unfollow(&self, begun: Timestamp) -> Option<Timestamp> {
        let since = self.since().filter(|since| self.follows() && *since < begun)?;
        Some(since.plus(1).max(Timestamp(begun.0.saturating_sub(MAX_CLOCK_SKEW))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::id::UnionId;
    use crate::wechat::user::FollowerDetails;

    fn profile(union_id: Option<&str>) -> FetchedProfile {
        let union_id = union_id.map(|id| UnionId::parse(id).unwrap());
        FetchedProfile { follows: true, union_id, details: FollowerDetails::default() }
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
    fn unknown_user_on_the_list_becomes_a_follower() {
        let ann =
            FollowState::default().with_listing(Timestamp(5), &profile(Some("uAnn"))).unwrap();
        assert!(ann.follows() && ann.is_complete(true));
        assert_eq!(ann.since(), Some(Timestamp(5)));
        assert_eq!(
            ann.transition(FollowEvent::Followed, Timestamp(5)),
            FollowTransition::None,
            "the event adds nothing"
        );
        assert_eq!(ann.with_listing(Timestamp(5), &profile(Some("uAnn"))), None);
    }

    #[test]
    fn state_newer_than_the_list_stays() {
        let left = after(&[(FollowEvent::Followed, 3), (FollowEvent::Unfollowed, 9)]);
        assert_eq!(left.with_listing(Timestamp(3), &profile(Some("uAnn"))), None);
        let back = left.with_listing(Timestamp(10), &profile(Some("uAnn"))).unwrap();
        assert_eq!((back.follows(), back.since()), (true, Some(Timestamp(10))));
        // An earlier listing doesn't bring an erased person back.
        let erased = FollowState { left_at: Some(Timestamp(9)), ..FollowState::default() };
        assert_eq!(erased.with_listing(Timestamp(9), &profile(Some("uAnn"))), None);
        assert!(erased.with_listing(Timestamp(10), &profile(Some("uAnn"))).is_some());
    }

    #[test]
    fn profile_of_a_known_follower_is_completed_later() {
        let busy = after(&[(FollowEvent::Followed, 9)]);
        assert!(!busy.is_complete(false));
        let learnt = busy.with_listing(Timestamp(8), &profile(Some("uAnn"))).unwrap();
        assert_eq!((learnt.since(), learnt.is_complete(true)), (Some(Timestamp(9)), true));
        let unbound = busy.with_listing(Timestamp(9), &profile(None)).unwrap();
        assert!(unbound.is_complete(false) && !unbound.is_complete(true));
        assert_eq!(unbound.with_listing(Timestamp(9), &profile(None)), None);
        assert!(
            unbound.with_listing(Timestamp(9), &profile(Some("uAnn"))).unwrap().is_complete(true)
        );
    }

    #[test]
    fn undetected_unfollow_is_before_any_follow_that_may_still_come() {
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
