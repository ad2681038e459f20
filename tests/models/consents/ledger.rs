//! The items of a person's consents to one template, and the writes to them.

use super::{Act, Rules, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Consent {
    Free,
    /// By this notification.
    Reserved(u8),
    Used(u8),
    Invalidated,
    Revoked,
}

/// An item `consent#…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Item {
    /// When it was granted, which names the consent as well.
    pub(super) granted_at: u8,
    pub(super) consent: Consent,
    /// WeChat knew of no consent since it was granted, and all that was free is
    /// revoked.
    pub(super) void: bool,
}

impl Item {
    fn free(granted_at: u8) -> Self {
        Self { granted_at, consent: Consent::Free, void: false }
    }
}

/// A withdrawal whose mark is written: what is to be revoked yet, once that has
/// been read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Revocation {
    pub(super) at: u8,
    pub(super) items: Option<Vec<usize>>,
}

/// All that the users table says of this person and template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    pub(super) items: Vec<Item>,
    /// The item `withdrawn#…`.
    pub(super) withdrawn_at: Option<u8>,
    /// The item `refused#…`.
    pub(super) refused_at: Option<u8>,
    /// How many consents were granted.
    pub(super) granted: usize,
}

impl Ledger {
    /// Whether the consent has ended, as far as a mark says.
    fn ended(mark: Option<u8>, granted_at: u8) -> bool {
        mark.is_some_and(|at| at >= granted_at)
    }

    /// `grant_consent`: one transaction.
    pub(super) fn grant(&mut self, rules: Rules, granted_at: u8) {
        let known = self.items.iter().any(|item| item.granted_at == granted_at);
        let withdrawn = Self::ended(self.withdrawn_at, granted_at);
        if (known && rules.grants_by_event) || (withdrawn && rules.grant_sees_withdrawal) {
            return;
        }
        self.items.push(Item::free(granted_at));
        self.granted += usize::from(!known);
    }

    /// `open_consents`: the oldest one that is free.
    pub(super) fn free(&self) -> Option<usize> {
        let free = self.items.iter().zip(0..).filter(|(item, _)| item.consent == Consent::Free);
        free.min_by_key(|(item, _)| item.granted_at).map(|(_, at)| at)
    }

    /// `reserve`, as a part of the transaction of the intent. False if
    /// that can't be done.
    pub(super) fn reserve(&mut self, rules: Rules, item: usize, notification: u8) -> bool {
        let consent = &mut self.items[item].consent;
        let free = [Consent::Free, Consent::Reserved(notification)].contains(consent);
        if free || !rules.reserves_what_is_free {
            *consent = Consent::Reserved(notification);
        }
        free || !rules.reserves_what_is_free
    }

    /// A step from reserved on. False if it isn't reserved by this notification.
    pub(super) fn end(&mut self, item: usize, notification: u8, to: Consent) -> bool {
        let consent = &mut self.items[item].consent;
        let ours = *consent == Consent::Reserved(notification);
        if ours {
            *consent = to;
        }
        ours
    }

    /// The transaction of `release`. False if its conditions don't hold.
    pub(super) fn release(&mut self, rules: Rules, item: usize, notification: u8) -> bool {
        let granted_at = self.items[item].granted_at;
        if !rules.refunds_items {
            self.items.push(Item::free(granted_at));
            return true;
        }
        let withdrawn = rules.refund_sees_withdrawal && Self::ended(self.withdrawn_at, granted_at);
        let refused = rules.refund_sees_refusal && Self::ended(self.refused_at, granted_at);
        !withdrawn && !refused && self.end(item, notification, Consent::Free)
    }

    /// What `revoke` reads.
    pub(super) fn to_revoke(&self, at: u8) -> Vec<usize> {
        let due = |item: &Item| item.consent == Consent::Free && item.granted_at <= at;
        (0..self.items.len()).filter(|&item| due(&self.items[item])).collect()
    }

    /// What it writes, one after the other.
    pub(super) fn revoke(&mut self, item: usize) {
        let consent = &mut self.items[item].consent;
        if *consent == Consent::Free {
            *consent = Consent::Revoked;
        }
    }

    /// `revoke` after a refusal, and which consents it concerned.
    pub(super) fn refused(&mut self, asked: u8) {
        for item in self.to_revoke(asked) {
            self.revoke(item);
        }
        for item in self.items.iter_mut().filter(|item| item.granted_at <= asked) {
            item.void = true;
        }
    }

    /// Whether every consent is revoked for a reason.
    pub(super) fn revoked_for_a_reason(&self) -> bool {
        self.items.iter().filter(|item| item.consent == Consent::Revoked).all(|item| {
            Self::ended(self.withdrawn_at, item.granted_at)
                || Self::ended(self.refused_at, item.granted_at)
        })
    }
}

impl World {
    /// How many consents the person has given until then.
    pub(super) fn consents(&self, now: u8) -> usize {
        self.script.iter().take(now.into()).filter(|&&act| act == Act::Consents).count()
    }
}
