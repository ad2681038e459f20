//! The account and region of every resource, and the clock of the services.

use crate::clock;

/// The region in every ARN; clients may sign for any other.
pub const REGION: &str = "us-east-1";

/// The account in every ARN and queue URL.
pub const ACCOUNT: &str = "000000000000";

/// Milliseconds since 1970, in which everything here is timed.
pub(crate) fn now() -> u64 {
    clock::millis(clock::now())
}
