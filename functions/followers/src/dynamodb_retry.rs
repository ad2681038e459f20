//! Retries DynamoDB calls that are throttled beyond the SDK's own retries: a new table
//! takes some minutes to reach its full throughput.

use shared::aws::AwsError;
use shared::retry::Retry;
use std::time::Duration;

const THROTTLED: Retry =
    Retry { max_attempts: 5, base: Duration::from_millis(500), max_pause: Duration::from_secs(4) };

pub(crate) async fn retry_throttled<T, F>(call: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let is_transient = |error: &AwsError| {
        tracing::warn!("{error}; the call is retried");
        true
    };
    THROTTLED.run(call, is_transient).await
}
