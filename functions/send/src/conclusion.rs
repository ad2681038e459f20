//! What it means that no channel did.

use crate::channel::Why;
use crate::report::SkippedChannel;
use shared::store::NotificationStatus;
use shared::wechat::refusal::{ErrorClass, Refusal};

/// What a refusal says of the person: WeChat may know better than our tables
/// who has consented, and who can be written to.
pub(crate) fn why(refusal: &Refusal) -> Why {
    match (refusal.class(), refusal.code) {
        (_, 43101) => Why::NoConsent,
        (ErrorClass::Unreachable, _) | (_, 45047) => Why::Unreachable,
        _ => Why::Refused,
    }
}

/// A refusal says more than a missing consent, and that more than a missing
/// route.
pub(crate) fn worse(one: Why, other: Why) -> Why {
    let weight = |why| match why {
        Why::Unreachable => 0,
        Why::NoConsent => 1,
        Why::Refused => 2,
    };
    if weight(other) > weight(one) { other } else { one }
}

/// How a notification ends that no channel carried, and why.
pub(crate) fn conclusion(
    worst: Why,
    is_unknown: bool,
    skipped: &[SkippedChannel],
) -> (NotificationStatus, &'static str) {
    match worst {
        _ if skipped.is_empty() => {
            (NotificationStatus::Unreachable, "the template has none of the channels asked for")
        }
        Why::Unreachable if is_unknown => (
            NotificationStatus::Unreachable,
            "the person has never been seen: they neither follow an Official Account nor have logged in to a mini program",
        ),
        Why::Unreachable => {
            (NotificationStatus::Unreachable, "no channel reaches the person; skipped says why not")
        }
        Why::NoConsent => (
            NotificationStatus::NoConsent,
            "the person has not consented to this message; ask with wx.requestSubscribeMessage in the mini program",
        ),
        Why::Refused => {
            (NotificationStatus::Failed, "WeChat or the template refuses it; skipped says why")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_may_mean_that_the_person_can_not_be_reached() {
        let why = |code| why(&Refusal { code, message: String::new(), rid: None });
        assert_eq!(why(43101), Why::NoConsent);
        for code in [43004, 45015, 45047, 48002, 41028] {
            assert_eq!(why(code), Why::Unreachable, "{code}");
        }
        for code in [47003, 40037, 48001] {
            assert_eq!(why(code), Why::Refused, "{code}");
        }
    }
}
