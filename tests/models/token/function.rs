//! One invocation of the token function, cut where it waits.

use super::{Read, State, Stored, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Function {
    /// The token that a sender was told is dead; none in the minute's round.
    pub(super) dead: Option<Stored>,
    /// The row `token_refresh#…` is under its claim.
    pub(super) claims: bool,
    /// Its lease is over.
    pub(super) late: bool,
    /// It has forced a token; it doesn't do so twice.
    forced: bool,
    pub(super) step: Step,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    /// `newer`: somebody may have replaced it already.
    Look,
    /// `Forced::claim`.
    Claim,
    /// What is stored, in `refresh`.
    Read,
    /// `stable_token` without force.
    Ask(Stored),
    /// `Forced::count`.
    Count(Stored),
    /// `stable_token` with force.
    Force(Stored),
    /// In `store`: whether there is still stored what was read.
    Check(Stored, u8),
    /// In `store`: the write.
    Put(Stored, u8),
    /// `Forced::end`.
    End,
}

impl Step {
    /// Whether it reads the Parameter Store.
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Look | Self::Read | Self::Check(..))
    }
}

impl Function {
    pub(super) fn round() -> Self {
        let step = Step::Read;
        Self { dead: None, claims: false, late: false, forced: false, step }
    }

    pub(super) fn repair(dead: Stored) -> Self {
        Self { dead: Some(dead), step: Step::Look, ..Self::round() }
    }

    fn rejected_generation(&self) -> u8 {
        self.dead.map_or(0, |dead| dead.generation)
    }

    /// Its next step. None when it is done.
    pub(super) fn go_on(mut self, world: &World, state: &mut State, read: Read) -> Option<Self> {
        let rules = world.rules;
        self.step = match self.step {
            Step::Look if state.read(read).generation > self.rejected_generation() => return None,
            Step::Look if rules.guarded => Step::Claim,
            Step::Look => Step::Read,
            Step::Claim if state.forced.is_free() => {
                state.claim();
                self.claims = true;
                Step::Read
            }
            // Another is at it.
            Step::Claim => return None,
            Step::Read => Step::Ask(state.read(read)),
            Step::Ask(before) => {
                let token = state.wechat.ask(rules.stable);
                if before.token != token || before.generation < self.rejected_generation() {
                    Step::Check(before, token)
                } else if rules.forces && self.is_dead(world, before) && !self.forced {
                    if rules.guarded { Step::Count(before) } else { Step::Force(before) }
                } else {
                    Step::End
                }
            }
            Step::Count(before) if self.claims && !state.forced.recent => {
                state.forced.recent = true;
                Step::Force(before)
            }
            Step::Count(_) => Step::End,
            Step::Force(_) if self.late && rules.deadline => Step::End,
            Step::Force(before) => {
                self.forced = true;
                Step::Check(before, state.wechat.force(before.token))
            }
            Step::Check(before, _) if state.read(read).generation != before.generation => {
                Step::Read
            }
            Step::Check(before, token) => Step::Put(before, token),
            Step::Put(before, token) => {
                let generation = before.generation.max(self.rejected_generation()) + 1;
                state.put(Stored { generation, token });
                Step::End
            }
            Step::End => {
                if self.claims {
                    state.forced.claimed = false;
                    state.forced.lease_over = false;
                }
                return None;
            }
        };
        Some(self)
    }

    /// After a forced token's answer was lost it asks what came of it.
    pub(super) fn unanswered(mut self, state: &mut State) -> Self {
        if let Step::Force(before) = self.step {
            state.wechat.force(before.token);
        }
        self.forced = true;
        self.step = Step::Read;
        self
    }

    /// Whether what is stored is what a sender was told is dead.
    fn is_dead(&self, world: &World, stored: Stored) -> bool {
        self.dead.is_some_and(|dead| {
            dead.generation == stored.generation
                && (dead.token == stored.token || !world.rules.names_token)
        })
    }
}
