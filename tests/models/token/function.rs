//! One invocation of the token function, cut where it waits.

use super::{Read, State, Stored, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Function {
    /// The token that a sender was told is rejected; none in the minute's round.
    pub(super) rejected: Option<Stored>,
    /// The row `token_refresh#…` is under its claim.
    pub(super) claims: bool,
    /// Its lease is over.
    pub(super) late: bool,
    /// It has forced a token; it doesn't do so twice.
    forced: bool,
    pub(super) step: WorkerStep,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum WorkerStep {
    /// `newer`: another worker may have replaced it already.
    Look,
    /// `ForcedRefresh::claim`.
    Claim,
    /// What is stored, in `refresh`.
    Read,
    /// `stable_token` without force.
    Ask(Stored),
    /// `ForcedRefresh::count`.
    Count(Stored),
    /// `stable_token` with force.
    Force(Stored),
    /// In `store`: whether there is still stored what was read.
    Check(Stored, u8),
    /// In `store`: the write.
    Put(Stored, u8),
    /// `ForcedRefresh::end`.
    End,
}

impl WorkerStep {
    /// Whether it reads the Parameter Store.
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Look | Self::Read | Self::Check(..))
    }
}

impl Function {
    pub(super) fn round() -> Self {
        let step = WorkerStep::Read;
        Self { rejected: None, claims: false, late: false, forced: false, step }
    }

    pub(super) fn repair(rejected: Stored) -> Self {
        Self { rejected: Some(rejected), step: WorkerStep::Look, ..Self::round() }
    }

    fn rejected_generation(&self) -> u8 {
        self.rejected.map_or(0, |rejected| rejected.generation)
    }

    /// Its next step. None when it is done.
    pub(super) fn go_on(mut self, world: &World, state: &mut State, read: Read) -> Option<Self> {
        let rules = world.rules;
        self.step = match self.step {
            WorkerStep::Look if state.read(read).generation > self.rejected_generation() => {
                return None;
            }
            WorkerStep::Look if rules.guarded => WorkerStep::Claim,
            WorkerStep::Look => WorkerStep::Read,
            WorkerStep::Claim if state.forced.is_free() => {
                state.claim();
                self.claims = true;
                WorkerStep::Read
            }
            // Another is at it.
            WorkerStep::Claim => return None,
            WorkerStep::Read => WorkerStep::Ask(state.read(read)),
            WorkerStep::Ask(before) => {
                let token = state.wechat.fetch(rules.stable);
                if before.token != token || before.generation < self.rejected_generation() {
                    WorkerStep::Check(before, token)
                } else if rules.forces && self.is_rejected(world, before) && !self.forced {
                    if rules.guarded {
                        WorkerStep::Count(before)
                    } else {
                        WorkerStep::Force(before)
                    }
                } else {
                    WorkerStep::End
                }
            }
            WorkerStep::Count(before) if self.claims && !state.forced.recent => {
                state.forced.recent = true;
                WorkerStep::Force(before)
            }
            WorkerStep::Count(_) => WorkerStep::End,
            WorkerStep::Force(_) if self.late && rules.deadline => WorkerStep::End,
            WorkerStep::Force(before) => {
                self.forced = true;
                WorkerStep::Check(before, state.wechat.force(before.token))
            }
            WorkerStep::Check(before, _) if state.read(read).generation != before.generation => {
                WorkerStep::Read
            }
            WorkerStep::Check(before, token) => WorkerStep::Put(before, token),
            WorkerStep::Put(before, token) => {
                let generation = before.generation.max(self.rejected_generation()) + 1;
                state.put(Stored { generation, token });
                WorkerStep::End
            }
            WorkerStep::End => {
                if self.claims {
                    state.forced.claimed = false;
                    state.forced.lease_over = false;
                }
                return None;
            }
        };
        Some(self)
    }

    /// After a forced token's response was lost it fetches the current token.
    pub(super) fn unanswered(mut self, state: &mut State) -> Self {
        if let WorkerStep::Force(before) = self.step {
            state.wechat.force(before.token);
        }
        self.forced = true;
        self.step = WorkerStep::Read;
        self
    }

    /// Whether what is stored is what a sender was told is rejected.
    fn is_rejected(&self, world: &World, stored: Stored) -> bool {
        self.rejected.is_some_and(|rejected| {
            rejected.generation == stored.generation
                && (rejected.token == stored.token || !world.rules.names_token)
        })
    }
}
