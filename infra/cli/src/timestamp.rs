//! Times and durations as people read and write them.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;
use shared::clock::Timestamp;

/// RFC 3339, in UTC.
pub(crate) fn format_time(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0).unwrap_or(i64::MAX);
    DateTime::from_secs(seconds).fmt(Format::DateTime).unwrap_or_else(|_| at.to_string())
}

/// Parses RFC 3339, or seconds since 1970.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let value = text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
    shared::timestamp::deserialize(value).map_err(|error| error.to_string())
}

/// A duration in its two largest units.
pub(crate) fn format_duration(seconds: u64) -> String {
    let (minute, hour, day) = (60, 3600, 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / minute),
        3600..86_400 => format!("{} h {} min", seconds / hour, seconds % hour / minute),
        _ => format!("{} d {} h", seconds / day, seconds % day / hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_readable() {
        let same = ["1795158240", "2026-11-20T07:04:00Z", "2026-11-20T15:04:00+08:00"];
        assert_eq!(same.map(parse_time), [const { Ok(Timestamp(1_795_158_240)) }; 3]);
        assert!(parse_time("yesterday").unwrap_err().contains("RFC 3339"));
        assert_eq!(format_time(Timestamp(1_795_158_240)), "2026-11-20T07:04:00Z");
        assert_eq!(
            [59, 3599, 7260, 90_000].map(format_duration),
            ["59 s", "59 min", "2 h 1 min", "1 d 1 h"]
        );
    }
}
