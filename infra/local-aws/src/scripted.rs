//! For tests: functions whose answers are written in advance.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::body::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::services::lambda::{BoxFuture, FunctionResponse, Invoke, InvokeResult};

type Respond = Box<dyn Fn(&Json) -> InvokeResult + Send + Sync>;

/// One function that answers by a rule, or by a list and then with `null`.
pub(crate) struct Scripted {
    respond: Respond,
    script: Mutex<VecDeque<InvokeResult>>,
    seen: Mutex<Vec<Json>>,
    invoked: Notify,
}

impl Scripted {
    /// Answers by a rule.
    pub(crate) fn by(respond: impl Fn(&Json) -> InvokeResult + Send + Sync + 'static) -> Self {
        Self {
            respond: Box::new(respond),
            script: Mutex::default(),
            seen: Mutex::default(),
            invoked: Notify::new(),
        }
    }

    /// Answers with these, one after the other, and then with `null`.
    pub(crate) fn with(script: impl IntoIterator<Item = InvokeResult>) -> Self {
        Self::by(|_| answer(&Json::Null)).first(script)
    }

    /// Before anything else, answers with these.
    pub(crate) fn first(self, script: impl IntoIterator<Item = InvokeResult>) -> Self {
        *self.script.lock().unwrap() = script.into_iter().collect();
        self
    }

    /// The events so far.
    pub(crate) fn seen(&self) -> Vec<Json> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for this number of events, and returns them.
    pub(crate) async fn after(&self, events: usize) -> Vec<Json> {
        loop {
            let invoked = self.invoked.notified();
            let seen = self.seen();
            if seen.len() >= events {
                return seen;
            }
            invoked.await;
        }
    }
}

impl Invoke for Scripted {
    fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'_, InvokeResult> {
        Box::pin(async move {
            // Others get their turn, as they would with a process.
            tokio::task::yield_now().await;
            let event: Json = serde_json::from_slice(&payload).unwrap();
            let outcome =
                self.script.lock().unwrap().pop_front().unwrap_or_else(|| (self.respond)(&event));
            self.seen.lock().unwrap().push(event);
            self.invoked.notify_waiters();
            outcome
        })
    }
}

/// The function answers.
pub(crate) fn answer(json: &Json) -> InvokeResult {
    Ok(FunctionResponse::Ok(json.to_string().into()))
}

/// The function reports these as failed.
pub(crate) fn failed<'i>(identifiers: impl IntoIterator<Item = &'i str>) -> InvokeResult {
    let failures: Vec<Json> =
        identifiers.into_iter().map(|name| json!({ "itemIdentifier": name })).collect();
    answer(&json!({ "batchItemFailures": failures }))
}

/// The function fails altogether.
pub(crate) fn error() -> InvokeResult {
    Ok(FunctionResponse::FunctionError(
        json!({ "errorType": "Oops", "errorMessage": "oops" }).to_string().into(),
    ))
}
