//! The ledger keeps to the consents; without any one of its rules it doesn't.

use super::{Act, COUNTED, GIVEN_BACK, PAID, Rules, USED, VOID, WITHDRAWN, World};
use crate::{fails, holds};

/// One consent for two notifications.
const ONE: World = World {
    script: &[Act::Consents],
    times: 2,
    notifications: 2,
    workers: 2,
    faults: 2,
    rules: Rules::WHOLE,
};
const CONSENT_WITHDRAWN: World =
    World { script: &[Act::Consents, Act::Withdraws], faults: 1, ..ONE };
const CONSENT_RENEWED: World =
    World { script: &[Act::Consents, Act::Withdraws, Act::Consents], times: 1, faults: 1, ..ONE };
const TWO: World = World { script: &[Act::Consents; 2], times: 1, ..ONE };

/// The world in which the code does without one of its rules.
macro_rules! without {
    ($world:expr, $rule:ident) => {
        World { rules: Rules { $rule: false, ..Rules::WHOLE }, ..$world }
    };
}

/// Fault 49.
#[test]
fn one_consent_pays_for_one_of_two_messages() {
    holds(ONE, 1000);
    holds(TWO, 1000);
}

#[test]
fn withdrawal_voids_earlier_consents() {
    holds(CONSENT_WITHDRAWN, 1000);
    holds(CONSENT_RENEWED, 1000);
}

#[test]
fn unconditional_reservation_pays_twice() {
    fails(without!(ONE, reserves_what_is_free), PAID);
}

#[test]
fn counter_is_released_twice() {
    fails(without!(ONE, refunds_items), COUNTED);
    fails(without!(ONE, refunds_items), PAID);
}

#[test]
fn consent_released_after_a_withdrawal_is_used() {
    fails(without!(CONSENT_WITHDRAWN, refund_sees_withdrawal), WITHDRAWN);
}

#[test]
fn consent_released_after_a_refusal_is_free() {
    fails(without!(TWO, refund_sees_refusal), VOID);
}

#[test]
fn consent_that_arrives_after_its_withdrawal_is_used() {
    fails(without!(CONSENT_WITHDRAWN, grant_sees_withdrawal), WITHDRAWN);
}

#[test]
fn duplicate_event_grants_twice() {
    fails(without!(ONE, grants_by_event), COUNTED);
    fails(without!(ONE, grants_by_event), PAID);
}

#[test]
fn consent_used_by_a_separate_write_stays_reserved() {
    fails(without!(ONE, used_with_sent), USED);
    fails(without!(ONE, used_with_sent), GIVEN_BACK);
}
