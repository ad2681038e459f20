//! Token buckets, one for each partition key value.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use super::PartitionLimits;

/// Beyond this number the buckets that are full again are dropped.
const MAX_BUCKETS: usize = 100_000;

/// A partition key value, as far as it is limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Partition {
    /// The table's name, or `{table}/index/{index}`.
    pub(super) resource: String,
    /// The value, in JSON.
    pub(super) key: String,
    /// Reads and writes have limits of their own.
    pub(super) reads: bool,
}

/// What each partition key value has left of its second.
#[derive(Debug)]
pub(super) struct Buckets {
    limits: PartitionLimits,
    buckets: HashMap<Partition, Bucket>,
    throttled: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    units: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, limit: f64, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * limit;
        *self = Self { units: (self.units + earned).min(limit), at: now };
    }
}

impl Buckets {
    pub(super) fn new(limits: PartitionLimits) -> Self {
        Self { limits, buckets: HashMap::new(), throttled: BTreeMap::new() }
    }

    pub(super) fn limits(&self) -> PartitionLimits {
        self.limits
    }

    pub(super) fn throttled(&self) -> &BTreeMap<String, u64> {
        &self.throttled
    }

    /// Counts a refusal.
    pub(super) fn count(&mut self, resource: &str) {
        *self.throttled.entry(resource.to_owned()).or_default() += 1;
    }

    /// The first of these partitions that has nothing left.
    pub(super) fn exhausted<'a>(
        &mut self,
        expected: &'a [(Partition, f64)],
    ) -> Option<&'a Partition> {
        let empty = expected.iter().find(|(partition, _)| self.bucket(partition).units <= 0.0);
        empty.map(|(partition, _)| partition)
    }

    /// Takes units, or gives them back if they are negative.
    pub(super) fn consume<'a>(&mut self, units: impl Iterator<Item = (&'a Partition, f64)>) {
        for (partition, units) in units {
            let limit = self.limit(partition);
            let bucket = self.bucket(partition);
            bucket.units = (bucket.units - units).min(limit);
        }
        if self.buckets.len() > MAX_BUCKETS {
            let (limits, now) = (self.limits, Instant::now());
            self.buckets.retain(|partition, bucket| {
                let limit = limit_for(limits, partition);
                bucket.refill(limit, now);
                bucket.units < limit
            });
        }
    }

    fn limit(&self, partition: &Partition) -> f64 {
        limit_for(self.limits, partition)
    }

    fn bucket(&mut self, partition: &Partition) -> &mut Bucket {
        let (limit, now) = (self.limit(partition), Instant::now());
        let bucket =
            self.buckets.entry(partition.clone()).or_insert(Bucket { units: limit, at: now });
        bucket.refill(limit, now);
        bucket
    }
}

fn limit_for(limits: PartitionLimits, partition: &Partition) -> f64 {
    if partition.reads { limits.read_units } else { limits.write_units }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_gets_its_units_each_second_and_pays_its_debt_first() {
        let mut buckets = Buckets::new(PartitionLimits { write_units: 10.0, read_units: 30.0 });
        let write = |key: &str| {
            let (resource, key) = ("letters".to_owned(), key.to_owned());
            vec![(Partition { resource, key, reads: false }, 4.0)]
        };
        let mut admitted = |key| {
            let call = write(key);
            let is_admitted = buckets.exhausted(&call).is_none();
            if is_admitted {
                buckets.consume(call.iter().map(|(partition, units)| (partition, *units)));
            }
            is_admitted
        };
        // Ten units: the third call takes more than is left, and the fourth finds a debt.
        assert_eq!([(); 4].map(|()| admitted("ann")), [true, true, true, false]);
        assert!(admitted("bob"), "another key has units of its own");
        tokio::time::advance(Duration::from_millis(150)).await;
        assert!(!admitted("ann"), "1.5 units pay a part of the debt of 2");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(admitted("ann"));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([(); 4].map(|()| admitted("ann")), [true, true, true, false], "no more is kept");
    }
}
