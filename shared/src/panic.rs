//! Panics without their messages, which may quote what a user wrote, or a secret: the
//! log gets the location, and the caller of the function gets a fixed text.

use futures_util::FutureExt as _;
use futures_util::future::{CatchUnwind, Either, Map, Ready, ready};
use lambda_runtime::{Diagnostic, Service};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::task::{Context, Poll};
use std::thread;

/// What the invoker gets.
const REDACTED: &str = "internal error; this function's log has the location";

/// Logs the location of each panic from now on, and not its message.
pub(crate) fn install_panic_hook() {
    set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("the function panicked ({location})");
    }));
}

/// A layer around a service: its panics become errors without their messages, with which
/// Lambda's runtime would answer.
#[derive(Clone, Debug)]
pub struct RedactPanics<S>(pub S);

/// The future of a call, with its panics as errors.
type Redacted<F, T> = Map<
    CatchUnwind<AssertUnwindSafe<F>>,
    fn(thread::Result<Result<T, Diagnostic>>) -> Result<T, Diagnostic>,
>;

impl<S, R> Service<R> for RedactPanics<S>
where
    S: Service<R, Error = Diagnostic>,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = Either<Redacted<S::Future, S::Response>, Ready<Result<S::Response, Diagnostic>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match catch_unwind(AssertUnwindSafe(|| self.0.call(request))) {
            Ok(future) => Either::Left(AssertUnwindSafe(future).catch_unwind().map(redacted)),
            Err(_) => Either::Right(ready(Err(internal_error()))),
        }
    }
}

/// The hook has logged the panic already.
fn redacted<T>(result: thread::Result<Result<T, Diagnostic>>) -> Result<T, Diagnostic> {
    result.unwrap_or_else(|_| Err(internal_error()))
}

fn internal_error() -> Diagnostic {
    Diagnostic { error_type: "InternalError".to_owned(), error_message: REDACTED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_runtime::service_fn;

    /// Fault 76.
    #[tokio::test]
    async fn panic_is_an_error_without_its_message() {
        let mut late = RedactPanics(service_fn(async |pin: u32| {
            tokio::task::yield_now().await;
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            Ok::<_, Diagnostic>("answered")
        }));
        assert_eq!(late.call(0).await.unwrap(), "answered");
        assert_eq!(late.call(1234).await.unwrap_err(), internal_error());

        let mut early = RedactPanics(service_fn(|pin: u32| {
            assert!(pin == 0, "the user wrote: my PIN is {pin}");
            async { Ok::<_, Diagnostic>("answered") }
        }));
        assert_eq!(early.call(1234).await.unwrap_err(), internal_error());
    }
}
