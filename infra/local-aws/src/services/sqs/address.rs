//! ARNs and URLs of queues.

use crate::services::account::{ACCOUNT, REGION};

/// The ARN of a queue.
pub fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// The URL of a queue under an endpoint, as in `http://127.0.0.1:4566`.
pub fn url(endpoint: &str, queue: &str) -> String {
    format!("{}/{ACCOUNT}/{queue}", endpoint.trim_end_matches('/'))
}

/// The name in a queue's URL, whatever the host, or in its ARN.
pub fn name_of(url: &str) -> &str {
    url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(url)
}
