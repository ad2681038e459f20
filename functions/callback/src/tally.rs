//! Counts requests in a metric, without a line for each during a flood.
//!
//! Anybody can send requests, and the operator pays for each line. So the first ones of a
//! second have a line each, and the rest of that second is added to a line of a later
//! second. What a process counts last is lost if no later request reaches it.

use shared::clock::Timestamp;
use shared::metric::Metric;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Lines of a second, for each set of values. More requests than that are no coincidence,
/// and no alarm needs their exact number.
const MAX_LINES: u64 = 10;

/// The counts of one metric, by the values of its dimensions.
#[derive(Debug)]
pub(crate) struct Tally<const N: usize> {
    metric: &'static Metric<N>,
    counts: Mutex<BTreeMap<[String; N], Count>>,
}

/// One count in the second in which it was last increased.
#[derive(Debug)]
struct Count {
    second: Timestamp,
    lines: u64,
    /// What no line has yet.
    held: u64,
}

impl<const N: usize> Tally<N> {
    pub(crate) fn new(metric: &'static Metric<N>) -> Self {
        Self { metric, counts: Mutex::default() }
    }

    /// Counts one request with these values, of which there must be few.
    pub(crate) fn add(&self, of: [&str; N], now: Timestamp) {
        for (of, value) in self.due(of, now) {
            self.metric.record(value, std::array::from_fn(|at| of[at].as_str()));
        }
    }

    /// Counts one request. Returns what is to be recorded now.
    fn due(&self, of: [&str; N], now: Timestamp) -> Vec<([String; N], u64)> {
        let mut counts = self.counts.lock().expect("nothing panics under this lock");
        let count =
            counts.entry(of.map(str::to_owned)).or_insert(Count { second: now, lines: 0, held: 0 });
        count.held += 1;
        let mut due = Vec::new();
        for (of, count) in counts.iter_mut() {
            if count.second != now {
                (count.second, count.lines) = (now, 0);
            }
            if count.held > 0 && count.lines < MAX_LINES {
                count.lines += 1;
                due.push((of.clone(), std::mem::take(&mut count.held)));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::metric;

    /// Fault 112.
    #[test]
    fn flood_has_ten_lines_a_second_and_loses_no_count() {
        let tally = Tally::new(&metric::PUSHES_RECEIVED);
        let count = |app: &str, requests: u64, second: u64| {
            let due: Vec<_> =
                (0..requests).flat_map(|_| tally.due([app], Timestamp(second))).collect();
            (due.len(), due.iter().map(|(_, value)| value).sum::<u64>())
        };
        assert_eq!(count("shop", 3, 1), (3, 3), "few are counted one by one");
        assert_eq!(count("shop", 997, 1), (7, 7));
        assert_eq!(count("shop", 1, 2), (1, 991), "the rest comes with the next second");
        assert_eq!(count("shop", 500, 3), (10, 10));
        assert_eq!(count("other", 1, 4), (2, 491), "another app's request brings it as well");
        assert_eq!(count("shop", 1, 1), (1, 1), "a clock that goes back hides nothing");
    }
}
