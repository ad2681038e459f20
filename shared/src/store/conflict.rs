//! Writing what a transaction holds at that moment.
//!
//! DynamoDB refuses a write to an item that is part of a transaction which isn't
//! over, and a transaction over an item that is being written. Either is over
//! within milliseconds, and nothing was written; but the SDK tries again only
//! what the service calls busy or broken.
//!
//! Source: DynamoDB's documentation, "Amazon DynamoDB Transactions: How it
//! works", section "Transaction conflict handling in DynamoDB".

use crate::jitter;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::time::Duration;

/// How often a write is made that keeps meeting transactions. With all pauses it
/// has been given up after less than a second, of the five that WeChat waits.
pub(super) const MAX_ATTEMPTS: u32 = 6;
/// The longest first pause; each may be twice as long as the one before.
const BASE_DELAY: Duration = Duration::from_millis(20);

/// Makes a write of one item, again and again as long as a transaction holds it.
///
/// # Errors
///
/// The write's own; after [`MAX_ATTEMPTS`] also `TransactionConflictException`.
pub(super) async fn retry_on_conflict<T, E, R, F>(
    write: impl Fn() -> F,
) -> Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    for attempts in 1..MAX_ATTEMPTS {
        match write().await {
            Err(error) if is_conflict(&error) => pause(attempts).await,
            done => return done,
        }
    }
    write().await
}

fn is_conflict<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code == Some("TransactionConflictException")
}

/// Waits before the next of several tries, of which so many have been made.
pub(super) async fn pause(attempts: u32) {
    // Without chance, two that met would meet again.
    tokio::time::sleep(length(attempts, jitter::random_u32())).await;
}

/// Between half of the longest pause and all of it.
fn length(attempts: u32, chance: u32) -> Duration {
    let longest = BASE_DELAY * 2_u32.pow(attempts.saturating_sub(1));
    longest.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use std::cell::Cell;

    type Failure = SdkError<ErrorMetadata, ()>;

    fn refused(code: &str) -> Failure {
        Failure::service_error(ErrorMetadata::builder().code(code).build(), ())
    }

    /// A write that is refused so often, and how often it is made.
    async fn made(code: &str, refusals: u32) -> (bool, u32) {
        let calls = Cell::new(0);
        let write = async || {
            calls.set(calls.get() + 1);
            if calls.get() <= refusals { Err(refused(code)) } else { Ok(()) }
        };
        (retry_on_conflict(write).await.is_ok(), calls.get())
    }

    #[tokio::test]
    async fn what_a_transaction_holds_is_written_when_it_is_over() {
        assert_eq!(made("TransactionConflictException", 0).await, (true, 1));
        assert_eq!(
            made("TransactionConflictException", MAX_ATTEMPTS - 1).await,
            (true, MAX_ATTEMPTS)
        );
        assert_eq!(made("TransactionConflictException", 100).await, (false, MAX_ATTEMPTS));
    }

    #[tokio::test]
    async fn what_is_refused_for_another_reason_is_not_written_again() {
        for code in ["ConditionalCheckFailedException", "ValidationException"] {
            assert_eq!(made(code, 100).await, (false, 1), "{code}");
        }
    }

    #[test]
    fn pauses_grow_differ_and_are_over_within_a_second() {
        let longest: Duration = (1..MAX_ATTEMPTS).map(|attempts| length(attempts, u32::MAX)).sum();
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        for attempts in 1..MAX_ATTEMPTS {
            assert!(length(attempts, 0) * 2 == length(attempts, u32::MAX), "{attempts}");
            assert!(length(attempts, 0) < length(attempts + 1, 0), "{attempts}");
        }
    }
}
