//! WeChat's messages, their rows, and how receipts find notifications.

use super::rules::{Rules, Wait};
use super::table::{Age, Row, Status};
use super::worker::WorkerStep;
use super::{State, World};

/// What a receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Said {
    Delivered,
    Blocked,
}

/// How far the event of a receipt has come. It is applied until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    ToCome,
    /// It stands in the message's row, which named this notification.
    Noted(Option<u8>),
    Applied,
}

/// A message that WeChat has taken on. Its id is its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Message {
    /// Whose it is in truth.
    of: u8,
    /// In the row `message#…`: whose it is as far as is known.
    notification: Option<u8>,
    /// In the row `message#…`.
    said: Option<Said>,
    pub(super) event: Event,
    /// The notifications whose receipt could still come when this one did, as bits.
    may_be_of: u8,
}

impl Message {
    pub(super) fn for_notification(notification: u8) -> Self {
        let event = Event::ToCome;
        Self { of: notification, notification: None, said: None, event, may_be_of: 0 }
    }

    /// An id in an answer, under which nothing more comes.
    pub(super) fn without_receipt(notification: u8) -> Self {
        Self { event: Event::Applied, ..Self::for_notification(notification) }
    }
}

/// The row of the receipt key (app, person and template), by which receipts that
/// arrive first meet notifications that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rendezvous {
    receipts: Vec<u8>,
    awaiting: Vec<u8>,
}

impl Rendezvous {
    /// Whether a notification awaits a receipt here.
    pub(super) fn awaits(&self, notification: u8) -> bool {
        self.awaiting.contains(&notification)
    }
}

/// What the sweep has found out, and is about to write: whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Binding {
    message: u8,
    notification: u8,
}

impl State {
    fn message(&self, id: u8) -> &Message {
        &self.messages[usize::from(id)]
    }

    fn message_mut(&mut self, id: u8) -> &mut Message {
        &mut self.messages[usize::from(id)]
    }

    /// The event's first write, to the message's row.
    pub(super) fn receipt(&mut self, id: u8, said: Said) {
        let in_time = self.notifications.iter().zip(0..).filter(|(one, _)| one.age < Age::Hour);
        let may_be_of = in_time.fold(0, |bits, (_, notification)| bits | 1_u8 << notification);
        let message = self.message_mut(id);
        message.may_be_of = may_be_of;
        message.said = Some(said);
        message.event = Event::Noted(message.notification);
    }

    /// The event's second write: to the notification, or to the rendezvous.
    pub(super) fn receipt_stored(&mut self, rules: Rules, id: u8) {
        let Event::Noted(notification) = self.message(id).event else { return };
        self.message_mut(id).event = Event::Applied;
        match (notification, self.message(id).said) {
            (Some(notification), Some(said)) => {
                let row = &mut self.notifications[usize::from(notification)].row;
                let waits = |row: &&mut Row| matches!(row.status, Status::Sent | Status::Ambiguous);
                if let Some(row) = row.as_mut().filter(waits) {
                    row.status = Status::Received(said);
                    self.rendezvous.awaiting.retain(|&one| one != notification);
                }
            }
            _ if rules.rendezvous => {
                self.rendezvous.receipts.push(id);
                self.rendezvous.receipts.sort_unstable();
            }
            _ => {}
        }
    }

    /// Of the transaction that stores `sent` the message's part: whose it is,
    /// and what its receipt has said already.
    pub(super) fn sent_message(&mut self, id: u8, notification: u8) -> Option<Said> {
        let message = self.message_mut(id);
        message.notification.get_or_insert(notification);
        message.said
    }

    /// Of the transaction that stores `ambiguous` or `sent` the rendezvous' part.
    pub(super) fn await_receipt(&mut self, notification: u8) {
        self.rendezvous.awaiting.push(notification);
        self.rendezvous.awaiting.sort_unstable();
    }

    /// Its receipt would have come by now.
    pub(super) fn no_receipt_comes(&mut self, notification: u8) {
        let own = |message: &&mut Message| message.of == notification;
        for message in self.messages.iter_mut().filter(own) {
            if message.event == Event::ToCome {
                message.event = Event::Applied;
            }
        }
    }

