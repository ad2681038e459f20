//! Panics without their messages, which may quote what a user wrote, or a secret: the
//! log gets the location, and the caller of the function gets a fixed text.

use futures_util::FutureExt as _;
use futures_util::future::{CatchUnwind, Map};
use lambda_runtime::Service;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook};
use std::task::{Context, Poll};
use std::thread;

/// What the invoker gets. Lambda's runtime puts "Lambda panicked: " before it.
const REDACTED: &str = "the function panicked; its log has the location";

/// Logs the location of each panic from now on, and not its message.
pub(crate) fn install_panic_hook() {
    set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("the function panicked ({location})");
    }));
}

/// A layer around a service: its panics lose their messages, which Lambda's runtime
/// would answer with.
#[derive(Clone, Debug)]
pub struct RedactPanics<S>(pub S);

impl<S, R> Service<R> for RedactPanics<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Map<
        CatchUnwind<AssertUnwindSafe<S::Future>>,
        fn(thread::Result<Result<S::Response, S::Error>>) -> Result<S::Response, S::Error>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let future = redacted(catch_unwind(AssertUnwindSafe(|| self.0.call(request))));
        AssertUnwindSafe(future).catch_unwind().map(redacted)
    }
}

/// Resumes a panic with another message. The hook has logged it already.
fn redacted<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|_| resume_unwind(Box::new(REDACTED)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_runtime::service_fn;
    use std::any::Any;
    use std::convert::Infallible;

    fn message(panic: &(dyn Any + Send)) -> Option<&str> {
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied())
    }

    /// Fault 76.
    #[tokio::test]
    async fn panic_continues_without_its_message() {
        let mut late = RedactPanics(service_fn(async |pin: u32| {
            tokio::task::yield_now().await;
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            Ok::<_, Infallible>("answered")
        }));
        assert_eq!(late.call(0).await, Ok("answered"));
        let panicked = AssertUnwindSafe(late.call(1234)).catch_unwind().await.unwrap_err();
        assert_eq!(message(&*panicked), Some(REDACTED));

        let mut early = RedactPanics(service_fn(|pin: u32| {
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            async { Ok::<_, Infallible>("answered") }
        }));
        let panicked = catch_unwind(AssertUnwindSafe(|| early.call(1234))).err().unwrap();
        assert_eq!(message(&*panicked), Some(REDACTED));
    }
}
