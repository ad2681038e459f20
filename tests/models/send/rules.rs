//! What the protocol consists of, so that each part can be left out.

/// When unmatched receipts may be bound to ambiguous notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// At once.
    None,
    /// When every invocation that was at work has had time to finish, or has
    /// been killed.
    Invocations,
    /// When of every notification to this person with this template the outcome
    /// is stored, if it is only `ambiguous`.
    Outcomes,
}

/// The rules, each of which can be left out to see the consequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A claim is conditional on what was read.
    pub(super) compare_and_set: bool,
    /// Every later write is conditional on the claim.
    pub(super) fence: bool,
    /// The clock is looked at right before the socket is written.
    pub(super) deadline: bool,
    /// Nothing is repeated after 8 minutes.
    pub(super) window: bool,
    /// The intent is recorded before the call, not after.
    pub(super) intent_before: bool,
    /// What is known of a call that ended without an answer: nothing.
    pub(super) unknown_is_not_unsent: bool,
    /// What is refused now may have been taken on by an earlier call.
    pub(super) refused_is_not_unsent: bool,
    /// What may have been sent through one channel isn't sent through another,
    /// though the one isn't possible any more.
    pub(super) stays_with_channel: bool,
    /// Receipts and ambiguous notifications meet.
    pub(super) rendezvous: bool,
    pub(super) wait: Wait,
    /// Receipts are bound only if all say the same.
    pub(super) same_fate: bool,
    /// No receipts are bound while there are fewer than notifications that await one.
    pub(super) receipt_for_each: bool,
    /// What was sent awaits its receipt as well, if that may name another id.
    pub(super) sent_awaits: bool,
    /// A receipt belongs to none whose own would have come long ago.
    pub(super) overdue: bool,
}

impl Rules {
    /// All of it.
    pub(super) const WHOLE: Self = Self {
        compare_and_set: true,
        fence: true,
        deadline: true,
        window: true,
        intent_before: true,
        unknown_is_not_unsent: true,
        refused_is_not_unsent: true,
        stays_with_channel: true,
        rendezvous: true,
        wait: Wait::Outcomes,
        same_fate: true,
        receipt_for_each: true,
        sent_awaits: true,
        overdue: true,
    };
}
