//! The system clock, and calendar periods in China.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system time since 1970. Everything else uses the time of the world, which can be
/// advanced.
#[expect(
    clippy::disallowed_methods,
    reason = "the only place where the sandbox reads the system clock"
)]
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The system time in seconds since 1970.
pub(crate) fn wall_seconds() -> i64 {
    i64::try_from(wall().as_secs()).unwrap_or(i64::MAX)
}

/// The day in China. WeChat resets daily counters at midnight in China.
pub(crate) fn day(now: i64) -> i64 {
    (now + 8 * 3600).div_euclid(86_400)
}

/// The month in China, counted from the year 0.
pub(crate) fn month(now: i64) -> i64 {
    // In years that begin in March the leap day is the last day (Howard Hinnant,
    // "chrono-compatible low-level date algorithms").
    let days = day(now) + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let since_march = (5 * of_year + 2) / 153;
    (days.div_euclid(146_097) * 400 + year) * 12 + since_march + 2
}

/// The minute.
pub(crate) fn minute(now: i64) -> i64 {
    now.div_euclid(60)
}

/// Milliseconds since then.
pub(crate) fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_begins_at_midnight_in_china() {
        // 2026-01-01T15:59:59Z is 23:59:59 in China.
        assert_eq!(day(1_767_283_199) + 1, day(1_767_283_200));
        assert_eq!(day(1_767_283_200), day(1_767_283_200 + 86_399));
    }

    #[test]
    fn month_begins_at_midnight_in_china() {
        assert_eq!(month(0), 1970 * 12);
        // 2026-01-01T15:59:59Z, and the first days of February and of March 2028.
        assert_eq!(month(1_767_283_199), 2026 * 12);
        assert_eq!([month(1_832_947_199), month(1_832_947_200)], [2028 * 12, 2028 * 12 + 1]);
        assert_eq!([month(1_835_452_799), month(1_835_452_800)], [2028 * 12 + 1, 2028 * 12 + 2]);
    }
}
