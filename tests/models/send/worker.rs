//! One invocation that tries to send a notification, cut where it waits for
//! an answer: of the table, or of WeChat.

use super::table::{Age, Row};
use super::wechat::{CallEnd, CallResult};
use super::{Channel, State, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Worker {
    pub(super) notification: u8,
    /// The name of its claim.
    pub(super) claim: u8,
    /// The place of the channel that it tries.
    pub(super) channel: usize,
    /// A call through that channel, of this invocation or an earlier one, may
    /// have been taken on.
    pub(super) maybe_sent: bool,
    /// Its lease is over. It doesn't know, but for the clock.
    pub(super) late: bool,
    pub(super) step: WorkerStep,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum WorkerStep {
    /// The claim, on the condition that the row is as it was read.
    Claim(Option<Row>, Plan),
    /// Records the intent for the next channel.
    RecordIntent,
    /// The call to WeChat.
    Call,
    /// Records the intent, where that is done too late.
    AnnounceAfter(WorkerOutcome),
    /// The outcome's write.
    Commit(WorkerOutcome),
}

/// What an invocation is going to do about the row it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Plan {
    /// Try the channels, from this one on.
    Send(usize),
    /// Send again what may have been sent, through the same channel.
    Repeat(usize),
    /// Leave what may have been sent through this channel as it is.
    Leave(usize),
    /// No channel is possible.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum WorkerOutcome {
    Sent(Option<u8>),
    Retry,
    Ambiguous,
    Failed,
}

impl World {
    /// The first channel, from this one on, that is possible.
    fn possible(&self, state: &State, from: usize) -> Option<usize> {
        (from..self.channels.len()).find(|&channel| state.possible[channel])
    }

    /// What is to be done about a notification that is due.
    fn plan(&self, state: &State, notification: u8) -> Plan {
        let one = state.notifications[usize::from(notification)];
        let afresh = || self.possible(state, 0).map_or(Plan::End, Plan::Send);
        let Some(intent) = one.row.and_then(|row| row.intent) else { return afresh() };
        let in_time = one.age == Age::Fresh || !self.rules.window;
        if !self.channels[intent].repeatable() || !in_time {
            Plan::Leave(intent)
        } else if state.possible[intent] {
            Plan::Repeat(intent)
        } else if self.rules.stays_with_channel {
            Plan::Leave(intent)
        } else {
            afresh()
        }
    }
}

impl Worker {
    /// An invocation begins and reads the row.
    pub(super) fn begin(world: &World, state: &State, notification: u8) -> Self {
        let seen = state.notifications[usize::from(notification)].row;
        let step = WorkerStep::Claim(seen, world.plan(state, notification));
        Self { notification, claim: super::OLD, channel: 0, maybe_sent: false, late: false, step }
    }

    fn channel(&self, world: &World) -> Channel {
        world.channels[self.channel]
    }

    /// Continues after everything but a call to WeChat. None when it is done.
    pub(super) fn go_on(mut self, world: &World, state: &mut State) -> Option<Self> {
        let Self { notification, claim, maybe_sent, .. } = self;
        let rules = world.rules;
        match self.step {
            WorkerStep::Claim(seen, plan) => {
                let (channel, intent) = match plan {
                    Plan::Send(channel) => (channel, Some(channel).filter(|_| rules.intent_before)),
                    Plan::Repeat(channel) | Plan::Leave(channel) => (channel, Some(channel)),
                    Plan::End => (0, None),
                };
                let repeat = matches!(plan, Plan::Repeat(_) | Plan::Leave(_));
                let claim = state.claim(rules, notification, seen, intent, repeat)?;
                // Where there is nothing to be sent, the outcome is of the same write.
                match plan {
                    Plan::Leave(_) => {
                        state.ambiguous(rules, notification, claim, world.channels[channel]);
                        return None;
                    }
                    Plan::End => {
                        state.failed(rules, notification, claim);
                        return None;
                    }
                    Plan::Send(_) | Plan::Repeat(_) => {}
                }
                self = Self { claim, channel, maybe_sent: repeat, step: WorkerStep::Call, ..self };
            }
            WorkerStep::RecordIntent => {
                let intent = Some(self.channel).filter(|_| rules.intent_before);
                if !state.record_intent(rules, notification, claim, intent, false) {
                    return None;
                }
                self.step = WorkerStep::Call;
            }
            WorkerStep::Call => unreachable!("a call has a fate"),
            WorkerStep::AnnounceAfter(outcome) => {
                let intent = Some(self.channel);
                if !state.record_intent(rules, notification, claim, intent, maybe_sent) {
                    return None;
                }
                self.step = WorkerStep::Commit(outcome);
            }
            WorkerStep::Commit(outcome) => {
                match outcome {
                    WorkerOutcome::Sent(message) => {
                        let channel = self.channel(world);
                        state.sent(rules, notification, claim, message, channel, maybe_sent);
                    }
                    WorkerOutcome::Retry => state.retry(rules, notification, claim, maybe_sent),
                    WorkerOutcome::Ambiguous => {
                        state.ambiguous(rules, notification, claim, self.channel(world));
                    }
                    WorkerOutcome::Failed => state.failed(rules, notification, claim),
                }
                return None;
            }
        }
        Some(self)
    }

    /// Whether the clock forbids the call.
    pub(super) fn is_too_late(&self, world: &World, state: &State) -> bool {
        world.rules.deadline && (self.late || self.is_too_old(world, state))
    }

    fn is_too_old(&self, world: &World, state: &State) -> bool {
        let age = state.notifications[usize::from(self.notification)].age;
        world.rules.window && self.channel(world).repeatable() && age > Age::Fresh
    }

    /// There is no time left for the call.
    pub(super) fn give_up(mut self, world: &World, state: &State) -> Self {
        let outcome = if self.maybe_sent && self.is_too_old(world, state) {
            WorkerOutcome::Ambiguous
        } else {
            WorkerOutcome::Retry
        };
        self.step = WorkerStep::Commit(outcome);
        self
    }

    /// The call to WeChat, and its result.
    pub(super) fn call(mut self, world: &World, state: &mut State, fate: CallEnd) -> Self {
        let rules = world.rules;
        let channel = self.channel(world);
        let outcome = match state.call(self.notification, channel, fate) {
            CallResult::Sent(message) => WorkerOutcome::Sent(message),
            CallResult::NotNow => WorkerOutcome::Retry,
            CallResult::Nothing if channel.repeatable() => {
                self.maybe_sent = true;
                WorkerOutcome::Retry
            }
            CallResult::Nothing if rules.unknown_is_not_unsent => WorkerOutcome::Ambiguous,
            CallResult::Refused if self.maybe_sent && rules.refused_is_not_unsent => {
                WorkerOutcome::Ambiguous
            }
            CallResult::Nothing | CallResult::Refused => {
                match world.possible(state, self.channel + 1) {
                    Some(next) => {
                        self = Self {
                            channel: next,
                            maybe_sent: false,
                            step: WorkerStep::RecordIntent,
                            ..self
                        };
                        return self;
                    }
                    None => WorkerOutcome::Failed,
                }
            }
        };
        self.step = if rules.intent_before {
            WorkerStep::Commit(outcome)
        } else {
            WorkerStep::AnnounceAfter(outcome)
        };
        self
    }

    /// Whether it may repeat the call itself, instead of leaving that to another
    /// invocation.
    pub(super) fn may_repeat(&self, world: &World) -> bool {
        self.step == WorkerStep::Commit(WorkerOutcome::Retry)
            && self.maybe_sent
            && self.channel(world).repeatable()
    }
}
