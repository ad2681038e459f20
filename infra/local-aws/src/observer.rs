//! Observers see what functions are invoked with, what they answer, and what is asked of
//! AWS.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::services::{body, fault::call::Call};

/// Traffic as it was on the wire.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observed<'a> {
    /// An environment is given an invocation.
    InvocationStarted {
        /// The number of the invocation.
        number: u64,
        /// The function's name.
        function: &'a str,
        /// The binary of the function.
        binary: &'a str,
        /// Whether the environment is new.
        cold: bool,
    },
    /// An environment is done with an invocation.
    InvocationEnded {
        /// The number of the invocation.
        number: u64,
        /// How it ended.
        end: InvocationEnd,
        /// The time since its start.
        duration: Duration,
        /// How long a new environment took from its start until it asked for work.
        init_duration: Option<Duration>,
    },
    /// A function was invoked, and answered or failed.
    Invocation {
        /// The function's name.
        function: &'a str,
        /// What it was invoked with.
        event: &'a [u8],
        /// What it answered, or its error.
        answer: &'a [u8],
    },
    /// An invocation was throttled.
    Throttled {
        /// The function's name.
        function: &'a str,
    },
    /// A function is given records of a stream.
    StreamRead {
        /// The function's name.
        function: &'a str,
        /// When the last of the records was made, since 1970.
        created: Duration,
    },
    /// The HTTP API answered a request.
    Response {
        /// The id of the API.
        api: &'a str,
        /// The HTTP status.
        status: u16,
    },
    /// A service of AWS answered a call.
    Call {
        /// The name of the function that called; none if another client did.
        function: Option<&'a str>,
        /// `dynamodb`, `ssm`, ….
        service: &'a str,
        /// As in `PutItem`.
        operation: &'a str,
        /// The body of the request.
        request: &'a [u8],
        /// The HTTP status of the answer.
        status: u16,
        /// The body of the answer.
        answer: &'a [u8],
    },
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationEnd {
    /// The process ended before it asked for the work.
    NeverTaken,
    /// The function answered.
    Answered,
    /// The function reported an error.
    Failed,
    /// The process ended, or was killed after the timeout.
    Ended,
}

type Observe = dyn Fn(Observed<'_>) + Send + Sync;

/// An observer of traffic. Cheap to clone.
#[derive(Clone)]
pub struct TrafficObserver {
    observe: Arc<Observe>,
    wants_call: fn(&str, &str) -> bool,
}

impl TrafficObserver {
    /// Calls `observe` in the middle of the traffic, which waits for it.
    pub fn new(observe: impl Fn(Observed<'_>) + Send + Sync + 'static) -> Self {
        Self { observe: Arc::new(observe), wants_call: |_, _| true }
    }

    /// Narrows [`Observed::Call`] to the services and operations for which `wants` is
    /// true; the bodies of others aren't read.
    pub fn only_calls(self, wants: fn(&str, &str) -> bool) -> Self {
        Self { wants_call: wants, ..self }
    }
}

impl fmt::Debug for TrafficObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficObserver").finish_non_exhaustive()
    }
}

/// All observers of a cloud.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers(Arc<[TrafficObserver]>);

impl From<Vec<TrafficObserver>> for Observers {
    fn from(observers: Vec<TrafficObserver>) -> Self {
        Self(observers.into())
    }
}

impl Observers {
    pub(crate) fn notify(&self, observed: Observed<'_>) {
        self.0.iter().for_each(|observer| (observer.observe)(observed));
    }

    fn want(&self, call: &Call) -> bool {
        self.0.iter().any(|observer| (observer.wants_call)(call.service, &call.operation))
    }
}

/// Shows observers a call on its way to the services.
pub(crate) async fn observe(
    State(observers): State<Observers>,
    request: Request,
    next: Next,
) -> Response {
    let call = if observers.0.is_empty() { None } else { Call::from_request(&request) };
    let Some(call) = call.filter(|call| observers.want(call)) else {
        return next.run(request).await;
    };
    let (head, asked) = request.into_parts();
    let asked = match body::whole(asked).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.json("1.0"),
    };
    let answer = next.run(Request::from_parts(head, Body::from(asked.clone()))).await;
    let (head, answered) = answer.into_parts();
    let answered = body::whole(answered).await.unwrap_or_default();
    for observer in observers.0.iter() {
        if (observer.wants_call)(call.service, &call.operation) {
            (observer.observe)(Observed::Call {
                function: call.caller.as_deref(),
                service: call.service,
                operation: &call.operation,
                request: &asked,
                status: head.status.as_u16(),
                answer: &answered,
            });
        }
    }
    Response::from_parts(head, Body::from(answered))
}
