//! One app's access token, the invocations that make it and the sends that use
//! it.
//!
//! | here | in the code |
//! |---|---|
//! | `Action::Round` | the scheduled `refresh_all` of the token function |
//! | [`function`] | `refresh_rejected_token`, `refresh`, `force_refresh` and `store` of the token function |
//! | [`sender`] | `AccessTokens::call` and `get_newer` |
//! | `State::read`, `put` | the Parameter Store: the last write wins |
//! | `ForcedRefresh` | the row `token_refresh#…`: who replaces a token, and when one was forced |
//!
//! WeChat may reject its token and return it all the same; the token may
//! expire, or be replaced by another client's forced refresh. The Parameter Store may
//! show what was there before the last write. An invocation may be killed between
//! any two steps, and may outlive its lease; the answer to a forced refresh may be
//! lost.
//!
//! Parameters have no conditional write, so of two who store at once the slower
//! one wins, and both their tokens have the same generation. The look before the
//! write makes that rare; it can't rule it out.
//!
//! Then all comes to rest: one more round, half a minute, one more send.

mod function;
mod sender;
#[cfg(test)]
mod tests;
mod wechat;

use crate::is_over;
use function::Function;
use sender::Sender;
use stateright::{Model, Property};
use wechat::WeChat;

/// The rules, each of which can be left out to see the consequence.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// `stable_token`, not `token`.
    stable: bool,
    /// A token that WeChat rejects and returns all the same is replaced.
    forces: bool,
    /// That is done under the row's claim and at most once in 30 seconds.
    guarded: bool,
    /// The clock is looked at before a token is forced.
    deadline: bool,
    /// A sender names the invalid token, not only its generation.
    names_token: bool,
    /// A sender continues until a token is accepted.
    loops: bool,
}

impl Rules {
    /// What the code does.
    const CODE: Self = Self {
        stable: true,
        forces: true,
        guarded: true,
        deadline: true,
        names_token: false,
        loops: false,
    };
}

/// What is explored: how often it can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Budget {
    rounds: u8,
    sends: u8,
    /// Kills and pauses of the token function, lost answers.
    faults: u8,
    /// Reads of what was there before.
    stale: u8,
    /// WeChat rejects the token.
    kills: u8,
    /// Another client replaces it.
    thefts: u8,
    /// It expires.
    ends: u8,
}

#[derive(Clone, Copy, Debug)]
struct World {
    budget: Budget,
    rules: Rules,
}

/// The parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Stored {
    generation: u8,
    token: u8,
}

/// The row `token_refresh#…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct ForcedRefresh {
    claimed: bool,
    lease_over: bool,
    /// A token was forced less than half a minute ago.
    recent: bool,
}

impl ForcedRefresh {
    fn is_free(self) -> bool {
        !self.claimed || self.lease_over
    }
}

/// What a read of the Parameter Store shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Fresh,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Work,
    /// All is done, and so is one more round.
    Rest,
    /// One more send is under way.
    Last,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    wechat: WeChat,
    stored: Stored,
    /// What was stored before.
    before: Stored,
    forced: ForcedRefresh,
    functions: Vec<Function>,
    senders: Vec<Sender>,
    left: Budget,
    phase: Phase,
    /// A sender has called WeChat too often.
    nagged: bool,
}

/// Functions and senders by their place.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    Round,
    /// A send, with what was stored before or what is stored now.
    Send(Stored),
    Function(usize, function::WorkerStep, Read),
    Sender(usize, sender::WorkerStep, Read),
    /// The token function forces a token, and doesn't hear the answer.
    Unanswered(usize),
    GiveUp(usize),
    Kill(usize),
    LeaseEnds,
    HalfAMinutePasses,
    TokenDies,
    TokenIsReplaced,
    TokenEnds,
    OldTokenEnds,
    /// The round in which nothing goes wrong.
    LastRound,
    LastSend,
}

impl State {
    fn read(&self, read: Read) -> Stored {
        match read {
            Read::Fresh => self.stored,
            Read::Stale => self.before,
        }
    }

    fn put(&mut self, stored: Stored) {
        self.before = std::mem::replace(&mut self.stored, stored);
    }

    /// The row is under a new claim.
    fn claim(&mut self) {
        for function in &mut self.functions {
            function.claims = false;
        }
        self.forced = ForcedRefresh { claimed: true, lease_over: false, ..self.forced };
    }

