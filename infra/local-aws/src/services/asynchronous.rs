//! Asynchronous invocations: Lambda queues an event and retries its function.
//!
//! Source: Lambda developer guide, "How Lambda handles errors and retries with
//! asynchronous invocation" and "Capturing records of Lambda asynchronous
//! invocations".

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    invoke::{BoxFuture, FunctionResponse, Invoke, InvokeError, arn},
    sqs::Queues,
};
use crate::clock;

/// How long an event waits when its function is at its limit, at first and at most.
const THROTTLED_AT_FIRST: Duration = Duration::from_millis(100);
const THROTTLED_AT_MOST: Duration = Duration::from_secs(5);

/// Invokes functions asynchronously. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AsyncInvoker {
    functions: Arc<dyn Invoke>,
    queues: Queues,
    /// The waits before an event's second and third attempt.
    waits: [Duration; 2],
}

impl AsyncInvoker {
    pub(crate) fn new(functions: Arc<dyn Invoke>, queues: Queues, waits: [Duration; 2]) -> Self {
        Self { functions, queues, waits }
    }

    /// Begins to invoke a function: the invocation counts as under way when this returns,
    /// so that a cloud with an event on its way never looks idle. The rest of the work is
    /// the future; `None` if it is done already.
    pub(crate) fn begin(&self, function: &str, event: Bytes) -> Option<BoxFuture<'static, ()>> {
        let (invoker, function) = (self.clone(), function.to_owned());
        let mut invocation: BoxFuture<'static, ()> =
            Box::pin(async move { invoker.invoke(&function, event).await });
        let mut context = Context::from_waker(Waker::noop());
        invocation.as_mut().poll(&mut context).is_pending().then_some(invocation)
    }

    /// Invokes a function until it has dealt with the event, or the event is given up.
    pub(crate) async fn invoke(&self, function: &str, event: Bytes) {
        let config = self.functions.event_invoke_config(function);
        let begun = Instant::now();
        let mut waits = self.waits.iter().copied().take(config.retries);
        let mut throttled = THROTTLED_AT_FIRST;
        let mut attempts = 0;
        loop {
            let wait = match self.functions.invoke(function, event.clone()).await {
                Ok(FunctionResponse::Ok(_)) => return,
                Ok(FunctionResponse::FunctionError(error)) => {
                    attempts += 1;
                    match waits.next() {
                        Some(wait) if begun.elapsed() + wait <= config.oldest => wait,
                        Some(_) => {
                            let why = "EventAgeExceeded";
                            return self.give_up(function, &event, why, attempts, Some(&error));
                        }
                        None => {
                            let why = "RetriesExhausted";
                            return self.give_up(function, &event, why, attempts, Some(&error));
                        }
                    }
                }
                Err(InvokeError::NotFound) => {
                    tracing::warn!(function, "an event is given up: its function is gone");
                    return;
                }
                Err(InvokeError::Throttled) if begun.elapsed() < config.oldest => {
                    let wait = throttled;
                    throttled = (throttled * 2).min(THROTTLED_AT_MOST);
                    wait
                }
                Err(InvokeError::Throttled) => {
                    return self.give_up(function, &event, "EventAgeExceeded", attempts, None);
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends the event to the failure queue, if there is one.
    fn give_up(
        &self,
        function: &str,
        event: &[u8],
        condition: &str,
        attempts: usize,
        error: Option<&Bytes>,
    ) {
        tracing::warn!(function, attempts, "an event is given up: {condition}");
        let Some(queue) = self.functions.event_invoke_config(function).on_failure else { return };
        let read = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap_or_default();
        let mut record = json!({
            "version": "1.0",
            "timestamp": clock::rfc3339_millis(clock::now()),
            "requestContext": {
                "requestId": uuid::Uuid::new_v4().to_string(),
                "functionArn": format!("{}:$LATEST", arn(function)),
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": read(event),
        });
        if let Some(error) = error {
            record["responseContext"] = json!({
                "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
            });
            record["responsePayload"] = read(error);
        }
        if let Err(error) = self.queues.send(&queue, record.to_string()) {
            tracing::warn!(function, queue, "the failure queue can't be told: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{EventInvokeConfig, invoke::InvokeResult};
    use std::{collections::VecDeque, sync::Mutex};

    /// Comes to these one after the other, and then succeeds.
    struct Script {
        outcomes: Mutex<VecDeque<InvokeResult>>,
        config: EventInvokeConfig,
    }

    impl Invoke for Script {
        fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'_, InvokeResult> {
            let outcome = self.outcomes.lock().unwrap().pop_front();
            Box::pin(async move { outcome.unwrap_or(Ok(FunctionResponse::Ok(payload))) })
        }

        fn event_invoke_config(&self, _: &str) -> EventInvokeConfig {
            self.config.clone()
        }
    }

    /// How many of the outcomes are left, and what the failure queue received.
    async fn outcome(
        outcomes: impl IntoIterator<Item = InvokeResult>,
        config: EventInvokeConfig,
    ) -> (usize, Option<Value>) {
        let queues = Queues::open(None).unwrap();
        queues.create("dead", &std::collections::BTreeMap::new()).unwrap();
        let config = EventInvokeConfig { on_failure: Some("dead".to_owned()), ..config };
        let outcomes = Mutex::new(outcomes.into_iter().collect());
        let script = Arc::new(Script { outcomes, config });
        let waits = [Duration::from_secs(60), Duration::from_secs(120)];
        let asynchronous = AsyncInvoker::new(script.clone(), queues.clone(), waits);
        asynchronous.invoke("send", Bytes::from_static(b"{\"id\":\"a\"}")).await;
        let told = queues.receive("dead", 1, Duration::ZERO).await.unwrap();
        let left = script.outcomes.lock().unwrap().len();
        (left, told.first().map(|message| serde_json::from_str(&message.body).unwrap()))
    }

    fn fails() -> InvokeResult {
        Ok(FunctionResponse::FunctionError(Bytes::from_static(b"{\"errorType\":\"Oops\"}")))
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_tried_as_often_as_the_configuration_says() {
        for (retries, failures, left) in [(2, 2, 0), (2, 5, 2), (0, 3, 2), (1, 3, 1)] {
            let config = EventInvokeConfig { retries, ..EventInvokeConfig::default() };
            let (found, told) = outcome((0..failures).map(|_| fails()), config).await;
            assert_eq!(found, left, "{retries}");
            assert_eq!(told.is_some(), failures > retries + 1 || retries == 0);
            let Some(told) = told else { continue };
            assert_eq!(told["requestContext"]["condition"], "RetriesExhausted");
            assert_eq!(told["requestContext"]["approximateInvokeCount"], retries + 1);
            assert_eq!(told["requestPayload"], json!({ "id": "a" }));
            assert_eq!(told["responsePayload"]["errorType"], "Oops");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_is_too_old_is_given_up() {
        let oldest = Duration::from_secs(90);
        let config = EventInvokeConfig { oldest, ..EventInvokeConfig::default() };
        let (left, told) = outcome((0..3).map(|_| fails()), config.clone()).await;
        assert_eq!(left, 1, "the second wait would be too long");
        assert_eq!(told.unwrap()["requestContext"]["condition"], "EventAgeExceeded");

        let throttled = || (0..1000).map(|_| Err(InvokeError::Throttled));
        let (left, told) = outcome(throttled(), config).await;
        assert!(left > 900, "{left}");
        let told = told.unwrap();
        assert_eq!(told["requestContext"]["approximateInvokeCount"], 0);
        assert!(told["responseContext"].is_null());
        let (_, told) = outcome(throttled().take(20), EventInvokeConfig::default()).await;
        assert_eq!(told, None, "six hours are enough");
    }
}
