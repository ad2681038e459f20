//! Moments, as people read them.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;
use shared::clock::Timestamp;

/// A moment by RFC 3339, in UTC.
pub(crate) fn written(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0).unwrap_or(i64::MAX);
    DateTime::from_secs(seconds).fmt(Format::DateTime).unwrap_or_else(|_| at.to_string())
}

/// Reads a moment as people write it: by RFC 3339, or in seconds since 1970.
pub(crate) fn given(text: &str) -> Result<Timestamp, String> {
    let value = text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
    shared::timestamp::deserialize(value).map_err(|error| error.to_string())
}

/// How long something takes or has taken, in its two largest units.
pub(crate) fn span(seconds: u64) -> String {
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
    fn a_moment_is_written_in_two_ways() {
        let same = ["1795158240", "2026-11-20T07:04:00Z", "2026-11-20T15:04:00+08:00"];
        assert_eq!(same.map(given), [const { Ok(Timestamp(1_795_158_240)) }; 3]);
        assert!(given("yesterday").unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn moments_and_spans() {
        assert_eq!(written(Timestamp(1_795_158_240)), "2026-11-20T07:04:00Z");
        assert_eq!(
            [span(59), span(3599), span(7260), span(90_000)],
            ["59 s", "59 min", "2 h 1 min", "1 d 1 h"]
        );
    }
}
