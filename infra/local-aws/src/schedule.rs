//! Invokes functions by the clock.

use std::time::Duration;

use axum::body::Bytes;
use serde_json::json;

use crate::{
    clock,
    services::{ACCOUNT, REGION, asynchronous::AsyncInvoker, lambda::BoxFuture},
    template::{Every, Schedule},
};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// Begins a schedule; the future fires until it is dropped. A rate fires at once, so that
/// the state that it maintains exists as soon as a stack runs, and counts as under way
/// when this returns; a time of day fires when it comes.
pub(crate) fn start(schedule: Schedule, invoker: AsyncInvoker) -> impl Future<Output = ()> {
    let (wait, every, first) = match schedule.every {
        Every::Rate(every) => (every, every, fire(&schedule, &invoker)),
        Every::Day(at) => (until(at, clock::now()), DAY, None),
    };
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + wait, every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    async move {
        // Firings may overlap, as they do on AWS; they all end with this task.
        let mut firings = tokio::task::JoinSet::new();
        first.map(|first| firings.spawn(first));
        loop {
            tokio::select! {
                _ = clock.tick() => {
                    fire(&schedule, &invoker).map(|firing| firings.spawn(firing));
                }
                Some(_) = firings.join_next() => {}
            }
        }
    }
}

/// How long it is until a time of day, in UTC.
fn until(at: Duration, now: Duration) -> Duration {
    let today = Duration::from_secs(now.as_secs() % DAY.as_secs());
    if at > today { at - today } else { at + DAY - today }
}

/// A schedule invokes asynchronously: the function's configuration decides on retries,
/// not the schedule's.
fn fire(schedule: &Schedule, invoker: &AsyncInvoker) -> Option<BoxFuture<'static, ()>> {
    invoker.begin(&schedule.function, Bytes::from(event(schedule, clock::now())))
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
    use crate::{scripted::Scripted, services::sqs::Queues};

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
        let asynchronous = AsyncInvoker::new(functions.clone(), queues, waits);
        let task = tokio::spawn(start(schedule(Some("{}"), true), asynchronous));
        tokio::time::sleep(Duration::from_secs(150)).await;
        assert_eq!(functions.seen().len(), 3); // at 0, 60 and 120
        task.abort();
    }
}
