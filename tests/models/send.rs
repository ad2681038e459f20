//! Notifications of one template to one person, all who try to send them, and
//! their receipts.
//!
//! | here | in the code |
//! |---|---|
//! | `Action::Begin`, `Plan` | `deliver` up to `NotificationRow::next_action`, of a row that was read |
//! | `WorkerStep::Claim` | `AttemptRecord::reserve` with `Expected::Unchanged` or `Absent`; `give_up` |
//! | `WorkerStep::RecordIntent` | `AttemptRecord::reserve` with `Expected::Owned` |
//! | `Action::TooLate` | `not_after`, checked before the socket is written |
//! | `Action::Call` | `call_wechat` |
//! | `WorkerStep::Commit` | `AttemptRecord::sent`, `retry_at`, `ambiguous`, `finish` |
//! | `Action::Receipt`, `ReceiptStored` | `Notifications::store_receipt`: its first write, and `record_delivery` or `store_unmatched` |
//! | `Action::Resolve`, `Bind` | `Notifications::resolve_awaited_receipt`: what it reads, and its transaction |
//!
//! Between any two steps of a worker it may be killed, others may act and time
//! may pass; a write whose confirmation is lost is a worker killed after it. A
//! worker may outlive its lease, and then continues without knowing.
//!
//! Time has no numbers: a lease ends, 8 minutes are over, then 10, then the hour in which
//! a receipt may come. Looking at
//! the clock and writing to the socket are one step; in the code up to the 4
//! seconds of a call lie between, which the margins of 5 seconds (lease) and 2
//! minutes (repeats) cover.

mod properties;
mod receipts;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod wechat;
mod worker;

use receipts::{Binding, Event, Message, Rendezvous, Said};
use rules::Rules;
use stateright::{Model, Property};
use table::{Age, Notification, Status};
use wechat::CallEnd;
use worker::{Worker, WorkerStep};

/// The name of every claim but a row's present one: nothing tells them apart.
const OLD: u8 = 0;
/// The name of a claim that is being made.
const NEW: u8 = 2;
/// The name of a row's present claim.
const PRESENT: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Channel {
    /// Repeatable: WeChat drops what has the same `client_msg_id`. The OA's
    /// subscription notification is another one like it.
    Template,
    Subscribe,
    /// There is no receipt, and the legacy template message is another one like
    /// it.
    CustomerService,
}

impl Channel {
    fn repeatable(self) -> bool {
        self == Self::Template
    }

    fn has_receipts(self) -> bool {
        self != Self::CustomerService
    }
}

/// What is explored.
#[derive(Clone, Copy, Debug)]
struct World {
    /// Of the template, in the order of preference.
    channels: &'static [Channel],
    notifications: u8,
    /// Concurrent invocations.
    workers: usize,
    /// How many faults happen: crashes, pauses, calls without a response, channels
    /// that become impossible.
    faults: u8,
    /// What receipts may say, if any come.
    receipts: &'static [Said],
    /// What WeChat answers to a repeat.
    repeat: RepeatId,
    /// Receipts may come after the hour.
    late_receipts: bool,
    rules: Rules,
}

/// The id in WeChat's answer to a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RepeatId {
    /// That of the message.
    Same,
    /// None, as with 45065.
    None,
    /// One that no receipt names.
    Another,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    notifications: Vec<Notification>,
    workers: Vec<Worker>,
    /// Which of the channels are possible.
    possible: Vec<bool>,
    messages: Vec<Message>,
    rendezvous: Rendezvous,
    sweep: Option<Binding>,
    faults: u8,
    /// A receipt has found an ambiguous notification.
    resolved: bool,
    repeat: RepeatId,
}

/// Workers, notifications and messages by their place, channels as well.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// A request, the first one or a duplicate: of a caller, the queue, the sweep.
    Begin(u8),
    Go(usize, WorkerStep),
    Call(usize, CallEnd),
    /// The clock forbids the call.
    TooLate(usize),
    /// After a call without an answer the worker calls again.
    Repeat(usize),
    Kill(usize),
    LeaseEnds(u8),
    TimePasses(u8, Age),
    /// A call that was held up arrives.
    Arrive(u8),
    /// The channel is not possible any more: the person unfollows, say.
    Impossible(usize),
    Receipt(u8, Said),
    ReceiptStored(u8),
    /// The sweep looks for the receipt of an ambiguous notification.
    Resolve(u8),
    Bind,
}

impl World {
    const fn new(channels: &'static [Channel]) -> Self {
        Self {
            channels,
            notifications: 1,
            workers: 2,
            faults: 3,
            receipts: &[Said::Delivered],
            repeat: RepeatId::Same,
            late_receipts: false,
            rules: Rules::WHOLE,
        }
    }
}

impl State {
    /// The worker whose claim is the row's.
    fn owner(&mut self, notification: u8) -> Option<&mut Worker> {
        self.workers
            .iter_mut()
            .find(|worker| worker.notification == notification && worker.claim == PRESENT)
    }

