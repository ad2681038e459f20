//! Events in every order.

use super::*;

fn union_id(text: &str) -> UnionId {
    UnionId::parse(text).unwrap()
}

/// What WeChat says of a person who does or doesn't follow at the end.
fn explanation(follows: bool) -> FetchedProfile {
    let told = follows.then(|| union_id("uAnn"));
    let subscribe_scene = follows.then(|| "QR".to_owned());
    let details = FollowerDetails { subscribe_scene, ..FollowerDetails::default() };
    FetchedProfile { follows, union_id: told, details }
}

/// Applies one event for as long as it adds something.
fn apply(known: &mut FollowState, (told, at): (FollowEvent, u64), truth: bool) {
    for _ in 0..3 {
        let next = match known.transition(told, Timestamp(at)) {
            FollowTransition::None => return,
            FollowTransition::To(next) => next,
            FollowTransition::NeedsLookup => {
                match known.with_profile(told, Timestamp(at), &explanation(truth)) {
                    Some(next) => next,
                    None => return,
                }
            }
        };
        assert_ne!(*known, next, "a step must lead somewhere");
        *known = next;
    }
    panic!("{told:?} at {at} never ends: {known:?}");
}

/// Every order of the events, each applied as often as `times` says.
fn every_order(events: &mut [(FollowEvent, u64)], times: usize, truth: bool) -> Vec<FollowState> {
    fn permute(
        events: &mut [(FollowEvent, u64)],
        from: usize,
        visit: &mut impl FnMut(&[(FollowEvent, u64)]),
    ) {
        if from == events.len() {
            return visit(events);
        }
        for other in from..events.len() {
            events.swap(from, other);
            permute(events, from + 1, visit);
            events.swap(from, other);
        }
    }
    let mut ends = Vec::new();
    permute(events, 0, &mut |order| {
        let mut known = FollowState::default();
        for _ in 0..times {
            order.iter().for_each(|event| apply(&mut known, *event, truth));
        }
        ends.push(known);
    });
    ends
}

/// The ways in which this many events fall into seconds, at most two into
/// one: what was told by turns, `last` at last.
fn histories(length: usize, last: FollowEvent) -> Vec<Vec<(FollowEvent, u64)>> {
    let mut all = Vec::new();
    for ties in 0..1_u32 << (length - 1) {
        let (mut second, mut told, mut history) = (length as u64, last, Vec::new());
        for at in 0..length {
            history.push((told, second));
            told = if told == FollowEvent::Followed {
                FollowEvent::Unfollowed
            } else {
                FollowEvent::Followed
            };
            second -= u64::from(ties >> at & 1 == 0);
        }
        if ties & (ties >> 1) == 0 {
            all.push(history);
        }
    }
    all
}

/// Fault 8.
#[test]
fn every_order_of_up_to_five_events_ends_in_the_same_state() {
    let mut checked = 0;
    for length in 1..=5 {
        for last in [FollowEvent::Followed, FollowEvent::Unfollowed] {
            for mut history in histories(length, last) {
                let tied = history.get(1).is_some_and(|other| other.1 == history[0].1);
                let by_event = last == FollowEvent::Followed;
                // Of two in the last second, WeChat says which is true.
                let truths = if tied { vec![true, false] } else { vec![by_event] };
                for (truth, times) in truths.into_iter().flat_map(|it| [(it, 1), (it, 2)]) {
                    let ends = every_order(&mut history, times, truth);
                    for end in &ends {
                        assert_eq!(end, &ends[0], "{history:?}");
                        assert_eq!(end.follows(), truth, "{history:?}");
                        assert_eq!(end.union_id.is_some(), truth, "{history:?}");
                        assert_eq!(end.details.subscribe_scene.is_some(), truth, "{history:?}");
                    }
                    checked += ends.len();
                }
            }
        }
    }
    assert_eq!(checked, 2 * (2 + 6 * 2 + 8 * 6 + 14 * 24 + 22 * 120));
}

#[test]
fn profile_of_a_user_who_left_again_adds_nothing() {
    let mut known = FollowState::default();
    apply(&mut known, (FollowEvent::Followed, 1), false);
    assert!(known.follows(), "the event counts until another says otherwise");
    assert_eq!((known.union_id, known.profile_fetched), (None, false));
}

#[test]
fn late_unfollow_removes_what_was_known_before_it() {
    let mut known = FollowState::default();
    apply(&mut known, (FollowEvent::Followed, 1), true);
    // WeChat is too busy to explain the second follow.
    let FollowTransition::To(mut known) = known.transition(FollowEvent::Followed, Timestamp(3))
    else {
        panic!()
    };
    assert!(known.union_id.is_some());
    apply(&mut known, (FollowEvent::Unfollowed, 2), true);
    assert_eq!((known.follows(), &known.union_id), (true, &None));
    apply(&mut known, (FollowEvent::Followed, 3), true);
    assert!(known.union_id.is_some(), "and the explanation brings it back");
}
