//! WeChat's messages, their rows, and how receipts find notifications.

use super::rules::{Rules, Wait};
use super::table::Status;
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
}

impl Message {
    pub(super) fn for_notification(notification: u8) -> Self {
        Self { of: notification, notification: None, said: None, event: Event::ToCome }
    }
}

/// The row of the receipt key (app, person and template), by which receipts that
/// arrive first meet notifications that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rendezvous {
    receipts: Vec<u8>,
    ambiguous: Vec<u8>,
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
        let message = self.message_mut(id);
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
                if let Some(row) = row.as_mut().filter(|row| row.status == Status::Sent) {
                    row.status = Status::Received(said);
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

    /// Of the transaction that stores `ambiguous` the rendezvous' part.
    pub(super) fn await_receipt(&mut self, notification: u8) {
        self.rendezvous.ambiguous.push(notification);
        self.rendezvous.ambiguous.sort_unstable();
    }

    /// What `settle` reads: the receipt that must be this notification's.
    pub(super) fn resolve(&self, rules: Rules, notification: u8) -> Option<Binding> {
        let Rendezvous { receipts, ambiguous } = &self.rendezvous;
        let place = ambiguous.iter().position(|&one| one == notification)?;
        let unmatched = |id: &u8| self.message(*id).notification.is_none();
        let unmatched: Vec<u8> = receipts.iter().copied().filter(unmatched).collect();
        let said = |id: &u8| self.message(*id).said;
        let same = unmatched.windows(2).all(|pair| said(&pair[0]) == said(&pair[1]));
        let enough = unmatched.len() >= ambiguous.len();
        let ready = match rules.wait {
            Wait::None => true,
            Wait::Invocations => {
                !self.workers.iter().any(|worker| matches!(worker.step, WorkerStep::Commit(_)))
            }
            Wait::Outcomes => self.notifications.iter().all(|one| !one.is_open()),
        };
        let sure = ready && (enough || !rules.receipt_for_each) && (same || !rules.same_fate);
        unmatched.get(place).filter(|_| sure).map(|&message| Binding { message, notification })
    }

    /// The transaction of `settle`: all of it or nothing.
    pub(super) fn bind(&mut self, Binding { message, notification }: Binding) {
        if self.message(message).notification.is_some()
            || self.status(notification) != Some(Status::Ambiguous)
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
        self.rendezvous.ambiguous.retain(|&one| one != notification);
        self.resolved = true;
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

    /// Whether a notification is ambiguous though its own receipt has come, and
    /// no other notification's outcome makes that one doubtful.
    pub(super) fn receipt_is_overlooked(&self, world: &World) -> bool {
        let alone = world.notifications == 1;
        let ambiguous = |notification| self.status(notification) == Some(Status::Ambiguous);
        alone && self.messages.iter().any(|message| ambiguous(message.of) && message.said.is_some())
    }
}
