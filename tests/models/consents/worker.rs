//! One invocation that tries to send a notification, cut where it waits.

use super::ledger::Consent;
use super::{Fate, Row, State, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Worker {
    pub(super) notification: u8,
    /// When it began: `asked`.
    pub(super) began: u8,
    /// The row is under its claim.
    pub(super) claims: bool,
    pub(super) step: Step,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    /// The announcement: one transaction with the reservation of this consent. The
    /// row has to be as it was read.
    Announce(Row, usize),
    Call(usize),
    /// The outcome is known: the row's write, and with it the consent's.
    Sent(usize),
    /// The consent's part of it, where that is another write.
    Use(usize),
    /// The transaction of `give_back_consent`, and what becomes of the row.
    GiveBack(usize, Row),
    /// Its other write, if the first wasn't let through.
    Revoke(usize, Row),
    /// The two writes of `burn_consent`.
    Refused(usize),
    Burn(usize),
    /// The row's write.
    Store(Row),
    Done,
}

impl Worker {
    /// An invocation begins: it reads the row, and what consents there are.
    pub(super) fn begin(state: &State, notification: u8) -> Self {
        let row = state.rows[usize::from(notification)];
        let mut worker = Self { notification, began: state.now, claims: false, step: Step::Done };
        worker.step = match row {
            Row::InProgress { .. } => Step::Store(Row::Ambiguous),
            _ => worker.look(state),
        };
        worker
    }

    /// Looks for a consent.
    fn look(&self, state: &State) -> Step {
        let row = state.rows[usize::from(self.notification)];
        state.ledger.free().map_or(Step::Store(Row::NoConsent), |item| Step::Announce(row, item))
    }

    /// The answer to its call.
    pub(super) fn answered(mut self, state: &mut State, item: usize, fate: Fate) -> Self {
        if matches!(fate, Fate::Answered | Fate::AnswerLost) {
            state.taken += 1;
        }
        self.step = match fate {
            Fate::Answered => Step::Sent(item),
            Fate::AnswerLost | Fate::RequestLost => Step::Store(Row::Ambiguous),
            Fate::Refused => Step::GiveBack(item, Row::Failed),
            Fate::NotNow => Step::GiveBack(item, Row::Retrying),
            Fate::NoConsent => Step::Refused(item),
        };
        self
    }

    /// The next write, and what comes after it.
    pub(super) fn go_on(mut self, world: &World, state: &mut State) -> Self {
        let rules = world.rules;
        let notification = self.notification;
        let ledger = &mut state.ledger;
        self.step = match self.step {
            Step::Announce(seen, item) => {
                let row = &mut state.rows[usize::from(notification)];
                let ours = self.claims && matches!(row, Row::InProgress { .. });
                if !ours && *row != seen {
                    return Self { step: Step::Done, ..self };
                }
                let granted_at = ledger.items[item].granted_at;
                if ledger.reserve(rules, item, notification) {
                    *row = Row::InProgress { lease_over: false };
                    state.sends_late |= state.withdrawn.is_some_and(|at| at >= granted_at) && !ours;
                    state.claimed(notification);
                    self.claims = true;
                    Step::Call(item)
                } else {
                    // Another was faster.
                    self.look(state)
                }
            }
            Step::Call(_) => unreachable!("a call has a fate"),
            Step::Sent(item) => {
                if !self.store(state, Row::Sent) {
                    Step::Done
                } else if rules.used_with_sent {
                    state.ledger.end(item, notification, Consent::Used(notification));
                    Step::Done
                } else {
                    Step::Use(item)
                }
            }
            Step::Use(item) => {
                ledger.end(item, notification, Consent::Used(notification));
                Step::Done
            }
            Step::GiveBack(item, row) => {
                if ledger.give_back(rules, item, notification) {
                    Step::Store(row)
                } else {
                    Step::Revoke(item, row)
                }
            }
            Step::Revoke(item, row) => {
                ledger.end(item, notification, Consent::Revoked);
                Step::Store(row)
            }
            Step::Refused(item) => {
                ledger.refused_at = ledger.refused_at.max(Some(self.began));
                Step::Burn(item)
            }
            Step::Burn(item) => {
                ledger.end(item, notification, Consent::Burned);
                ledger.refused(self.began);
                Step::Store(Row::NoConsent)
            }
            Step::Store(row) => {
                self.store(state, row);
                Step::Done
            }
            Step::Done => Step::Done,
        };
        self
    }

    /// Stores how the notification stands, under the claim; or, if there is none,
    /// as long as nobody else has one.
    fn store(&self, state: &mut State, to: Row) -> bool {
        let row = &mut state.rows[usize::from(self.notification)];
        let ours = match *row {
            Row::InProgress { lease_over } => self.claims || (lease_over && to == Row::Ambiguous),
            Row::New | Row::Retrying => !self.claims,
            done => done == to && self.claims,
        };
        if ours {
            *row = to;
        }
        ours
    }
}
