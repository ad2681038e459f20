//! The protocol holds in every world; without any one of its rules it doesn't.

use super::properties::{FOUND, NOT_SENT, ONCE, OWN, SENT};
use super::receipts::Said;
use super::rules::{Rules, Wait};
use super::{Channel, RepeatId, World};
use crate::{fails, holds};

const TEMPLATE: World = World::new(&[Channel::Template]);
const SUBSCRIBE: World = World::new(&[Channel::Subscribe]);
const CUSTOMER_SERVICE: World = World::new(&[Channel::CustomerService]);
const TEMPLATE_FIRST: World = World::new(&[Channel::Template, Channel::Subscribe]);
const TEMPLATE_LAST: World = World::new(&[Channel::CustomerService, Channel::Template]);
const TWO: World = World { receipts: &[Said::Delivered, Said::Blocked], ..two(SUBSCRIBE) };
const TWO_TEMPLATES: World = two(TEMPLATE);

/// Two notifications to one person: a receipt could be either's.
const fn two(world: World) -> World {
    World { notifications: 2, faults: 2, ..world }
}

/// Three invocations at once, of which two may have outlived their leases.
const fn crowded(world: World) -> World {
    World { workers: 3, faults: 5, receipts: &[], ..world }
}

/// The world in which the code does without one of its rules.
macro_rules! without {
    ($world:expr, $($rule:ident: $value:expr),+) => {
        World { rules: Rules { $($rule: $value),+, ..Rules::WHOLE }, ..$world }
    };
}

/// Fault 33.
#[test]
fn template_message_is_shown_once() {
    holds(TEMPLATE, 10_000);
    holds(crowded(TEMPLATE), 10_000);
}

#[test]
fn subscription_message_is_shown_once() {
    holds(SUBSCRIBE, 500);
    holds(crowded(SUBSCRIBE), 500);
}

#[test]
fn customer_service_message_is_shown_once() {
    holds(CUSTOMER_SERVICE, 200);
    holds(crowded(CUSTOMER_SERVICE), 500);
}

#[test]
fn one_message_is_shown_through_two_channels() {
    holds(TEMPLATE_FIRST, 10_000);
    holds(TEMPLATE_LAST, 10_000);
    holds(crowded(TEMPLATE_FIRST), 10_000);
    holds(crowded(TEMPLATE_LAST), 10_000);
}

/// Fault 56.
#[test]
fn receipts_find_the_right_one_of_two_notifications() {
    holds(TWO, 10_000);
    holds(TWO_TEMPLATES, 10_000);
}

#[test]
fn two_workers_send_without_a_conditional_lease() {
    fails(without!(CUSTOMER_SERVICE, compare_and_set: false), ONCE);
}

/// Fault 43.
#[test]
fn late_write_lets_another_send_without_a_fence() {
    fails(without!(TEMPLATE, fence: false), ONCE);
}

#[test]
fn late_worker_repeats_without_a_clock_check() {
    fails(without!(TEMPLATE, deadline: false), ONCE);
}

#[test]
fn repeat_after_the_window_is_shown_twice() {
    fails(without!(TEMPLATE, window: false), ONCE);
}

#[test]
fn message_is_shown_twice_when_a_lost_response_counts_as_unsent() {
    fails(without!(TEMPLATE_LAST, unknown_is_not_unsent: false), ONCE);
    fails(without!(CUSTOMER_SERVICE, unknown_is_not_unsent: false), NOT_SENT);
}

#[test]
fn message_is_shown_twice_when_a_later_refusal_counts_as_unsent() {
    fails(without!(TEMPLATE_FIRST, refused_is_not_unsent: false), ONCE);
}

#[test]
fn message_is_shown_twice_when_the_intent_is_recorded_after_the_call() {
    fails(without!(SUBSCRIBE, intent_before: false), ONCE);
}

#[test]
fn message_is_shown_twice_when_an_impossible_channel_is_left() {
    fails(without!(TEMPLATE_FIRST, stays_with_channel: false), ONCE);
}

#[test]
fn receipts_are_missed_without_a_rendezvous() {
    fails(without!(SUBSCRIBE, rendezvous: false), FOUND);
}

#[test]
fn receipt_bound_at_once_may_belong_to_another() {
    fails(without!(TWO, wait: Wait::None), SENT);
}

/// Some seconds are not enough: a sender that was killed has written nothing
/// and until its lease expires no other worker does so in its place; one that is to
/// be repeated has not for up to 8 minutes.
#[test]
fn receipt_bound_while_another_is_open_may_belong_to_it() {
    fails(without!(TWO, wait: Wait::Invocations), SENT);
    fails(without!(TWO_TEMPLATES, wait: Wait::Invocations), SENT);
}

#[test]
fn wrong_one_of_different_receipts_is_bound() {
    fails(without!(TWO, same_fate: false), OWN);
}

#[test]
fn wrong_notification_is_bound_when_receipts_are_missing() {
    fails(without!(TWO, receipt_for_each: false), SENT);
}

/// What WeChat answers to a repeat is not confirmed, and 45065 has no id. So what was sent
/// by a repeat awaits its receipt under any id.
fn repeat_may_be_answered_with(repeat: RepeatId) {
    let answers = |world| World { repeat, ..world };
    holds(answers(TEMPLATE), 10_000);
    holds(answers(TWO_TEMPLATES), 10_000);
    fails(without!(answers(TWO_TEMPLATES), sent_awaits: false), SENT);
}

#[test]
fn repeat_may_be_answered_without_an_id() {
    repeat_may_be_answered_with(RepeatId::None);
}

#[test]
fn repeat_may_be_answered_with_another_id() {
    repeat_may_be_answered_with(RepeatId::Another);
}

/// Such as `{"errcode":0,"errmsg":"ok"}`.
/// Fault 56.
#[test]
fn receipt_of_a_message_without_an_id_resolves_another_when_it_is_not_counted() {
    fails(without!(TWO, sent_awaits: false), SENT);
    fails(without!(SUBSCRIBE, sent_awaits: false), FOUND);
}

#[test]
fn notification_that_never_reached_wechat_blocks_later_ones_when_nothing_is_overdue() {
    fails(without!(TWO, overdue: false), FOUND);
}

/// What the hour assumes.
#[test]
fn receipt_after_the_hour_may_be_taken_for_a_later_ones() {
    fails(World { late_receipts: true, ..TWO }, SENT);
}
