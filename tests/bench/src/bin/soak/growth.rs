//! Whether a function uses more at the end than after the warm-up.

use crate::observer::quantile;
use crate::resources::Resources;
use std::time::Duration;

/// The tolerated growth of resident memory: pages that the allocator has not returned, and
/// bounded caches that fill slowly (followers, access tokens, templates).
const MAX_MEMORY_GROWTH_KB: u64 = 1024;
/// The tolerated growth of open file descriptors: a connection or two that are being
/// replaced, and a concurrent batch of ten.
const MAX_FILES_GROWTH: u64 = 12;
/// The tolerated growth of the median, as a factor and an addition, because the machine
/// does other work. A function that gets slower with every invocation soon exceeds it.
const MAX_MEDIAN_GROWTH: (f64, Duration) = (1.5, Duration::from_millis(1));
/// The tolerated growth of the 99th percentile: the p99 invocations waited for
/// something.
const MAX_P99_GROWTH: (f64, Duration) = (2.0, Duration::from_millis(10));

/// What a function used in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) invocations: usize,
    pub(crate) resources: Resources,
    pub(crate) median: Duration,
    /// The 99th percentile.
    pub(crate) p99: Duration,
}

impl Figures {
    /// From the durations of a window's invocations, in microseconds, and samples of the
    /// processes' resources.
    pub(crate) fn new(times_us: &[u32], samples: &[Resources]) -> Self {
        // Medians, which ignore short peaks.
        let median = |of: fn(&Resources) -> u64| {
            let all: Vec<_> = samples.iter().map(of).collect();
            bench::median(&all, Ord::cmp).unwrap_or_default()
        };
        Self {
            invocations: times_us.len(),
            resources: Resources {
                memory_kb: median(|it| it.memory_kb),
                files: median(|it| it.files),
            },
            median: quantile(times_us, 0.5),
            p99: quantile(times_us, 0.99),
        }
    }

    /// The same, with the times of another window if these are shorter.
    pub(crate) fn with_shorter_times_of(self, other: &Self) -> Self {
        Self { median: self.median.min(other.median), p99: self.p99.min(other.p99), ..self }
    }

    /// The ratio of the median to that of an earlier window; 1 if it is shorter.
    pub(crate) fn slowdown_since(&self, before: &Self) -> f64 {
        self.median.div_duration_f64(before.median.max(Duration::from_micros(1))).max(1.0)
    }

    /// Describes what has grown since an earlier window. `slowdown` is that of the machine.
    pub(crate) fn growth_since(&self, before: &Self, slowdown: f64) -> Vec<String> {
        let slower = |now: Duration, then: Duration, (times, more): (f64, Duration)| {
            now > then.mul_f64(times * slowdown) + more
        };
        let mut grown = Vec::new();
        let mut check = |what: &str, has_grown: bool, then: String, now: String| {
            if has_grown {
                grown.push(format!("{what} was {then}, and is {now}"));
            }
        };
        let (then, now) = (before.resources, self.resources);
        check(
            "resident memory",
            now.memory_kb > then.memory_kb + MAX_MEMORY_GROWTH_KB,
            format!("{} kB", then.memory_kb),
            format!("{} kB", now.memory_kb),
        );
        check(
            "the number of open files",
            now.files > then.files + MAX_FILES_GROWTH,
            then.files.to_string(),
            now.files.to_string(),
        );
        check(
            "the median time",
            slower(self.median, before.median, MAX_MEDIAN_GROWTH),
            format!("{:.2?}", before.median),
            format!("{:.2?}", self.median),
        );
        check(
            "the 99th percentile",
            slower(self.p99, before.p99, MAX_P99_GROWTH),
            format!("{:.2?}", before.p99),
            format!("{:.2?}", self.p99),
        );
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(memory: u64, files: u64, median: u64, p99: u64) -> Figures {
        Figures {
            invocations: 100,
            resources: Resources { memory_kb: memory, files },
            median: Duration::from_micros(median),
            p99: Duration::from_micros(p99),
        }
    }

    #[test]
    fn growth_is_reported_and_fluctuation_is_not() {
        let before = figures(9000, 12, 2000, 9000);
        assert_eq!(before.growth_since(&before, 1.0), <[String; 0]>::default());
        let fluctuating = figures(9000 + MAX_MEMORY_GROWTH_KB, 12 + MAX_FILES_GROWTH, 4000, 28_000);
        assert_eq!(fluctuating.growth_since(&before, 1.0), <[String; 0]>::default());
        let grown = figures(9001 + MAX_MEMORY_GROWTH_KB, 13 + MAX_FILES_GROWTH, 4001, 28_001);
        let reported = grown.growth_since(&before, 1.0);
        assert_eq!(reported.len(), 4);
        assert_eq!(reported[0], "resident memory was 9000 kB, and is 10025 kB");
        // A slow machine explains times only.
        assert_eq!(grown.growth_since(&before, 1.1).len(), 2);
        assert!((grown.slowdown_since(&before) - 2.0).abs() < 0.01);
        assert!((before.slowdown_since(&grown) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn times_are_ignored_when_only_one_window_was_slow() {
        let before = figures(9000, 12, 2000, 9000);
        let (slow, fast) = (figures(9000, 12, 9000, 90_000), figures(8000, 11, 2000, 9000));
        assert_eq!(
            slow.with_shorter_times_of(&fast).growth_since(&before, 1.0),
            <[String; 0]>::default()
        );
        assert_eq!(slow.with_shorter_times_of(&slow).growth_since(&before, 1.0).len(), 2);
        // Memory is always that of the last window.
        assert_eq!(slow.with_shorter_times_of(&fast).resources, slow.resources);
    }

    #[test]
    fn figures_are_medians_of_the_window() {
        let sample = |memory_kb, files| Resources { memory_kb, files };
        let all = [sample(3, 30), sample(1, 20), sample(2, 10)];
        let window = Figures::new(&[5, 1, 3], &all);
        assert_eq!(window.resources, sample(2, 20));
        assert_eq!(window.median, Duration::from_micros(3));
        assert_eq!(window.invocations, 3);
    }
}
