//! Which receipt is whose, among notifications whose message ids are not known.

use super::status::NotificationStatus;
use crate::clock::Timestamp;
use std::collections::BTreeSet;

/// When the receipt of a notification may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReceiptPeriod {
    /// Not before it may have been sent, by our clock.
    pub(super) from: Timestamp,
    /// By WeChat's clock: a function that was down may have stored it later.
    pub(super) until: Timestamp,
}

/// When a receipt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReceiptTimes {
    /// When it was stored, by our clock.
    pub(super) recorded: Timestamp,
    /// When WeChat pushed it, by WeChat's.
    pub(super) pushed: Timestamp,
}

/// The receipts that may belong to a notification, directly or because another one that
/// may own one of them may own others.
#[derive(Debug)]
pub(super) struct Group<'a, T> {
    /// When the youngest of them was stored.
    pub(super) youngest: Timestamp,
    /// The one that must be the notification's, if that is certain: there are as many
    /// receipts as notifications, and all have the same status.
    pub(super) own: Option<&'a T>,
}

impl ReceiptPeriod {
    fn allows(self, at: ReceiptTimes) -> bool {
        self.from <= at.recorded && at.pushed < self.until
    }
}

/// The group of the notification `id`. None if no receipt may be its own.
pub(super) fn group_of<'a, T>(
    id: &str,
    awaiting: &[(String, ReceiptPeriod)],
    receipts: &'a [(ReceiptTimes, NotificationStatus, T)],
) -> Option<Group<'a, T>> {
    let start = awaiting.iter().position(|(other, _)| other == id)?;
    let (mut members, mut found) = (BTreeSet::from([start]), BTreeSet::new());
    loop {
        let is_own =
            |one: &usize| members.iter().any(|member| awaiting[*member].1.allows(receipts[*one].0));
        found = (0..receipts.len()).filter(|one| found.contains(one) || is_own(one)).collect();
        let may_own = |one: &usize| {
            found.iter().any(|receipt: &usize| awaiting[*one].1.allows(receipts[*receipt].0))
        };
        let all: BTreeSet<_> =
            (0..awaiting.len()).filter(|one| members.contains(one) || may_own(one)).collect();
        if all == members {
            break;
        }
        members = all;
    }
    // The first of those sent gets the first receipt, and so on: the order in which
    // they are resolved changes nothing.
    let mut members: Vec<_> = members.into_iter().map(|one| &awaiting[one]).collect();
    members.sort_by_key(|(id, period)| (*period, id.clone()));
    let mut found: Vec<_> = found.into_iter().map(|one| &receipts[one]).collect();
    found.sort_by_key(|(at, ..)| *at);
    let youngest = found.iter().map(|(at, ..)| at.recorded).max()?;
    let alike = found.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let is_certain = alike && found.len() == members.len();
    let place = members.iter().position(|(other, _)| other == id)?;
    let own = found.get(place).filter(|(at, ..)| is_certain && members[place].1.allows(*at));
    Some(Group { youngest, own: own.map(|(.., receipt)| receipt) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn sent(id: &str, at: u64) -> (String, ReceiptPeriod) {
        let period = ReceiptPeriod { from: Timestamp(at), until: Timestamp(at + HOUR) };
        (id.to_owned(), period)
    }

    fn receipt(at: u64, status: NotificationStatus) -> (ReceiptTimes, NotificationStatus, u64) {
        (ReceiptTimes { recorded: Timestamp(at), pushed: Timestamp(at) }, status, at)
    }

    /// Whose receipt is certain, in the order of the notifications.
    fn resolved(
        awaiting: &[(String, ReceiptPeriod)],
        receipts: &[(ReceiptTimes, NotificationStatus, u64)],
    ) -> Vec<Option<u64>> {
        let own = |(id, _): &(String, _)| group_of(id, awaiting, receipts)?.own.copied();
        awaiting.iter().map(own).collect()
    }

    use NotificationStatus::{Blocked, Delivered};

    #[test]
    fn receipt_belongs_to_the_only_notification_that_awaits_one() {
        assert_eq!(resolved(&[sent("a", 10)], &[receipt(12, Delivered)]), [Some(12)]);
        // It is of another message: WeChat pushed it before, or too late.
        assert_eq!(resolved(&[sent("a", 10)], &[receipt(9, Delivered)]), [None]);
        assert_eq!(resolved(&[sent("a", 10)], &[receipt(10 + HOUR, Delivered)]), [None]);
        assert_eq!(resolved(&[sent("a", 10)], &[]), [None]);
    }

    #[test]
    fn one_receipt_of_two_belongs_to_neither() {
        let two = [sent("a", 10), sent("b", 20)];
        assert_eq!(resolved(&two, &[receipt(22, Delivered)]), [None, None]);
        // It was pushed before the second was sent.
        assert_eq!(resolved(&two, &[receipt(12, Delivered)]), [Some(12), None]);
    }

    #[test]
    fn as_many_equal_receipts_as_notifications_are_matched_in_order() {
        let two = [sent("b", 20), sent("a", 10)];
        let receipts = [receipt(22, Delivered), receipt(21, Delivered)];
        assert_eq!(resolved(&two, &receipts), [Some(22), Some(21)]);
        let different = [receipt(22, Delivered), receipt(21, Blocked)];
        assert_eq!(resolved(&two, &different), [None, None]);
        let more = [receipt(22, Delivered), receipt(21, Delivered), receipt(23, Delivered)];
        assert_eq!(resolved(&two, &more), [None, None]);
    }

    #[test]
    fn overdue_notification_does_not_block_later_ones() {
        let ghost = sent("ghost", 10);
        let later = sent("later", 20 + HOUR);
        let receipts = [receipt(22 + HOUR, Delivered)];
        assert_eq!(resolved(&[ghost.clone(), later], &receipts), [None, Some(22 + HOUR)]);
        // This one was sent while the ghost's receipt could still come.
        let soon = sent("soon", HOUR - 10);
        assert_eq!(resolved(&[ghost, soon], &[receipt(HOUR, Delivered)]), [None, None]);
    }

    #[test]
    fn group_includes_what_others_in_it_may_own() {
        // The second receipt may be b's only, but then the first may be a's or b's.
        let (a, b) = (sent("a", 10), sent("b", 2000));
        let receipts = [receipt(2001, Delivered), receipt(20 + HOUR, Delivered)];
        assert_eq!(resolved(&[a.clone(), b.clone()], &receipts), [Some(2001), Some(20 + HOUR)]);
        let receipts = [receipt(2001, Delivered), receipt(20 + HOUR, Blocked)];
        assert_eq!(resolved(&[a, b], &receipts), [None, None]);
    }

    #[test]
    fn late_storage_does_not_make_a_receipt_overdue() {
        let at = ReceiptTimes { recorded: Timestamp(10 + 5 * HOUR), pushed: Timestamp(12) };
        assert_eq!(resolved(&[sent("a", 10)], &[(at, Delivered, 1)]), [Some(1)]);
        // By WeChat's clock it came before it was sent.
        let at = ReceiptTimes { recorded: Timestamp(12), pushed: Timestamp(7) };
        assert_eq!(resolved(&[sent("a", 10)], &[(at, Delivered, 1)]), [Some(1)]);
    }
}
