//! A timestamp in a request: RFC 3339 with any offset
//! (`2026-11-20T15:04:00+08:00`), or seconds since 1970.

use crate::clock::Timestamp;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The last second of the year 9999, after which RFC 3339 has no times.
pub const MAX_SECONDS: u64 = 253_402_300_799;

/// Maximum number of bytes of a time in RFC 3339.
pub const MAX_LENGTH: usize = 64;

/// Reads a timestamp, for serde. One before 1970 or after the year 9999 is an error.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Number(seconds) => seconds.as_u64(),
        Value::String(text) if text.len() > MAX_LENGTH => None,
        Value::String(text) => DateTime::from_str(&text, Format::DateTimeWithOffset)
            .ok()
            .and_then(|time| u64::try_from(time.secs()).ok()),
        _ => None,
    };
    seconds.filter(|seconds| *seconds <= MAX_SECONDS).map(Timestamp).ok_or_else(|| {
        D::Error::custom(
            "expected a time in RFC 3339 (2026-11-20T15:04:00+08:00) or in seconds since 1970",
        )
    })
}

/// As [`deserialize`], for a field that may be missing.
pub fn deserialize_optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn timestamp_is_rfc_3339_or_seconds() {
        let read = |value: Value| deserialize(value).map_err(|error| error.to_string());
        for same in
            ["2026-11-20T07:04:00Z", "2026-11-20T15:04:00+08:00", "2026-11-20T07:04:00.9+00:00"]
        {
            assert_eq!(read(json!(same)), Ok(Timestamp(1_795_158_240)), "{same}");
        }
        assert_eq!(read(json!(1_795_158_240)), Ok(Timestamp(1_795_158_240)));
        assert_eq!(read(json!("9999-12-31T23:59:59Z")), Ok(Timestamp(MAX_SECONDS)));
        for wrong in [
            json!("2026-11-20"),
            json!("2026-11-20 15:04"),
            json!("2026-11-20T15:04:00"),
            json!("1969-12-31T23:00:00Z"),
            json!(-1),
            json!(null),
            json!(MAX_SECONDS + 1),
            json!(format!("2026-11-20T07:04:00.{}Z", "0".repeat(MAX_LENGTH))),
            json!(u64::MAX),
            json!(1e300),
            json!("9999-12-31T23:59:59-23:59"),
        ] {
            assert!(read(wrong.clone()).unwrap_err().contains("RFC 3339"), "{wrong}");
        }
    }
}
