//! One person's consents to one template, and the notifications that use them.
//!
//! | here | in the code |
//! |---|---|
//! | `Action::Apply` of a consent | `Consents::grant` |
//! | `Action::Apply` of a withdrawal, `LookToRevoke`, `RevokeOne` | `Consents::withdraw`: its tombstone, and `revoke` |
//! | `WorkerStep::RecordIntent` | `Transition::Sending` with `Consents::reserve`, one transaction |
//! | `WorkerStep::Sent` | `Transition::Sent` with `Consents::consume`, one transaction |
//! | `WorkerStep::Release`, `Revoke` | `Consents::release`: its transaction, and what follows when a condition fails |
//! | `WorkerStep::Refused`, `Invalidate` | `Consents::invalidate`: its tombstone; the consent and `revoke` |
//!
//! The person consents and withdraws as a script says, one act at a tick of the
//! clock. The event of each may be
//! delivered twice, any time after it, in any order. WeChat accepts or refuses any message:
//! our ledger has to respect the consents. A worker may be killed between any two steps,
//! may outlive its lease, and may repeat a write whose confirmation was lost.
//!
//! A subscription message is not repeated, so a abandoned notification
//! keeps its consent; `send` explores those.

mod ledger;
#[cfg(test)]
mod tests;
mod worker;

use crate::is_over;
use ledger::{Consent, Ledger, Revocation};
use stateright::{Model, Property};
use worker::{Worker, WorkerStep};

/// What the person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Consents,
    Withdraws,
}

/// The rules, each of which can be left out to see the consequence.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A consent is applied once, however often its event comes.
    grants_by_event: bool,
    /// A consent of before a withdrawal grants nothing.
    grant_sees_withdrawal: bool,
    /// Only a free consent is reserved.
    reserves_what_is_free: bool,
    /// The consent itself is released; not another one, as a counter does it.
    refunds_items: bool,
    /// A consent doesn't come back after a withdrawal.
    refund_sees_withdrawal: bool,
    /// Nor after WeChat knew of no consent.
    refund_sees_refusal: bool,
    /// A consent is used by the write that says that its message was sent.
    used_with_sent: bool,
}

impl Rules {
    /// All of it.
    const WHOLE: Self = Self {
        grants_by_event: true,
        grant_sees_withdrawal: true,
        reserves_what_is_free: true,
        refunds_items: true,
        refund_sees_withdrawal: true,
        refund_sees_refusal: true,
        used_with_sent: true,
    };
}

/// What is explored.
#[derive(Clone, Copy, Debug)]
struct World {
    script: &'static [Act],
    /// How often each event is delivered.
    times: u8,
    notifications: u8,
    /// Concurrent invocations.
    workers: usize,
    /// How many faults happen.
    faults: u8,
    rules: Rules,
}

/// How a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Row {
    New,
    InProgress { lease_over: bool },
    Retrying,
    Sent,
    Ambiguous,
    NoConsent,
    Failed,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallEnd {
    Answered,
    AnswerLost,
    RequestLost,
    NotNow,
    Refused,
    /// 43101.
    NoConsent,
}

impl CallEnd {
    const BAD: [Self; 3] = [Self::AnswerLost, Self::RequestLost, Self::NotNow];
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// How much of the script is over.
    now: u8,
    /// How often each act's event will come yet.
    events: Vec<u8>,
    revocations: Vec<Revocation>,
    ledger: Ledger,
    rows: Vec<Row>,
    workers: Vec<Worker>,
    faults: u8,
    /// How many messages WeChat has taken on.
    taken: usize,
    /// The latest withdrawal that is applied entirely.
    withdrawn: Option<u8>,
    /// A send has begun on a consent of before that.
    sends_late: bool,
}

/// Workers, events and revocations by their place.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// The person does what the script says next.
    Act(Act),
    Apply(usize),
    LookToRevoke(usize),
    RevokeOne(usize),
    Begin(u8),
    Go(usize, WorkerStep),
    /// The write is made, but not confirmed; so it's made again.
    Unconfirmed(usize, WorkerStep),
    Call(usize, CallEnd),
    Kill(usize),
    LeaseEnds(u8),
}

