//! Whether a function is at the end as it was when it was warm.

use crate::process::Held;
use crate::watch::quantile;
use std::time::Duration;

/// Resident memory may be so much more, in kB: pages that the allocator has not given
/// back, and caches that fill slowly (who follows, which access tokens, which
/// templates), which have their bounds.
const MEMORY: u64 = 1024;
/// So many file descriptors may be more: a connection or two that is just being made,
/// while the one before it isn't quite closed, and a batch of ten that comes together.
const FILES: u64 = 12;
/// A time may be so many times as long, and a bit more, because this machine has
/// something else to do as well. What gets slower with every invocation is soon slower
/// than that.
const MEDIAN: (f64, Duration) = (1.5, Duration::from_millis(1));
/// The slowest are those that had to wait for something.
const SLOWEST: (f64, Duration) = (2.0, Duration::from_millis(10));

/// What a function was like in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) invocations: usize,
    pub(crate) held: Held,
    pub(crate) median: Duration,
    /// Of a hundred invocations, 99 took no longer.
    pub(crate) slowest: Duration,
}

impl Figures {
    /// Those of a window in which invocations took so long, in microseconds, and in
    /// which it was looked so often at what the processes hold.
    pub(crate) fn of(times: &[u32], held: &[Held]) -> Self {
        // The median of each, for what is there for a moment only.
        let middle = |of: fn(&Held) -> u64| {
            let all: Vec<_> = held.iter().map(of).collect();
            measuring::median(&all, Ord::cmp).unwrap_or_default()
        };
        Self {
            invocations: times.len(),
            held: Held { memory: middle(|it| it.memory), files: middle(|it| it.files) },
            median: quantile(times, 0.5),
            slowest: quantile(times, 0.99),
        }
    }

    /// The same, with the times of another window if they were shorter.
    pub(crate) fn or_as_fast_as(self, other: &Self) -> Self {
        Self {
            median: self.median.min(other.median),
            slowest: self.slowest.min(other.slowest),
            ..self
        }
    }

    /// How many times as long it took as in an earlier window; 1 if it took less.
    pub(crate) fn times_as_slow_as(&self, before: &Self) -> f64 {
        self.median.div_duration_f64(before.median.max(Duration::from_micros(1))).max(1.0)
    }

    /// What is not as it was in an earlier window, when the machine is so many times as
    /// slow.
    pub(crate) fn grown(&self, before: &Self, machine: f64) -> Vec<String> {
        let slower = |now: Duration, then: Duration, (times, more): (f64, Duration)| {
            now > then.mul_f64(times * machine) + more
        };
        let mut grown = Vec::new();
        let mut told = |what: &str, is: bool, then: String, now: String| {
            if is {
                grown.push(format!("{what} was {then}, and is {now}"));
            }
        };
        let (then, now) = (before.held, self.held);
        told(
            "resident memory",
            now.memory > then.memory + MEMORY,
            format!("{} kB", then.memory),
            format!("{} kB", now.memory),
        );
        told(
            "the number of open files",
            now.files > then.files + FILES,
            then.files.to_string(),
            now.files.to_string(),
        );
        told(
            "the median time",
            slower(self.median, before.median, MEDIAN),
            format!("{:.2?}", before.median),
            format!("{:.2?}", self.median),
        );
        told(
            "the 99th of a hundred times",
            slower(self.slowest, before.slowest, SLOWEST),
            format!("{:.2?}", before.slowest),
            format!("{:.2?}", self.slowest),
        );
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(memory: u64, files: u64, median: u64, slowest: u64) -> Figures {
        Figures {
            invocations: 100,
            held: Held { memory, files },
            median: Duration::from_micros(median),
            slowest: Duration::from_micros(slowest),
        }
    }

    #[test]
    fn what_grows_is_told_and_what_sways_is_not() {
        let before = figures(9000, 12, 2000, 9000);
        assert_eq!(before.grown(&before, 1.0), <[String; 0]>::default());
        let swaying = figures(9000 + MEMORY, 12 + FILES, 4000, 28_000);
        assert_eq!(swaying.grown(&before, 1.0), <[String; 0]>::default());
        let grown = figures(9001 + MEMORY, 13 + FILES, 4001, 28_001);
        let told = grown.grown(&before, 1.0);
        assert_eq!(told.len(), 4);
        assert_eq!(told[0], "resident memory was 9000 kB, and is 10025 kB");
        // A slow machine is an excuse for times only.
        assert_eq!(grown.grown(&before, 1.1).len(), 2);
        assert!((grown.times_as_slow_as(&before) - 2.0).abs() < 0.01);
        assert!((before.times_as_slow_as(&grown) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_was_slow_for_one_window_only_was_disturbed() {
        let before = figures(9000, 12, 2000, 9000);
        let (slow, fast) = (figures(9000, 12, 9000, 90_000), figures(8000, 11, 2000, 9000));
        assert_eq!(slow.or_as_fast_as(&fast).grown(&before, 1.0), <[String; 0]>::default());
        assert_eq!(slow.or_as_fast_as(&slow).grown(&before, 1.0).len(), 2);
        // Memory is what it is in the end.
        assert_eq!(slow.or_as_fast_as(&fast).held, slow.held);
    }

    #[test]
    fn a_window_has_its_middle_values() {
        let held = |memory, files| Held { memory, files };
        let all = [held(3, 30), held(1, 20), held(2, 10)];
        let window = Figures::of(&[5, 1, 3], &all);
        assert_eq!(window.held, held(2, 20));
        assert_eq!(window.median, Duration::from_micros(3));
        assert_eq!(window.invocations, 3);
    }
}
