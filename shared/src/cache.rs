//! A value from the Parameter Store, cached across invocations of an execution
//! environment.

use crate::clock::Timestamp;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// In seconds. An operator's change reaches every execution environment within it.
pub const TTL: u64 = 600;
/// In seconds: the TTL of a value that lacks what the caller needs. An operator may
/// have just added it, but requests for made-up names must not cause a read each.
pub const MISS_TTL: u64 = 10;
/// A read that takes longer is given up: the cached value is still usable.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// A cached value with a TTL.
#[derive(Debug)]
pub struct Cached<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    value: Arc<T>,
    read_at: Timestamp,
    /// Just before the value was read.
    read_from: Instant,
}

/// What the caller needs is missing in the cached value, and the value could not be read again:
/// it may exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameters can't be read, and the cached ones may be too old")]
pub struct Stale;

impl<T> Cached<T> {
    /// Caches a value that was read at `now`.
    pub fn new(value: T, now: Timestamp) -> Self {
        Self {
            inner: Mutex::new(Inner {
                value: Arc::new(value),
                read_at: now,
                read_from: Instant::now(),
            }),
        }
    }

    /// The value. It is read again when its TTL has passed, or, if it isn't
    /// sufficient, after [`MISS_TTL`]. If the read fails, the cached value stays.
    pub async fn get<E: Display>(
        &self,
        now: Timestamp,
        is_sufficient: impl Fn(&T) -> bool,
        read: impl Future<Output = Result<T, E>>,
    ) -> Arc<T> {
        let mut inner = self.inner.lock().await;
        let age = now.seconds_since(inner.read_at);
        if age > TTL || (age > MISS_TTL && !is_sufficient(&inner.value)) {
            inner.refresh(now, read).await;
        }
        Arc::clone(&inner.value)
    }

    /// As [`Cached::get`], for a caller whose failure would be final, and who names nothing
    /// that strangers may choose: a value that isn't sufficient is read again at once, unless
    /// it was read during this call. What is missing then is missing in the Parameter Store.
    pub async fn get_sure<E: Display>(
        &self,
        now: Timestamp,
        is_sufficient: impl Fn(&T) -> bool,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, Stale> {
        let called = Instant::now();
        let mut inner = self.inner.lock().await;
        let is_old = now.seconds_since(inner.read_at) > TTL;
        if is_old || (!is_sufficient(&inner.value) && inner.read_from < called) {
            let is_read = inner.refresh(now, read).await;
            if !is_read && !is_sufficient(&inner.value) {
                return Err(Stale);
            }
        }
        Ok(Arc::clone(&inner.value))
    }

    /// Makes the next [`Cached::get`] read again: the value has proved wrong.
    pub async fn invalidate(&self) {
        self.inner.lock().await.read_at = Timestamp(0);
    }
}

impl<T> Inner<T> {
    /// Reads the value again. False if that fails: then the cached value stays, and the next
    /// read waits for [`MISS_TTL`].
    async fn refresh<E: Display>(
        &mut self,
        now: Timestamp,
        read: impl Future<Output = Result<T, E>>,
    ) -> bool {
        let read_from = Instant::now();
        let problem = match tokio::time::timeout(READ_TIMEOUT, read).await {
            Ok(Ok(new)) => {
                *self = Self { value: Arc::new(new), read_at: now, read_from };
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        tracing::error!("reading parameters failed, the cached ones stay in use: {problem}");
        self.read_at = Timestamp((now.0 + MISS_TTL).saturating_sub(TTL));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const NOW: Timestamp = Timestamp(1_000_000);

    async fn get(cached: &Cached<u32>, now: Timestamp, enough: bool, reads: &Cell<u32>) -> u32 {
        let read = async {
            reads.set(reads.get() + 1);
            if reads.get() == 99 { Err("broken") } else { Ok(reads.get()) }
        };
        *cached.get(now, |_| enough, read).await
    }

    #[tokio::test]
    async fn value_is_read_again_when_old_insufficient_or_invalid() {
        let (cached, reads) = (Cached::new(0, NOW), Cell::new(0));
        assert_eq!(get(&cached, NOW.plus(600), true, &reads).await, 0);
        assert_eq!(get(&cached, NOW.plus(5), false, &reads).await, 0, "a miss costs no read");
        assert_eq!(get(&cached, NOW.plus(11), false, &reads).await, 1);
        assert_eq!(get(&cached, NOW.plus(700), true, &reads).await, 2);
        cached.invalidate().await;
        assert_eq!(get(&cached, NOW.plus(700), true, &reads).await, 3);
    }

    /// Fault 95.
    #[tokio::test]
    async fn missing_name_is_read_again_before_it_counts_as_missing() {
        let cached = Cached::new(0, NOW);
        let reads = Cell::new(0);
        let sure = async |wanted: u32, fails: bool| {
            let read = async {
                reads.set(reads.get() + 1);
                if fails { Err("broken") } else { Ok(reads.get()) }
            };
            cached.get_sure(NOW, |value| *value >= wanted, read).await.map(|value| *value)
        };
        assert_eq!(sure(0, false).await, Ok(0));
        assert_eq!((sure(1, false).await, reads.get()), (Ok(1), 1), "at once");
        assert_eq!((sure(1, false).await, reads.get()), (Ok(1), 1), "and only if it is missing");
        assert_eq!((sure(99, false).await, reads.get()), (Ok(2), 2), "surely missing");
        assert_eq!(sure(99, true).await, Err(Stale));
        assert_eq!(sure(2, true).await, Ok(2), "the cached value is still usable");
        assert_eq!(
            cached.get_sure(NOW.plus(700), |_| true, async { Err("broken") }).await,
            Ok(2.into())
        );
    }

    #[tokio::test]
    async fn failed_read_keeps_the_value_and_delays_the_next_read() {
        let (cached, reads) = (Cached::new(0, NOW), Cell::new(98));
        assert_eq!(get(&cached, NOW.plus(601), true, &reads).await, 0);
        assert_eq!(get(&cached, NOW.plus(602), true, &reads).await, 0);
        assert_eq!(reads.get(), 99, "not read again at once");
        assert_eq!(get(&cached, NOW.plus(613), true, &reads).await, 100);
    }
}
