//! Invokes functions by the clock.

use std::time::Duration;

use axum::body::Bytes;
use serde_json::json;

use crate::{
    aws::{ACCOUNT, REGION, asynchronous::Asynchronous},
    clock,
    template::{Every, Schedule},
};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// Fires until the task is aborted: a rate at once, so that a stack is in order as
/// soon as it runs, and then as often as it says; a time of day when it comes.
pub(crate) async fn keep(schedule: Schedule, asynchronous: Asynchronous) {
    let (wait, every) = match schedule.every {
        Every::Rate(every) => (Duration::ZERO, every),
        Every::Day(at) => (until(at, clock::now()), DAY),
    };
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + wait, every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // Firings may overlap, as they do on AWS; they all end with this task.
    let mut firings = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            _ = clock.tick() => {
                let (schedule, asynchronous) = (schedule.clone(), asynchronous.clone());
                firings.spawn(async move { fire(&schedule, &asynchronous).await });
            }
            Some(_) = firings.join_next() => {}
        }
    }
}

/// How long it is until a time of day, in UTC.
fn until(at: Duration, now: Duration) -> Duration {
    let today = Duration::from_secs(now.as_secs() % DAY.as_secs());
    if at > today { at - today } else { at + DAY - today }
}

/// A schedule invokes asynchronously: whether a failure is tried again is
/// configured for the function, not for the schedule.
async fn fire(schedule: &Schedule, asynchronous: &Asynchronous) {
    let event = Bytes::from(event(schedule, clock::now()));
    asynchronous.invoke(&schedule.function, event).await;
}

/// What the function is told: the template's `Input`, or the event that the
/// Scheduler (with `detail` as a text, oddly) or a rule of EventBridge sends.
fn event(schedule: &Schedule, now: Duration) -> String {
    if let Some(input) = &schedule.input {
        return input.clone();
    }
    let (source, kind, detail) = if schedule.scheduler {
        ("aws.scheduler", format!("scheduler:{REGION}:{ACCOUNT}:schedule/default"), json!("{}"))
    } else {
        ("aws.events", format!("events:{REGION}:{ACCOUNT}:rule"), json!({}))
    };
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": source,
        "account": ACCOUNT,
        "time": clock::rfc3339(now),
        "region": REGION,
        "resources": [format!("arn:aws:{kind}/{}", schedule.name)],
        "detail": detail,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{aws::sqs::Queues, scripted::Scripted};

    fn schedule(input: Option<&str>, scheduler: bool) -> Schedule {
        Schedule {
            name: "Refresh".to_owned(),
            function: "token".to_owned(),
            every: Every::Rate(Duration::from_secs(60)),
            input: input.map(str::to_owned),
            scheduler,
        }
    }

    #[test]
    fn events_are_those_of_eventbridge() {
        let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let at = Duration::from_secs(0);
        let scheduled = read(event(&schedule(None, true), at));
        assert_eq!(scheduled["source"], "aws.scheduler");
        assert_eq!(scheduled["detail"], "{}");
        assert_eq!(scheduled["time"], "1970-01-01T00:00:00Z");
        assert_eq!(
            scheduled["resources"][0],
            "arn:aws:scheduler:us-east-1:000000000000:schedule/default/Refresh"
        );
        let ruled = read(event(&schedule(None, false), at));
        assert_eq!((&ruled["source"], &ruled["detail"]), (&json!("aws.events"), &json!({})));
        assert_eq!(event(&schedule(Some("{\"a\":1}"), true), at), "{\"a\":1}");
    }

    #[test]
    fn a_time_of_day_comes_once_a_day() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let now = hours(20_000 * 24 + 15);
        assert_eq!(until(hours(19), now), hours(4));
        assert_eq!(until(hours(3), now), hours(12));
        assert_eq!(until(hours(15), now), hours(24));
    }

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_at_once_and_then_at_its_rate() {
        let functions = Arc::new(Scripted::with([]));
        let queues = Queues::open(None).unwrap();
        let waits = [Duration::from_secs(1); 2];
        let asynchronous = Asynchronous::new(functions.clone(), queues, waits);
        let task = tokio::spawn(keep(schedule(Some("{}"), true), asynchronous));
        tokio::time::sleep(Duration::from_secs(150)).await;
        assert_eq!(functions.seen().len(), 3); // at 0, 60 and 120
        task.abort();
    }
}
