//! What it means that no channel did.

use crate::channel::context::SkipReason;
use crate::response::SkippedChannel;
use shared::store::NotificationStatus;
use shared::wechat::refusal::{Class, Refusal};

/// What a refusal says of the person: WeChat may know better than our tables
/// who has consented, and who can be written to.
pub(crate) fn skip_reason(refusal: &Refusal) -> SkipReason {
    match (refusal.class(), refusal.code) {
        (_, 43101) => SkipReason::NoConsent,
        (Class::Unreachable, _) | (_, 45047) => SkipReason::Unreachable,
        _ => SkipReason::Refused,
    }
}

/// A refusal says more than a missing consent, and that more than a missing
/// route.
pub(crate) fn most_severe(one: SkipReason, other: SkipReason) -> SkipReason {
    let weight = |why| match why {
        SkipReason::Unreachable => 0,
        SkipReason::NoConsent => 1,
        SkipReason::Refused => 2,
    };
    if weight(other) > weight(one) { other } else { one }
}

/// How a notification ends that no channel carried, and why.
pub(crate) fn final_status(
    worst: SkipReason,
    is_unknown: bool,
    skipped: &[SkippedChannel],
) -> (NotificationStatus, &'static str) {
    match worst {
        _ if skipped.is_empty() => {
            (NotificationStatus::Unreachable, "the template has none of the channels asked for")
        }
        SkipReason::Unreachable if is_unknown => (
            NotificationStatus::Unreachable,
            "the person has never been seen: they neither follow an Official Account nor have logged in to a mini program",
        ),
        SkipReason::Unreachable => {
            (NotificationStatus::Unreachable, "no channel reaches the person; skipped says why not")
        }
        SkipReason::NoConsent => (
            NotificationStatus::NoConsent,
            "the person has not consented to this message; ask with wx.requestSubscribeMessage in the mini program",
        ),
        SkipReason::Refused => {
            (NotificationStatus::Failed, "WeChat or the template refuses it; skipped says why")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_may_mean_that_the_person_can_not_be_reached() {
        let reason = |code| skip_reason(&Refusal { code, message: String::new(), rid: None });
        assert_eq!(reason(43101), SkipReason::NoConsent);
        for code in [43004, 45015, 45047, 48002, 41028] {
            assert_eq!(reason(code), SkipReason::Unreachable, "{code}");
        }
        for code in [47003, 40037, 48001] {
            assert_eq!(reason(code), SkipReason::Refused, "{code}");
        }
    }
}
