//! One send with an access token, cut where it waits.

use super::function::Function;
use super::{Read, State, Stored, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Sender {
    /// What it calls WeChat with.
    used: Stored,
    /// How often it has called.
    pub(super) calls: u8,
    pub(super) step: WorkerStep,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum WorkerStep {
    Call,
    /// Looks for a newer token than the dead one; if there is none, invokes the
    /// token function.
    Renew,
    /// Waits for what that stores.
    Wait,
}

impl Sender {
    /// With the token that it holds from before, or has just read.
    pub(super) fn begin(held: Stored) -> Self {
        Self { used: held, calls: 0, step: WorkerStep::Call }
    }

    /// Whether what it waits for is there.
    pub(super) fn finds(&self, state: &State) -> bool {
        state.stored.generation > self.used.generation
    }

    pub(super) fn holds_good(&self, state: &State) -> bool {
        state.wechat.takes(self.used.token)
    }

    /// Its next step. None when it is done.
    pub(super) fn go_on(mut self, world: &World, state: &mut State, read: Read) -> Option<Self> {
        match self.step {
            WorkerStep::Call => {
                self.calls += 1;
                state.nagged |= self.calls > 2;
                let again = self.calls < 2 || (world.rules.loops && self.calls < 4);
                if state.wechat.takes(self.used.token) || !again {
                    return None;
                }
                self.step = WorkerStep::Renew;
            }
            WorkerStep::Renew | WorkerStep::Wait => {
                let stored = state.read(read);
                if stored.generation > self.used.generation {
                    self = Self { used: stored, step: WorkerStep::Call, ..self };
                } else {
                    state.functions.push(Function::repair(self.used));
                    self.step = WorkerStep::Wait;
                }
            }
        }
        Some(self)
    }
}
