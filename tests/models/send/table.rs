//! The row of a notification, and the writes to it.

use super::receipts::Said;
use super::rules::Rules;
use super::wechat::WeChat;
use super::{Channel, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Status {
    InProgress,
    Retrying,
    Sent,
    /// `delivered` or `blocked`.
    Received(Said),
    Ambiguous,
    Failed,
}

impl Status {
    /// Whether it is still to be sent.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::InProgress | Self::Retrying)
    }
}

/// What time it is for a notification, counted from `intent_at`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Age {
    #[default]
    Fresh,
    /// 8 minutes are over: nothing is to be repeated any more.
    Eight,
    /// 10 minutes are over: WeChat has dropped the `client_msg_id`.
    Ten,
    /// The time in which its receipt may come is over.
    Hour,
}

/// A notification's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) status: Status,
    /// The claim's name. Names of earlier claims are all one: [`super::OLD`].
    pub(super) claim: u8,
    /// What is about to be sent, or may have been, by the place of its channel.
    pub(super) intent: Option<usize>,
    pub(super) lease_over: bool,
}

/// A notification: its row, the time, and what WeChat knows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Notification {
    pub(super) row: Option<Row>,
    pub(super) age: Age,
    pub(super) wechat: WeChat,
}

impl Notification {
    pub(super) fn status(&self) -> Option<Status> {
        self.row.map(|row| row.status)
    }

    pub(super) fn is_open(&self) -> bool {
        self.status().is_some_and(Status::is_open)
    }

    /// Whether an invocation finds something to do: no attempt has begun, `retry_at`
    /// is due, or the lease of an attempt has expired.
    pub(super) fn is_due(&self) -> bool {
        self.row.is_none_or(|row| {
            row.status == Status::Retrying || (row.status == Status::InProgress && row.lease_over)
        })
    }

    /// Records the intent. A repeat keeps the time of the
    /// first intent.
    fn record_intent(&mut self, intent: Option<usize>, repeat: bool) {
        if let Some(row) = &mut self.row {
            row.intent = intent;
        }
        if !repeat && self.wechat.remembered.is_none() {
            self.age = Age::Fresh;
        }
    }

    /// The row, if a write under this claim is let through.
    fn ours(&mut self, rules: Rules, claim: u8) -> Option<&mut Row> {
        let row = self.row.as_mut();
        row.filter(|row| !rules.fence || (row.claim == claim && row.status == Status::InProgress))
    }
}

impl State {
    fn notification(&mut self, notification: u8) -> &mut Notification {
        &mut self.notifications[usize::from(notification)]
    }

    pub(super) fn status(&self, notification: u8) -> Option<Status> {
        self.notifications[usize::from(notification)].status()
    }

    /// The claim: one write, on the condition that nothing was claimed or
    /// finished since the row was read. It records the intent.
    /// Gives the claim's name.
    pub(super) fn claim(
        &mut self,
        rules: Rules,
        notification: u8,
        seen: Option<Row>,
        intent: Option<usize>,
        repeat: bool,
    ) -> Option<u8> {
        let one = self.notification(notification);
        let names = |row: &Row| (row.claim, row.status);
        if rules.compare_and_set && one.row.as_ref().map(names) != seen.as_ref().map(names) {
            return None;
        }
        let claim = super::NEW;
        let status = Status::InProgress;
        one.row = Some(Row { status, claim, intent, lease_over: false });
        one.record_intent(intent, repeat);
        Some(claim)
    }

    /// The intent for the next channel. False if the notification is another's.
    pub(super) fn record_intent(
        &mut self,
        rules: Rules,
        notification: u8,
        claim: u8,
        intent: Option<usize>,
        repeat: bool,
    ) -> bool {
        let one = self.notification(notification);
        let ours = one.ours(rules, claim).is_some();
        if ours {
            one.record_intent(intent, repeat);
        }
        ours
    }

    /// It is to be tried again: from the start, or, if it may have been sent,
    /// through the channel of the intent.
    pub(super) fn retry(&mut self, rules: Rules, notification: u8, claim: u8, maybe_sent: bool) {
        if let Some(row) = self.notification(notification).ours(rules, claim) {
            row.status = Status::Retrying;
            row.intent = row.intent.filter(|_| maybe_sent);
        }
    }

    /// It failed for certain.
    pub(super) fn failed(&mut self, rules: Rules, notification: u8, claim: u8) {
        self.end(rules, notification, claim, Status::Failed);
    }

    /// It was sent: one transaction with the row of WeChat's message, which may
    /// hold the receipt already, and, if the receipt may name another id, with the
    /// rendezvous.
    pub(super) fn sent(
        &mut self,
        rules: Rules,
        notification: u8,
        claim: u8,
        message: Option<u8>,
        channel: Channel,
        repeat: bool,
    ) {
        if self.notification(notification).ours(rules, claim).is_none() {
            return;
        }
        let said = message.and_then(|message| self.sent_message(message, notification));
        let status = said.filter(|_| rules.rendezvous).map_or(Status::Sent, Status::Received);
        self.end(rules, notification, claim, status);
        let has_unknown_id = message.is_none() || repeat;
        if status == Status::Sent
            && has_unknown_id
            && rules.sent_awaits
            && rules.rendezvous
            && channel.has_receipts()
        {
            self.await_receipt(notification);
        }
    }

    /// It is ambiguous whether it was sent: one transaction with the rendezvous,
    /// where its receipt finds it.
    pub(super) fn ambiguous(
        &mut self,
        rules: Rules,
        notification: u8,
        claim: u8,
        channel: Channel,
    ) {
        if self.end(rules, notification, claim, Status::Ambiguous)
            && rules.rendezvous
            && channel.has_receipts()
        {
            self.await_receipt(notification);
        }
    }

    /// Nothing but a receipt changes it any more. What nothing asks for then is
    /// dropped, so that states that differ in nothing else are one.
    fn end(&mut self, rules: Rules, notification: u8, claim: u8, status: Status) -> bool {
        let row = self.notification(notification).ours(rules, claim);
        row.map(|row| *row = Row { status, claim: row.claim, intent: None, lease_over: false })
            .is_some()
    }
}
