//! How often something may be done in a minute, a day or a month.

use crate::clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts within one period and starts anew in the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counter {
    period: i64,
    count: u64,
}

impl Counter {
    /// Takes one of `limit`, unless `period` has none left.
    pub(crate) fn take(&mut self, period: i64, limit: u64) -> bool {
        if self.period != period {
            *self = Self { period, count: 0 };
        }
        let left = self.count < limit;
        if left {
            self.count += 1;
        }
        left
    }

    /// How many were taken in `period`.
    pub(crate) fn used(&self, period: i64) -> u64 {
        if self.period == period { self.count } else { 0 }
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }
}

/// An app's daily counters, by path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Quotas(BTreeMap<String, Counter>);

impl Quotas {
    /// Counts a call of `path`, unless today has none left.
    pub(crate) fn take(&mut self, path: &str, now: i64, limit: u64) -> bool {
        self.0.entry(path.to_owned()).or_default().take(clock::day(now), limit)
    }

    /// How often each path was called today.
    pub(crate) fn used(&self, now: i64) -> BTreeMap<&str, u64> {
        let today = self.0.iter().filter(|(_, counter)| counter.period == clock::day(now));
        today.map(|(path, counter)| (path.as_str(), counter.count)).collect()
    }

    /// Begins anew with one path.
    pub(crate) fn clear(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// Begins anew with all paths.
    pub(crate) fn clear_all(&mut self) {
        self.0.clear();
    }
}

/// How often this month an app has begun anew with its daily counters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clears {
    /// With all of them at once: 10 times a month.
    pub(crate) all: Counter,
    /// With those of one path: 50 times a month.
    pub(crate) one: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_within_its_period_only() {
        let mut counter = Counter::default();
        assert!(counter.take(1, 2));
        assert!(counter.take(1, 2));
        assert!(!counter.take(1, 2));
        assert_eq!((counter.used(1), counter.used(2)), (2, 0));
        assert!(counter.take(2, 2));
        counter.clear();
        assert_eq!(counter.used(2), 0);
    }
}
