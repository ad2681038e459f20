//! The log of rejected requests, sampled: a flood of requests must not become a flood of
//! lines, which CloudWatch bills and which hide all others.

use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// In each [`PERIOD_SECS`], for each reason, in one execution environment.
const MAX_LINES: u32 = 10;
const PERIOD_SECS: u64 = 60;

/// How many lines each reason had, and how many were left out.
#[derive(Debug, Default)]
pub(crate) struct RejectionLog(Mutex<BTreeMap<&'static str, Lines>>);

#[derive(Debug, Default)]
struct Lines {
    start: Timestamp,
    count: u32,
    /// Since the last line.
    omitted: u64,
}

impl RejectionLog {
    /// Whether a rejection gets a line. If so: how many of the same reason got none since the
    /// last line.
    pub(crate) fn sample(&self, reason: &'static str, now: Timestamp) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = reasons.entry(reason).or_default();
        if now.seconds_since(of.start) >= PERIOD_SECS {
            (of.start, of.count) = (now, 0);
        }
        if of.count < MAX_LINES {
            of.count += 1;
            return Some(std::mem::take(&mut of.omitted));
        }
        of.omitted += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Fault 97.
    #[test]
    fn flood_has_ten_lines_a_minute_and_the_number_of_the_others() {
        let log = RejectionLog::default();
        let sample = |now| log.sample("bad_signature", now);
        let lines = (0..1000).filter_map(|_| sample(NOW)).collect::<Vec<_>>();
        assert_eq!(lines, [0; 10]);
        assert_eq!(sample(NOW.plus(59)), None);
        let other = log.sample("unknown_app", NOW.plus(59));
        assert_eq!(other, Some(0), "one reason hides no other");
        assert_eq!(sample(NOW.plus(60)), Some(991));
        assert_eq!(sample(NOW.plus(61)), Some(0), "counted once");
    }
}
