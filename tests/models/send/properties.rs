//! What is to hold of notifications and their receipts, and what is to be
//! possible, lest it holds only because nothing happens.

use super::table::Status;
use super::worker::{WorkerOutcome, WorkerStep};
use super::{Channel, PRESENT, State, World};
use crate::is_over;
use stateright::Property;

pub(super) const ONCE: &str = "at most one message is seen";
pub(super) const SENT: &str = "what says it was sent was sent";
pub(super) const NOT_SENT: &str = "what says it failed was not sent";
pub(super) const OWN: &str = "a notification's receipt says what its own message's says";
pub(super) const ENDS: &str = "in the end its outcome is known";
pub(super) const FOUND: &str = "a receipt finds its notification";

type Condition = fn(&World, &State) -> bool;

/// Everything that is asked of such a world.
pub(super) fn all(world: &World) -> Vec<Property<World>> {
    let mut always: Vec<(&str, Condition)> = vec![
        (ONCE, |_, state| state.notifications.iter().all(|one| one.wechat.shown <= 1)),
        (SENT, |_, state| {
            state.notifications.iter().all(|one| {
                let sent = matches!(one.status(), Some(Status::Sent | Status::Received(_)));
                !sent || one.wechat.shown > 0
            })
        }),
        (NOT_SENT, |_, state| {
            state.notifications.iter().all(|one| {
                let failed = one.status() == Some(Status::Failed);
                !failed || (one.wechat.shown == 0 && one.wechat.held_up.is_none())
            })
        }),
        (ENDS, |world, state| {
            state.notifications.iter().all(|one| one.row.is_some() && !one.is_open())
                || !is_over(world, state)
        }),
    ];
    let mut sometimes: Vec<(&str, Condition)> = vec![
        ("it is sent", |_, state| has(state, |status| status == Status::Sent)),
        ("it fails", |_, state| has(state, |status| status == Status::Failed)),
        ("it is ambiguous in the end", |world, state| {
            has(state, |status| status == Status::Ambiguous) && is_over(world, state)
        }),
        ("a worker outlives its lease", |_, state| state.workers.iter().any(|one| one.late)),
        ("what was left behind is taken over", |_, state| {
            state.workers.iter().any(|one| {
                let WorkerStep::Claim(Some(seen), _) = one.step else { return false };
                seen.claim == PRESENT && seen.status == Status::InProgress
            })
        }),
        ("the clock holds a worker off", |world, state| {
            state
                .workers
                .iter()
                .any(|one| one.step == WorkerStep::Call && one.is_too_late(world, state))
        }),
    ];
    let repeatable = world.channels.iter().any(|channel| channel.repeatable());
    if repeatable {
        sometimes.push(("what may have been sent is repeated, and sent", |_, state| {
            state.workers.iter().any(|one| {
                one.maybe_sent && matches!(one.step, WorkerStep::Commit(WorkerOutcome::Sent(_)))
            })
        }));
    }
    if !world.receipts.is_empty() && world.channels.iter().any(|channel| channel.has_receipts()) {
        always.push((OWN, |_, state| state.receipts_are_right()));
        always.push((FOUND, |world, state| {
            !state.receipt_is_overlooked(world) || !is_over(world, state)
        }));
        sometimes.push(("a receipt finds an ambiguous notification", |_, state| state.resolved));
    }
    if let [_, .., Channel::Subscribe | Channel::CustomerService] = world.channels {
        sometimes.push(("the intent is another channel than the first", |_, state| {
            state.notifications.iter().any(|one| one.row.is_some_and(|row| row.intent > Some(0)))
        }));
    }
    let always = always.into_iter().map(|(name, holds)| Property::always(name, holds));
    always.chain(sometimes.into_iter().map(|(name, is)| Property::sometimes(name, is))).collect()
}

fn has(state: &State, is: fn(Status) -> bool) -> bool {
    state.notifications.iter().filter_map(super::Notification::status).any(is)
}