    /// Brings states that differ in nothing that counts to one form: after a
    /// claim the one before it is an old one, and who of the workers is who
    /// doesn't matter.
    fn canonical(mut self) -> Self {
        for (one, notification) in self.notifications.iter_mut().zip(0..) {
            let Some(row) = one.row.as_mut().filter(|row| row.claim == NEW) else { continue };
            row.claim = PRESENT;
            let rename = |claim: u8| if claim == NEW { PRESENT } else { OLD };
            for worker in self.workers.iter_mut().filter(|one| one.notification == notification) {
                worker.claim = rename(worker.claim);
                if let WorkerStep::Claim(Some(seen), _) = &mut worker.step {
                    seen.claim = rename(seen.claim);
                }
            }
        }
        self.workers.sort_unstable();
        self
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            notifications: vec![Notification::default(); self.notifications.into()],
            workers: Vec::new(),
            possible: vec![true; self.channels.len()],
            messages: Vec::new(),
            rendezvous: Rendezvous::default(),
            sweep: None,
            faults: self.faults,
            resolved: false,
            repeat: self.repeat,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let faults = state.faults > 0;
        for (at, worker) in state.workers.iter().enumerate() {
            if worker.step != WorkerStep::Call {
                actions.push(Action::Go(at, worker.step));
            } else if worker.is_too_late(self, state) {
                actions.push(Action::TooLate(at));
            } else {
                actions.extend(
                    [CallEnd::Answered, CallEnd::Refused].map(|fate| Action::Call(at, fate)),
                );
                if faults {
                    actions.extend(CallEnd::BAD.map(|fate| Action::Call(at, fate)));
                }
                if faults && self.channels[worker.channel].has_receipts() {
                    actions.push(Action::Call(at, CallEnd::NoId));
                }
            }
            if worker.may_repeat(self) {
                actions.push(Action::Repeat(at));
            }
            if faults && !matches!(worker.step, WorkerStep::Claim(..)) {
                actions.push(Action::Kill(at));
            }
        }
        for (one, notification) in state.notifications.iter().zip(0..) {
            if one.is_due() && state.workers.len() < self.workers {
                actions.push(Action::Begin(notification));
            }
            let at_work = one.row.filter(|row| row.status == Status::InProgress && !row.lease_over);
            let owned = || state.clone().owner(notification).is_some();
            if at_work.is_some() && (faults || !owned()) {
                actions.push(Action::LeaseEnds(notification));
            }
            let intent = one.row.and_then(|row| row.intent);
            let counts = intent.is_some_and(|channel| self.channels[channel].repeatable());
            let remembered = one.wechat.remembered.is_some();
            let matters = one.is_open()
                || state.workers.iter().any(|worker| worker.notification == notification);
            if matters && one.age == Age::Fresh && (counts || remembered) {
                actions.push(Action::TimePasses(notification, Age::Eight));
            }
            // What is held up arrives within two minutes.
            if matters && one.age == Age::Eight && remembered && one.wechat.held_up.is_none() {
                actions.push(Action::TimePasses(notification, Age::Ten));
            }
            if one.wechat.held_up.is_some() {
                actions.push(Action::Arrive(notification));
            } else if self.notifications > 1
                && one.age < Age::Hour
                && state.rendezvous.awaits(notification)
            {
                actions.push(Action::TimePasses(notification, Age::Hour));
            }
        }
        for (channel, possible) in state.possible.iter().enumerate() {
            if faults && *possible && self.channels[channel].repeatable() {
                actions.push(Action::Impossible(channel));
            }
        }
        for (message, id) in state.messages.iter().zip(0..) {
            match message.event {
                Event::ToCome => {
                    actions.extend(self.receipts.iter().map(|&said| Action::Receipt(id, said)));
                }
                Event::Noted(_) => actions.push(Action::ReceiptStored(id)),
                Event::Applied => {}
            }
        }
        if state.sweep.is_some() {
            actions.push(Action::Bind);
        } else {
            let settled = |one: &u8| state.resolve(self.rules, *one).is_some();
            actions.extend((0..self.notifications).filter(settled).map(Action::Resolve));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin(notification) => {
                let worker = Worker::begin(self, &state, notification);
                state.workers.push(worker);
            }
            Action::Go(at, _) => {
                let worker = state.workers.remove(at).go_on(self, &mut state);
                state.workers.extend(worker);
            }
            Action::Call(at, fate) => {
                let is_fault = fate == CallEnd::NoId || CallEnd::BAD.contains(&fate);
                state.faults -= u8::from(is_fault);
                let worker = state.workers.remove(at).call(self, &mut state, fate);
                state.workers.push(worker);
            }
            Action::TooLate(at) => {
                state.workers[at] = state.workers[at].give_up(self, &state);
            }
            Action::Repeat(at) => state.workers[at].step = WorkerStep::Call,
            Action::Kill(at) => {
                state.faults -= 1;
                state.workers.remove(at);
            }
            Action::LeaseEnds(notification) => {
                let late = state.owner(notification).map(|worker| worker.late = true).is_some();
                state.faults -= u8::from(late);
                let row = state.notifications[usize::from(notification)].row.as_mut()?;
                row.lease_over = true;
            }
            Action::TimePasses(notification, age) => {
                let one = &mut state.notifications[usize::from(notification)];
                one.age = age;
                one.wechat.remembered = one.wechat.remembered.filter(|_| age < Age::Ten);
                if age == Age::Hour && !self.late_receipts {
                    state.no_receipt_comes(notification);
                }
            }
            Action::Arrive(notification) => state.arrive(notification),
            Action::Impossible(channel) => {
                state.faults -= 1;
                state.possible[channel] = false;
            }
            Action::Receipt(id, said) => state.receipt(id, said),
            Action::ReceiptStored(id) => state.receipt_stored(self.rules, id),
            Action::Resolve(notification) => {
                state.sweep = state.resolve(self.rules, notification);
            }
            Action::Bind => {
                let binding = state.sweep.take()?;
                state.bind(binding);
            }
        }
        Some(state.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}
