//! The sandbox's clock: the wall's time and what was added to it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall's time since 1970. Everything else gets its time from the world,
/// where it can be moved.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the sandbox looks at the wall's clock"
)]
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The wall's time in whole seconds since 1970.
pub(crate) fn wall_seconds() -> i64 {
    i64::try_from(wall().as_secs()).unwrap_or(i64::MAX)
}

/// Which day it is in China, where WeChat's daily counters start anew at
/// midnight.
pub(crate) fn day(now: i64) -> i64 {
    (now + 8 * 3600).div_euclid(86_400)
}

/// Which minute it is.
pub(crate) fn minute(now: i64) -> i64 {
    now.div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        // 2026-01-01T15:59:59Z is 23:59:59 in China.
        assert_eq!(day(1_767_283_199) + 1, day(1_767_283_200));
        assert_eq!(day(1_767_283_200), day(1_767_283_200 + 86_399));
    }
}
