//! Invokes functions by the clock.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use serde_json::json;

use crate::{
    aws::{
        ACCOUNT, REGION,
        lambda::{Answer, Invoke},
    },
    clock,
    template::{Every, Schedule},
};

/// A schedule invokes asynchronously, so Lambda tries twice more when the
/// function fails ("Configuring error handling settings for asynchronous
/// invocation": after one minute, then two). Here it is a matter of seconds, as
/// it is for events that clients send.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Fires until the task is aborted: at once, so that a stack is in order as
/// soon as it runs, and then at the schedule's rate.
pub(crate) async fn keep(schedule: Schedule, functions: Arc<dyn Invoke>) {
    let Every::Rate(every) = schedule.every;
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // Firings may overlap, as they do on AWS; they all end with this task.
    let mut firings = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            _ = clock.tick() => {
                let (schedule, functions) = (schedule.clone(), functions.clone());
                firings.spawn(async move { fire(&schedule, functions.as_ref()).await });
            }
            Some(_) = firings.join_next() => {}
        }
    }
}

async fn fire(schedule: &Schedule, functions: &dyn Invoke) {
    let event = Bytes::from(event(schedule, clock::now()));
    let mut retries = RETRIES.into_iter();
    loop {
        match functions.invoke(&schedule.function, event.clone()).await {
            Ok(Answer::Ok(_)) => return,
            Ok(Answer::FunctionError(_)) | Err(_) => match retries.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    tracing::warn!(
                        schedule = schedule.name,
                        "given up after three attempts, until the next time"
                    );
                    return;
                }
            },
        }
    }
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::aws::lambda::{BoxFuture, FunctionSummary, InvokeError};

    /// Fails as often as it is told to, then succeeds.
    struct Failing {
        times: usize,
        invoked: AtomicUsize,
    }

    impl Invoke for Failing {
        fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'_, Result<Answer, InvokeError>> {
            let nth = self.invoked.fetch_add(1, Ordering::SeqCst);
            let fails = nth < self.times;
            Box::pin(async move {
                Ok(if fails { Answer::FunctionError(payload) } else { Answer::Ok(payload) })
            })
        }

        fn list(&self) -> Vec<FunctionSummary> {
            Vec::new()
        }
    }

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

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_at_once_and_then_at_its_rate() {
        let functions = Arc::new(Failing { times: 0, invoked: AtomicUsize::default() });
        let task = tokio::spawn(keep(schedule(None, true), functions.clone()));
        tokio::time::sleep(Duration::from_secs(150)).await;
        assert_eq!(functions.invoked.load(Ordering::SeqCst), 3); // at 0, 60 and 120
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_twice_more() {
        for (times, invoked) in [(1, 2), (2, 3), (9, 3)] {
            let functions = Failing { times, invoked: AtomicUsize::default() };
            fire(&schedule(None, true), &functions).await;
            assert_eq!(functions.invoked.load(Ordering::SeqCst), invoked);
        }
    }
}
