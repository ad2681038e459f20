//! Who looks on while functions work, to say what went by that shouldn't have.

use std::{fmt, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::aws::{Call, body};

/// Something that went by, as it was on the wire.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Passed<'a> {
    /// A function was invoked, by whomever, and has answered or failed.
    Invocation {
        /// The function's name.
        function: &'a str,
        /// What it was invoked with.
        event: &'a [u8],
        /// What it answered, or its error.
        answer: &'a [u8],
    },
    /// A function asked something of AWS.
    Call {
        /// The function's name.
        function: &'a str,
        /// `dynamodb`, `ssm`, ….
        service: &'a str,
        /// As in `PutItem`.
        operation: &'a str,
        /// What it asked.
        request: &'a [u8],
        /// What it was answered.
        answer: &'a [u8],
    },
}

type See = dyn Fn(Passed<'_>) + Send + Sync;

/// Somebody who sees everything that goes by, or nobody. Cheap to clone.
#[derive(Clone, Default)]
pub struct Witness(Option<Arc<See>>);

impl Witness {
    /// Somebody who sees with this function. It is called in the midst of what goes by,
    /// and everybody waits for it.
    pub fn new(see: impl Fn(Passed<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(see)))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn see(&self, passed: Passed<'_>) {
        if let Some(see) = &self.0 {
            see(passed);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Witness").field(&self.is_there()).finish()
    }
}

/// Shows the witness a function's call on its way to the services.
pub(crate) async fn watch(
    State(witness): State<Witness>,
    request: Request,
    next: Next,
) -> Response {
    let call = if witness.is_there() { Call::of(&request) } else { None };
    let Some((function, call)) = call.and_then(|mut call| Some((call.caller.take()?, call))) else {
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
    witness.see(Passed::Call {
        function: &function,
        service: call.service,
        operation: &call.operation,
        request: &asked,
        answer: &answered,
    });
    Response::from_parts(head, Body::from(answered))
}
