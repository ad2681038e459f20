//! A defect: what is told of a panic. Its words may quote what a user wrote, or a
//! secret. So the log says where it happened, and nobody is told more.

use futures_util::FutureExt as _;
use futures_util::future::{CatchUnwind, Map};
use lambda_runtime::Service;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook};
use std::task::{Context, Poll};
use std::thread;

/// What whoever has invoked the function is told. Lambda's runtime writes
/// "Lambda panicked: " before it.
const TOLD: &str = "this is a defect of the function's; its log says where";

/// From now on the log says of a panic where it happened.
pub(crate) fn hide_words() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("this is a defect, at {place}");
    }));
}

/// A service whose panics go on without their words, which Lambda's runtime would
/// answer with.
#[derive(Clone, Debug)]
pub struct RedactPanics<S>(pub S);

/// What a call came to, or the words of its panic.
type Ended<T> = thread::Result<T>;

impl<S, R> Service<R> for RedactPanics<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Map<
        CatchUnwind<AssertUnwindSafe<S::Future>>,
        fn(Ended<Result<S::Response, S::Error>>) -> Result<S::Response, S::Error>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let begun = wordless(catch_unwind(AssertUnwindSafe(|| self.0.call(request))));
        AssertUnwindSafe(begun).catch_unwind().map(wordless)
    }
}

/// Goes on panicking, but with other words. The log has been told already.
fn wordless<T>(ended: Ended<T>) -> T {
    ended.unwrap_or_else(|_| resume_unwind(Box::new(TOLD)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_runtime::service_fn;
    use std::any::Any;
    use std::convert::Infallible;

    /// What a panic says, if it is a text.
    fn words(panic: &(dyn Any + Send)) -> Option<&str> {
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied())
    }

    /// Fault 76.
    #[tokio::test]
    async fn a_panic_goes_on_without_its_words() {
        let mut late = RedactPanics(service_fn(async |pin: u32| {
            tokio::task::yield_now().await;
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            Ok::<_, Infallible>("answered")
        }));
        assert_eq!(late.call(0).await, Ok("answered"));
        let panicked = AssertUnwindSafe(late.call(1234)).catch_unwind().await.unwrap_err();
        assert_eq!(words(&*panicked), Some(TOLD));

        let mut early = RedactPanics(service_fn(|pin: u32| {
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            async { Ok::<_, Infallible>("answered") }
        }));
        let panicked = catch_unwind(AssertUnwindSafe(|| early.call(1234))).err().unwrap();
        assert_eq!(words(&*panicked), Some(TOLD));
    }
}
