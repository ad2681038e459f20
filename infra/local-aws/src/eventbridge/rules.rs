//! Rules: events of a bus invoke functions.
//!
//! EventBridge user guide, "Event patterns" (they are those of event filtering,
//! [`crate::filter`]) and "Using resource-based policies" (a function is invoked
//! asynchronously, so what fails is Lambda's to try again).

use axum::body::Bytes;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    eventbridge::buses::{Buses, PublishedEvent},
    services::asynchronous::AsyncInvoker,
    template::Rule,
};

/// Invokes the functions whose rules fit what arrives, until the task is aborted.
pub(crate) async fn keep(
    rules: Vec<Rule>,
    buses: Buses,
    mut arrivals: mpsc::UnboundedReceiver<PublishedEvent>,
    asynchronous: AsyncInvoker,
) {
    let mut invocations = JoinSet::new();
    loop {
        tokio::select! {
            Some(arrival) = arrivals.recv() => {
                let fits = |rule: &&Rule| {
                    rule.bus == arrival.bus && rule.pattern.pass(&arrival.event)
                };
                let event = Bytes::from(arrival.event.to_string());
                for rule in rules.iter().filter(fits) {
                    if let Some(invocation) = asynchronous.begin(&rule.function, event.clone()) {
                        invocations.spawn(invocation);
                    }
                }
                buses.delivered();
            }
            Some(_) = invocations.join_next() => {}
            else => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::eventbridge::buses::Entry;
    use crate::filter::Filters;
    use crate::services::{
        lambda::{BoxFuture, FunctionResponse, Invoke, InvokeResult},
        sqs::Queues,
    };

    /// Notes who was invoked with what.
    #[derive(Default)]
    struct Noted(Mutex<Vec<(String, Json)>>);

    impl Invoke for Noted {
        fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'_, InvokeResult> {
            let event: Json = serde_json::from_slice(&payload).unwrap();
            self.0.lock().unwrap().push((function.to_owned(), event["detail"].clone()));
            Box::pin(async move { Ok(FunctionResponse::Ok(payload)) })
        }
    }

    #[tokio::test]
    async fn an_event_goes_to_the_functions_whose_rules_fit() {
        let rule = |name: &str, bus: &str, pattern: &str| Rule {
            name: name.to_owned(),
            function: name.to_owned(),
            bus: bus.to_owned(),
            pattern: Filters::parse(&[pattern]).unwrap(),
        };
        let rules = vec![
            rule("texts", "default", r#"{"source": ["orders"], "detail": {"kind": ["text"]}}"#),
            rule("all", "default", r#"{"source": ["orders"]}"#),
            rule("elsewhere", "other", r#"{"source": ["orders"]}"#),
        ];
        let (buses, noted) = (Buses::new(), Arc::new(Noted::default()));
        let queues = Queues::open(None).unwrap();
        let asynchronous = AsyncInvoker::new(noted.clone(), queues, Default::default());
        let kept = tokio::spawn(keep(rules, buses.clone(), buses.follow(), asynchronous));
        let put = |source: &str, kind: &str| {
            let detail = json!({ "kind": kind });
            let (source, detail_type) = (source.to_owned(), "a test".to_owned());
            let entry = Entry { source, detail_type, resources: Vec::new(), detail };
            buses.put("default", vec![entry]).unwrap();
        };
        put("orders", "text");
        put("orders", "image");
        put("shop", "text");
        assert!(!buses.is_idle());
        while !buses.is_idle() {
            tokio::task::yield_now().await;
        }
        let told = |name: &str, kind: &str| (name.to_owned(), json!({ "kind": kind }));
        let seen = noted.0.lock().unwrap().clone();
        assert_eq!(seen, [told("texts", "text"), told("all", "text"), told("all", "image")]);
        kept.abort();
    }
}
