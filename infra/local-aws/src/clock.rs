//! What time it is, and how the parts of AWS write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place where the runner looks at the clock")]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970, as events carry them.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `2026-11-20T15:04:05Z`
pub(crate) fn rfc3339(time: Duration) -> String {
    let (year, month, day) = date(time);
    format!("{year:04}-{month:02}-{day:02}T{}Z", hours(time))
}

/// `2026-11-20T15:04:05.123Z`
pub(crate) fn rfc3339_millis(time: Duration) -> String {
    let seconds = rfc3339(time);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.subsec_millis())
}

/// `20/Nov/2026:15:04:05 +0000`, the way of web server logs.
pub(crate) fn common_log(time: Duration) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = date(time);
    format!("{day:02}/{}/{year:04}:{} +0000", MONTHS[month - 1], hours(time))
}

/// `15:04:05`, UTC.
pub(crate) fn hours(time: Duration) -> String {
    let seconds = time.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The date in the Gregorian calendar. The year is thought to begin in March,
/// so that a leap day is its last (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
fn date(time: Duration) -> (u64, usize, u64) {
    let days = time.as_secs() / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = Duration::from_secs;
        assert_eq!(rfc3339(at(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(at(951_782_399)), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(at(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(at(951_868_800)), "2000-03-01T00:00:00Z");
        assert_eq!(rfc3339(at(4_107_542_400)), "2100-03-01T00:00:00Z");
        assert_eq!(
            rfc3339_millis(Duration::from_millis(1_795_186_923_045)),
            "2026-11-20T15:02:03.045Z"
        );
        assert_eq!(common_log(at(1_795_186_923)), "20/Nov/2026:15:02:03 +0000");
    }
}