    fn canonical(mut self) -> Self {
        self.functions.sort_unstable();
        self.senders.sort_unstable();
        self
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let stored = Stored { generation: 1, token: 1 };
        vec![State {
            wechat: WeChat::new(),
            stored,
            before: stored,
            forced: ForcedRefresh::default(),
            functions: Vec::new(),
            senders: Vec::new(),
            left: self.budget,
            phase: Phase::Work,
            nagged: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = state.left;
        let mut reads = vec![Read::Fresh];
        if left.stale > 0 && state.before != state.stored {
            reads.push(Read::Stale);
        }
        for (at, function) in state.functions.iter().enumerate() {
            let reads = if function.step.reads() { &reads[..] } else { &[Read::Fresh] };
            actions.extend(reads.iter().map(|&read| Action::Function(at, function.step, read)));
            if left.faults > 0 {
                actions.push(Action::Kill(at));
                if matches!(function.step, function::WorkerStep::Force(_)) && !function.late {
                    actions.push(Action::Unanswered(at));
                }
            }
        }
        for (at, sender) in state.senders.iter().enumerate() {
            match sender.step {
                sender::WorkerStep::Call => {
                    actions.push(Action::Sender(at, sender.step, Read::Fresh));
                }
                sender::WorkerStep::Renew => {
                    actions.extend(reads.iter().map(|&read| Action::Sender(at, sender.step, read)));
                }
                sender::WorkerStep::Wait if sender.finds(state) => {
                    actions.push(Action::Sender(at, sender.step, Read::Fresh));
                }
                sender::WorkerStep::Wait => {
                    if state.phase == Phase::Work || state.functions.is_empty() {
                        actions.push(Action::GiveUp(at));
                    }
                }
            }
        }
        let owned = state.functions.iter().any(|function| function.claims);
        let ForcedRefresh { claimed, lease_over, recent } = state.forced;
        if claimed && !lease_over && (!owned || left.faults > 0) && state.phase == Phase::Work {
            actions.push(Action::LeaseEnds);
        }
        // A lease is shorter than that.
        if recent && state.forced.is_free() {
            actions.push(Action::HalfAMinutePasses);
        }
        if state.wechat.old.is_some() {
            actions.push(Action::OldTokenEnds);
        }
        if state.phase == Phase::Work {
            if left.rounds > 0 {
                actions.push(Action::Round);
            }
            if left.sends > 0 {
                actions.push(Action::Send(state.stored));
                if state.before != state.stored {
                    actions.push(Action::Send(state.before));
                }
            }
            if left.kills > 0 && !state.wechat.killed {
                actions.push(Action::TokenDies);
            }
            if left.thefts > 0 {
                actions.push(Action::TokenIsReplaced);
            }
            if left.ends > 0 && !state.wechat.ending {
                actions.push(Action::TokenEnds);
            }
        }
        if state.functions.is_empty() && state.senders.is_empty() {
            match state.phase {
                Phase::Work => actions.push(Action::LastRound),
                Phase::Rest if state.wechat.old.is_none() => actions.push(Action::LastSend),
                Phase::Rest | Phase::Last => {}
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Round => {
                state.left.rounds -= 1;
                state.functions.push(Function::round());
            }
            Action::Send(held) => {
                state.left.sends -= 1;
                state.senders.push(Sender::begin(held));
            }
            Action::Function(at, _, read) => {
                state.left.stale -= u8::from(read == Read::Stale);
                let function = state.functions.remove(at).go_on(self, &mut state, read);
                state.functions.extend(function);
            }
            Action::Sender(at, _, read) => {
                state.left.stale -= u8::from(read == Read::Stale);
                let sender = state.senders.remove(at).go_on(self, &mut state, read);
                state.senders.extend(sender);
            }
            Action::Unanswered(at) => {
                state.left.faults -= 1;
                let function = state.functions.remove(at).unanswered(&mut state);
                state.functions.push(function);
            }
            Action::GiveUp(at) => drop(state.senders.remove(at)),
            Action::Kill(at) => {
                state.left.faults -= 1;
                state.functions.remove(at);
            }
            Action::LeaseEnds => {
                state.forced.lease_over = true;
                if let Some(owner) = state.functions.iter_mut().find(|one| one.claims) {
                    owner.late = true;
                    state.left.faults -= 1;
                }
            }
            Action::HalfAMinutePasses => state.forced.recent = false,
            Action::TokenDies => {
                state.left.kills -= 1;
                state.wechat.killed = true;
            }
            Action::TokenIsReplaced => {
                state.left.thefts -= 1;
                state.wechat.stolen();
            }
            Action::TokenEnds => {
                state.left.ends -= 1;
                state.wechat.ending = true;
            }
            Action::OldTokenEnds => state.wechat.old = None,
            Action::LastRound => {
                // The older `token` is called when the stored one expires.
                if self.rules.stable {
                    let token = state.wechat.fetch(true);
                    let Stored { generation, .. } = state.stored;
                    if token != state.stored.token {
                        state.put(Stored { generation: generation + 1, token });
                    }
                }
                state.phase = Phase::Rest;
            }
            Action::LastSend => {
                state.forced = ForcedRefresh::default();
                state.left = Budget { faults: 0, stale: 0, ..state.left };
                state.senders.push(Sender::begin(state.stored));
                state.phase = Phase::Last;
            }
        }
        Some(state.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::<Self>::always(FORCED, |_, state| !state.wechat.forced_wrongly),
            Property::<Self>::always(TWICE, |_, state| !state.nagged),
            Property::<Self>::always(ROUND, |_, state| {
                let unnoticed = state.wechat.killed && state.stored.token == state.wechat.current;
                state.phase != Phase::Rest || state.wechat.takes(state.stored.token) || unnoticed
            }),
            Property::<Self>::always(REST, |world, state| {
                state.phase != Phase::Last
                    || state.wechat.takes(state.stored.token)
                    || !is_over(world, state)
            }),
            Property::<Self>::sometimes("a sender is let in the second time", |_, state| {
                state.senders.iter().any(|one| {
                    one.calls == 1 && one.step == sender::WorkerStep::Call && one.holds_good(state)
                })
            }),
        ];
        if self.budget.kills > 0 {
            properties.push(Property::<Self>::sometimes("a token is forced", |_, state| {
                state.forced.recent
            }));
            properties.push(Property::<Self>::sometimes("another is at it", |_, state| {
                state.forced.claimed
                    && !state.forced.lease_over
                    && state.functions.iter().any(|one| one.step == function::WorkerStep::Claim)
            }));
        }
        if self.budget.faults > 0 {
            properties.push(Property::<Self>::sometimes("one outlives its lease", |_, state| {
                state.functions.iter().any(|one| one.late)
            }));
        }
        properties
    }
}

const FORCED: &str = "only an invalid token is replaced by force, and only once";
const TWICE: &str = "a send calls WeChat twice at most";
const ROUND: &str = "after a round what is stored is what WeChat hands out";
const REST: &str = "after one more send what is stored is good";
