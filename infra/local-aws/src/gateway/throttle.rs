//! Throttles routes: a token bucket for each.
//!
//! "Throttle requests to your HTTP APIs for better throughput in API Gateway": a
//! request takes a token; the burst limit is the capacity and the rate limit the tokens
//! that are added each second. Without a token the response is 429. AWS applies both on
//! a best-effort basis; here they are exact.

use std::{sync::Mutex, time::Duration};

use crate::route::Limit;

/// The tokens of one route.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    /// How many there were, and when.
    level: Mutex<(f64, Duration)>,
}

impl Bucket {
    /// A full one. None where nothing is limited.
    pub(super) fn new(limit: Limit) -> Option<Self> {
        let (Some(rate), Some(burst)) = (limit.rate, limit.burst) else { return None };
        let burst = f64::from(burst);
        Some(Self { rate, burst, level: Mutex::new((burst, Duration::ZERO)) })
    }

    /// Takes a token, if there is one. `now` is the time since a fixed origin.
    pub(super) fn take_token(&self, now: Duration) -> bool {
        let Ok(mut level) = self.level.lock() else { return false };
        let (left, at) = *level;
        let since = now.saturating_sub(at).as_secs_f64();
        let left = (left + since * self.rate).min(self.burst);
        let takes = left >= 1.0;
        *level = (if takes { left - 1.0 } else { left }, now.max(at));
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_so_many_a_second() {
        let bucket = Bucket::new(Limit { rate: Some(2.0), burst: Some(3) }).unwrap();
        let at = Duration::from_millis;
        let taken = |times: usize, now| (0..times).filter(|_| bucket.take_token(now)).count();
        assert_eq!(taken(5, at(10_000)), 3);
        assert_eq!(taken(5, at(10_499)), 0);
        assert_eq!(taken(5, at(10_500)), 1);
        assert_eq!(taken(5, at(11_500)), 2);
        assert_eq!(taken(5, at(60_000)), 3, "no more than the burst");
        assert_eq!(taken(5, at(1_000)), 0, "a clock that goes back brings none");
    }

    #[test]
    fn unlimited_route_has_no_bucket_and_zero_rate_closes_it() {
        assert!(Bucket::new(Limit::default()).is_none());
        let closed = Bucket::new(Limit { rate: Some(0.0), burst: Some(0) }).unwrap();
        assert!(!closed.take_token(Duration::from_secs(1_000)));
    }
}