    /// Whether a receipt may be a notification's, by when it came.
    fn may_be_of(&self, rules: Rules, message: u8, notification: u8) -> bool {
        !rules.overdue || self.message(message).may_be_of & 1 << notification != 0
    }

    /// `matching::group_of`: the notifications and receipts that may belong together, with
    /// this notification among them.
    fn group(&self, rules: Rules, notification: u8) -> (Vec<u8>, Vec<u8>) {
        let Rendezvous { receipts, awaiting } = &self.rendezvous;
        let unmatched = |id: &&u8| self.message(**id).notification.is_none();
        let mut members = vec![notification];
        loop {
            let may_be = |id: &&u8| members.iter().any(|one| self.may_be_of(rules, **id, *one));
            let found: Vec<u8> =
                receipts.iter().filter(unmatched).filter(may_be).copied().collect();
            let may_own = |one: &&u8| found.iter().any(|id| self.may_be_of(rules, *id, **one));
            let all: Vec<u8> = awaiting
                .iter()
                .filter(|one| **one == notification || may_own(one))
                .copied()
                .collect();
            if all == members {
                return (members, found);
            }
            members = all;
        }
    }

    /// What `resolve_awaited_receipt` reads: the receipt that must be this notification's.
    pub(super) fn resolve(&self, rules: Rules, notification: u8) -> Option<Binding> {
        if !self.rendezvous.awaits(notification) {
            return None;
        }
        let (members, found) = self.group(rules, notification);
        let place = members.iter().position(|&one| one == notification)?;
        let said = |id: &u8| self.message(*id).said;
        let same = found.windows(2).all(|pair| said(&pair[0]) == said(&pair[1]));
        let enough = found.len() == members.len();
        let ready = match rules.wait {
            Wait::None => true,
            Wait::Invocations => {
                !self.workers.iter().any(|worker| matches!(worker.step, WorkerStep::Commit(_)))
            }
            Wait::Outcomes => self.notifications.iter().all(|one| !one.is_open()),
        };
        let sure = ready && (enough || !rules.receipt_for_each) && (same || !rules.same_fate);
        let own = found.get(place).filter(|_| sure);
        let own = own.filter(|message| self.may_be_of(rules, **message, notification));
        own.map(|&message| Binding { message, notification })
    }

    /// The transaction of `resolve_awaited_receipt`: all of it or nothing.
    pub(super) fn bind(&mut self, Binding { message, notification }: Binding) {
        let status = self.status(notification);
        if self.message(message).notification.is_some()
            || !matches!(status, Some(Status::Ambiguous | Status::Sent))
        {
            return;
        }
        self.message_mut(message).notification = Some(notification);
        let said = self.message(message).said;
        let row = self.notifications[usize::from(notification)].row.as_mut();
        if let (Some(row), Some(said)) = (row, said) {
            row.status = Status::Received(said);
        }
        self.rendezvous.receipts.retain(|&one| one != message);
        self.rendezvous.awaiting.retain(|&one| one != notification);
        self.resolved |= status == Some(Status::Ambiguous);
    }

    /// Whether every receipt that a notification has is one of its own
    /// messages, or says what that one says.
    pub(super) fn receipts_are_right(&self) -> bool {
        self.notifications.iter().zip(0..).all(|(one, notification)| {
            let Some(Status::Received(said)) = one.status() else { return true };
            self.messages
                .iter()
                .any(|message| message.of == notification && message.said == Some(said))
        })
    }

    /// Whether a notification awaits its receipt though that has come, and could be no
    /// other's.
    pub(super) fn receipt_is_overlooked(&self, world: &World) -> bool {
        let waits = |one: u8| matches!(self.status(one), Some(Status::Ambiguous | Status::Sent));
        let alone =
            |message: &Message| world.notifications == 1 || message.may_be_of == 1 << message.of;
        let others = |of: u8| {
            let own = |it: &&Message| it.may_be_of & 1 << of != 0 && it.said.is_some();
            self.messages.iter().filter(own).count() > 1
        };
        self.messages.iter().any(|message| {
            message.said.is_some() && waits(message.of) && alone(message) && !others(message.of)
        })
    }
}
