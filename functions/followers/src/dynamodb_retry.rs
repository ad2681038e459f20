//! Retries DynamoDB calls that are throttled beyond the SDK's own retries: a new table
//! takes some minutes to reach its full throughput.

use shared::aws::AwsError;
use std::time::Duration;

const MAX_ATTEMPTS: u32 = 5;
/// The pause before the second attempt. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn retry_throttled<T, F>(call: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    for attempt in 1..MAX_ATTEMPTS {
        match call().await {
            Err(error) => tracing::warn!("{error}; the call is retried"),
            done => return done,
        }
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
    }
    call().await
}
