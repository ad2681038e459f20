//! Each alarm of the template begins when the condition that it describes is met.
//!
//! The functions are driven into each condition; `local_aws::CloudWatch` keeps what they
//! and AWS measure, and evaluates the template's alarms on a clock that only these scenarios
//! move. So an alarm that looks at a metric that isn't there, under other dimensions, or with
//! a threshold that the condition doesn't reach, fails here.

mod door;
mod functions;
mod sending;

use crate::world::World;
use std::collections::BTreeSet;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Scenarios with the alarms that begin in each.
macro_rules! conditions {
    ($($(#[$doc:meta])* $scenario:ident: $module:ident [$($alarm:literal),+ $(,)?];)+) => {
        const FIRED: &[&str] = &[$($($alarm),+),+];

        $(
            $(#[$doc])*
            #[tokio::test]
            async fn $scenario() {
                let alarms = [$($alarm),+];
                let world = $module::$scenario(&alarms).await;
                for alarm in alarms {
                    assert!(world.cloudwatch.has_begun(alarm), "{alarm} has not begun");
                }
            }
        )+
    };
}

conditions! {
    token_cannot_be_refreshed: functions ["TokenExpiryAlarm"];
    passwords_are_guessed: functions ["WrongPasswordsAlarm"];
    wechat_rejects_the_address: functions ["IpWhitelistAlarm", "SendIpWhitelistAlarm"];
    tokens_are_rejected_again_and_again: functions ["TokenForcedRefreshesAlarm"];
    schedules_end: functions [
        "EventsScheduleAlarm", "FollowersScheduleAlarm", "SendScheduleAlarm", "TokenScheduleAlarm",
    ];
    functions_do_not_start: functions [
        "CallbackErrorsAlarm", "EventsErrorsAlarm", "FollowersErrorsAlarm", "LoginErrorsAlarm",
        "SendErrorsAlarm", "TokenErrorsAlarm",
    ];
    concurrency_is_used_up: functions [
        "ApiErrorsAlarm", "CallbackThrottlesAlarm", "EventsThrottlesAlarm",
        "FollowersThrottlesAlarm", "LoginThrottlesAlarm", "QueueAgeAlarm", "SendThrottlesAlarm",
        "TokenThrottlesAlarm",
    ];
    aws_is_slow: functions [
        "CallbackDurationAlarm", "EventsDurationAlarm", "LoginDurationAlarm", "SendDurationAlarm",
        "TokenDurationAlarm",
    ];
    settings_of_an_app_are_invalid: door ["CallbackConfigInvalidAlarm"];
    push_cannot_be_stored: door ["CallbackNotStoredAlarm"];
    token_is_changed_in_the_console_only: door ["CallbackBadSignatureAlarm"];
    key_is_changed_in_the_console_only: door ["CallbackUnreadableAlarm"];
    old_requests_are_sent_again: door ["CallbackStaleAlarm"];
    pushes_end: door ["PushSilenceAlarm"];
    event_is_quarantined: door ["QuarantinedEventsAlarm"];
    foreign_row_is_in_the_stream: door ["UnreadableRecordsAlarm"];
    results_of_events_cannot_be_recorded: door ["EventsDlqAlarm", "StreamAgeAlarm"];
    pending_events_are_not_attempted: door ["EventsOverdueAlarm"];
    bus_takes_no_events: door ["ForwardDlqAlarm"];
    followers_cannot_be_read: door ["UnreadableFollowersAlarm"];
    request_is_unreadable: sending ["NotificationsDlqAlarm"];
    due_rows_are_unreadable: sending ["DueRowsUnreadableAlarm", "NotificationsOverdueAlarm"];
    responses_of_wechat_are_lost: sending ["AmbiguousAlarm"];
    consents_are_unknown_to_wechat: sending ["ConsentDriftAlarm"];
    wechat_refuses_with_unknown_codes: sending ["UnknownCodesAlarm"];
}

/// Fault 112.
#[tokio::test]
async fn every_alarm_has_a_condition_that_fires_it() {
    // With all alarms that there may be.
    let world = door::with_a_bus().await;
    let fired: BTreeSet<_> = FIRED.iter().map(|alarm| (*alarm).to_owned()).collect();
    let alarms: BTreeSet<_> = world.cloudwatch.alarms().into_iter().collect();
    assert_eq!(fired, alarms);
}

/// Brings about a condition in each period that these alarms look at. None of them has begun
/// before.
async fn persist(world: &World, alarms: &[&str], condition: impl AsyncFn()) {
    world.cloudwatch.advance(MINUTE);
    let periods = alarms.iter().map(|alarm| world.cloudwatch.periods_of(alarm).unwrap());
    let (period, number) = periods.max_by_key(|(period, number)| *period * *number).unwrap();
    for alarm in alarms {
        assert!(!world.cloudwatch.has_begun(alarm), "{alarm} has begun before");
    }
    for _ in 0..number {
        condition().await;
        // What a function prints is read a little later.
        for alarm in alarms {
            world.until(alarm, || world.cloudwatch.is_breaching(alarm)).await;
        }
        world.cloudwatch.advance(period);
    }
}