impl State {
    /// Another claim holds now, no older one.
    fn claimed(&mut self, notification: u8) {
        for worker in self.workers.iter_mut().filter(|one| one.notification == notification) {
            worker.claims = false;
        }
    }

    fn canonical(mut self) -> Self {
        self.workers.retain(|worker| worker.step != WorkerStep::Done);
        self.workers.sort_unstable();
        self
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            events: vec![self.times; self.script.len()],
            revocations: Vec::new(),
            ledger: Ledger::default(),
            rows: vec![Row::New; self.notifications.into()],
            workers: Vec::new(),
            faults: self.faults,
            taken: 0,
            withdrawn: None,
            sends_late: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if let Some(&act) = self.script.get(usize::from(state.now)) {
            actions.push(Action::Act(act));
        }
        let come = |event: &usize| state.events[*event] > 0;
        actions.extend((0..usize::from(state.now)).filter(come).map(Action::Apply));
        for (at, revocation) in state.revocations.iter().enumerate() {
            actions.push(match revocation.items {
                None => Action::LookToRevoke(at),
                Some(_) => Action::RevokeOne(at),
            });
        }
        let faults = state.faults > 0;
        for (row, notification) in state.rows.iter().zip(0..) {
            let due =
                matches!(row, Row::New | Row::Retrying | Row::InProgress { lease_over: true });
            // Who sends is asked to once consents can have come; and then at once.
            if due && state.workers.len() < self.workers && state.ledger.granted > 0 {
                actions.push(Action::Begin(notification));
            }
            let owned =
                state.workers.iter().any(|one| one.notification == notification && one.claims);
            if *row == (Row::InProgress { lease_over: false }) && (!owned || faults) {
                actions.push(Action::LeaseEnds(notification));
            }
        }
        for (at, worker) in state.workers.iter().enumerate() {
            if matches!(worker.step, WorkerStep::Call(_)) {
                let fates = [CallEnd::Answered, CallEnd::Refused, CallEnd::NoConsent];
                actions.extend(fates.map(|fate| Action::Call(at, fate)));
                if faults {
                    actions.extend(CallEnd::BAD.map(|fate| Action::Call(at, fate)));
                }
            } else {
                actions.push(Action::Go(at, worker.step));
                if faults {
                    actions.push(Action::Unconfirmed(at, worker.step));
                }
            }
            if faults {
                actions.push(Action::Kill(at));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Act(_) => state.now += 1,
            Action::Apply(event) => {
                state.events[event] -= 1;
                let at = u8::try_from(event).expect("the script is short") + 1;
                match self.script[event] {
                    Act::Consents => state.ledger.grant(self.rules, at),
                    Act::Withdraws => {
                        let mark = &mut state.ledger.withdrawn_at;
                        *mark = (*mark).max(Some(at));
                        state.revocations.push(Revocation { at, items: None });
                    }
                }
            }
            Action::LookToRevoke(at) => {
                let revocation = &mut state.revocations[at];
                revocation.items = Some(state.ledger.to_revoke(revocation.at));
            }
            Action::RevokeOne(at) => {
                let revocation = &mut state.revocations[at];
                match revocation.items.as_mut().and_then(Vec::pop) {
                    Some(item) => state.ledger.revoke(item),
                    None => {
                        state.withdrawn = state.withdrawn.max(Some(revocation.at));
                        state.revocations.remove(at);
                    }
                }
            }
            Action::Begin(notification) => {
                let worker = Worker::begin(&state, notification);
                state.workers.push(worker);
            }
            Action::Go(at, _) => {
                let worker = state.workers.remove(at).go_on(self, &mut state);
                state.workers.push(worker);
            }
            Action::Unconfirmed(at, step) => {
                state.faults -= 1;
                let worker = state.workers.remove(at).go_on(self, &mut state);
                state.workers.push(Worker { step, ..worker });
            }
            Action::Call(at, fate) => {
                state.faults -= u8::from(CallEnd::BAD.contains(&fate));
                let worker = state.workers.remove(at);
                let WorkerStep::Call(item) = worker.step else { return None };
                let worker = worker.answered(&mut state, item, fate);
                state.workers.push(worker);
            }
            Action::Kill(at) => {
                state.faults -= 1;
                state.workers.remove(at);
            }
            Action::LeaseEnds(notification) => {
                let ours = |one: &Worker| one.notification == notification && one.claims;
                state.faults -= u8::from(state.workers.iter().any(ours));
                state.rows[usize::from(notification)] = Row::InProgress { lease_over: true };
            }
        }
        Some(state.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::<Self>::always(PAID, |world, state| state.taken <= world.consents(state.now)),
            Property::<Self>::always(GRANTED, |world, state| {
                state.ledger.granted <= world.consents(state.now)
            }),
            Property::<Self>::always(COUNTED, |_, state| {
                state.ledger.items.len() == state.ledger.granted
            }),
            Property::<Self>::always(WITHDRAWN, |_, state| !state.sends_late),
            Property::<Self>::always(VOID, |_, state| {
                !state.ledger.items.iter().any(|item| item.void && item.consent == Consent::Free)
            }),
            Property::<Self>::always(REASON, |_, state| state.ledger.revoked_for_a_reason()),
            Property::<Self>::always(GIVEN_BACK, |world, state| {
                let open = state.ledger.items.iter().filter_map(|item| match item.consent {
                    Consent::Reserved(by) => Some(state.rows[usize::from(by)]),
                    _ => None,
                });
                open.into_iter().all(|row| row == Row::Ambiguous) || !is_over(world, state)
            }),
            Property::<Self>::always(USED, |world, state| {
                let used =
                    |by| state.ledger.items.iter().any(|item| item.consent == Consent::Used(by));
                let mut rows = state.rows.iter().zip(0..);
                rows.all(|(row, by)| (*row == Row::Sent) == used(by)) || !is_over(world, state)
            }),
            Property::<Self>::always(ENDS, |world, state| {
                let open =
                    |row: &Row| matches!(row, Row::New | Row::Retrying | Row::InProgress { .. });
                !state.rows.iter().any(open) || state.ledger.granted == 0 || !is_over(world, state)
            }),
            Property::<Self>::sometimes("a consent is used up", |_, state| {
                state.has(Consent::Used(0))
            }),
            Property::<Self>::sometimes("what was released is used by another", |_, state| {
                state.rows[0] == Row::Failed
                    && state.has(Consent::Used(1))
                    && state.ledger.granted == 1
            }),
            Property::<Self>::sometimes("a consent is invalidated", |_, state| {
                state.has(Consent::Invalidated)
            }),
            Property::<Self>::sometimes(
                "an ambiguous notification keeps its consent",
                |world, state| state.has(Consent::Reserved(0)) && is_over(world, state),
            ),
            Property::<Self>::sometimes("another was faster", |_, state| {
                state.workers.iter().any(|one| {
                    let WorkerStep::RecordIntent(_, item) = one.step else { return false };
                    state.ledger.items[item].consent != Consent::Free
                })
            }),
        ];
        if self.script.len() > 1 {
            properties.push(Property::<Self>::sometimes("a consent is revoked", |_, state| {
                state.has(Consent::Revoked)
            }));
        }
        properties
    }
}

impl State {
    fn has(&self, consent: Consent) -> bool {
        self.ledger.items.iter().any(|item| item.consent == consent)
    }
}

const PAID: &str = "every message has a consent";
const GRANTED: &str = "a consent grants one consent";
const COUNTED: &str = "consents are neither lost nor made";
const WITHDRAWN: &str = "after a withdrawal no send begins on an older consent";
const VOID: &str = "after a refusal no older consent becomes free";
const REASON: &str = "a consent is revoked for a reason";
const GIVEN_BACK: &str = "what is known of a message is known of its consent";
const USED: &str = "a message that was sent has used a consent, and no other";
const ENDS: &str = "in the end every outcome is known";
