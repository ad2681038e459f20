//! Counters per minute, day and month.

use crate::clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts within one period; the next period starts at zero.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counter {
    period: i64,
    count: u64,
}

impl Counter {
    /// Counts one of `limit` in `period`. `false` if the limit is reached.
    pub(crate) fn consume(&mut self, period: i64, limit: u64) -> bool {
        if self.period != period {
            *self = Self { period, count: 0 };
        }
        let left = self.count < limit;
        if left {
            self.count += 1;
        }
        left
    }

    /// The count in `period`.
    pub(crate) fn used(&self, period: i64) -> u64 {
        if self.period == period { self.count } else { 0 }
    }

    /// Resets the count.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }
}

/// An app's daily counters, by path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Quotas(BTreeMap<String, Counter>);

impl Quotas {
    /// Counts a call of `path` today. `false` if the limit is reached.
    pub(crate) fn consume(&mut self, path: &str, now: i64, limit: u64) -> bool {
        self.0.entry(path.to_owned()).or_default().consume(clock::day(now), limit)
    }

    /// The number of calls of each path today.
    pub(crate) fn used(&self, now: i64) -> BTreeMap<&str, u64> {
        let today = self.0.iter().filter(|(_, counter)| counter.period == clock::day(now));
        today.map(|(path, counter)| (path.as_str(), counter.count)).collect()
    }

    /// Resets one path.
    pub(crate) fn clear(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// Resets all paths.
    pub(crate) fn clear_all(&mut self) {
        self.0.clear();
    }
}

/// The number of times that an app has reset its daily counters this month.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct QuotaResets {
    /// Resets of all paths at once.
    pub(crate) all: Counter,
    /// Resets of one path.
    pub(crate) one: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_applies_within_one_period() {
        let mut counter = Counter::default();
        assert!(counter.consume(1, 2));
        assert!(counter.consume(1, 2));
        assert!(!counter.consume(1, 2));
        assert_eq!((counter.used(1), counter.used(2)), (2, 0));
        assert!(counter.consume(2, 2));
        counter.clear();
        assert_eq!(counter.used(2), 0);
    }
}
