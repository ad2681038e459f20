//! How often something may be done in a minute or a day.

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
        assert!(counter.take(2, 2));
    }
}
