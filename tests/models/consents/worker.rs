//! One invocation that tries to send a notification, cut where it waits.

use super::ledger::Consent;
use super::{CallEnd, Row, State, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Worker {
    pub(super) notification: u8,
    /// When it began: `asked`.
    pub(super) began: u8,
    /// The row is under its claim.
    pub(super) claims: bool,
    pub(super) step: WorkerStep,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum WorkerStep {
    /// Records the intent: one transaction with the reservation of this consent. The
    /// row has to be as it was read.
    RecordIntent(Row, usize),
    Call(usize),
    /// The outcome is known: the row's write, and with it the consent's.
    Sent(usize),
    /// The consent's part of it, where that is another write.
    Use(usize),
    /// The transaction of `release`, and the row's new state.
    Release(usize, Row),
    /// Its other write, if the first wasn't let through.
    Revoke(usize, Row),
    /// The two writes of `invalidate`.
    Refused(usize),
    Invalidate(usize),
    /// The row's write.
    Store(Row),
    Done,
}

impl Worker {
    /// An invocation begins: it reads the row, and what consents there are.
    pub(super) fn begin(state: &State, notification: u8) -> Self {
        let row = state.rows[usize::from(notification)];
        let mut worker =
            Self { notification, began: state.now, claims: false, step: WorkerStep::Done };
        worker.step = match row {
            Row::InProgress { .. } => WorkerStep::Store(Row::Ambiguous),
            _ => worker.next_step(state),
        };
        worker
    }

    /// Looks for a consent.
    fn next_step(&self, state: &State) -> WorkerStep {
        let row = state.rows[usize::from(self.notification)];
        state
            .ledger
            .free()
            .map_or(WorkerStep::Store(Row::NoConsent), |item| WorkerStep::RecordIntent(row, item))
    }

    /// The answer to its call.
    pub(super) fn answered(mut self, state: &mut State, item: usize, fate: CallEnd) -> Self {
        if matches!(fate, CallEnd::Answered | CallEnd::AnswerLost) {
            state.taken += 1;
        }
        self.step = match fate {
            CallEnd::Answered => WorkerStep::Sent(item),
            CallEnd::AnswerLost | CallEnd::RequestLost => WorkerStep::Store(Row::Ambiguous),
            CallEnd::Refused => WorkerStep::Release(item, Row::Failed),
            CallEnd::NotNow => WorkerStep::Release(item, Row::Retrying),
            CallEnd::NoConsent => WorkerStep::Refused(item),
        };
        self
    }

    /// The next write, and what comes after it.
    pub(super) fn go_on(mut self, world: &World, state: &mut State) -> Self {
        let rules = world.rules;
        let notification = self.notification;
        let ledger = &mut state.ledger;
        self.step = match self.step {
            WorkerStep::RecordIntent(seen, item) => {
                let row = &mut state.rows[usize::from(notification)];
                let ours = self.claims && matches!(row, Row::InProgress { .. });
                if !ours && *row != seen {
                    return Self { step: WorkerStep::Done, ..self };
                }
                let granted_at = ledger.items[item].granted_at;
                if ledger.reserve(rules, item, notification) {
                    *row = Row::InProgress { lease_over: false };
                    state.sends_late |= state.withdrawn.is_some_and(|at| at >= granted_at) && !ours;
                    state.claimed(notification);
                    self.claims = true;
                    WorkerStep::Call(item)
                } else {
                    // Another was faster.
                    self.next_step(state)
                }
            }
            WorkerStep::Call(_) => unreachable!("a call has a fate"),
            WorkerStep::Sent(item) => {
                if !self.store(state, Row::Sent) {
                    WorkerStep::Done
                } else if rules.used_with_sent {
                    state.ledger.end(item, notification, Consent::Used(notification));
                    WorkerStep::Done
                } else {
                    WorkerStep::Use(item)
                }
            }
            WorkerStep::Use(item) => {
                ledger.end(item, notification, Consent::Used(notification));
                WorkerStep::Done
            }
            WorkerStep::Release(item, row) => {
                if ledger.release(rules, item, notification) {
                    WorkerStep::Store(row)
                } else {
                    WorkerStep::Revoke(item, row)
                }
            }
            WorkerStep::Revoke(item, row) => {
                ledger.end(item, notification, Consent::Revoked);
                WorkerStep::Store(row)
            }
            WorkerStep::Refused(item) => {
                ledger.refused_at = ledger.refused_at.max(Some(self.began));
                WorkerStep::Invalidate(item)
            }
            WorkerStep::Invalidate(item) => {
                ledger.end(item, notification, Consent::Invalidated);
                ledger.refused(self.began);
                WorkerStep::Store(Row::NoConsent)
            }
            WorkerStep::Store(row) => {
                self.store(state, row);
                WorkerStep::Done
            }
            WorkerStep::Done => WorkerStep::Done,
        };
        self
    }

    /// Stores how the notification stands, under the claim; or, if there is none,
    /// as long as no other invocation has one.
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
