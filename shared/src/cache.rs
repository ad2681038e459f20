//! A value from the Parameter Store, cached across invocations of an execution
//! environment.

use crate::clock::Timestamp;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// In seconds. An operator's change reaches every execution environment within it.
const TTL: u64 = 600;
/// In seconds: the TTL of a value that lacks what the caller needs. An operator may
/// have just added it, but requests for made-up names must not cause a read each.
pub const MISS_TTL: u64 = 10;
/// A read that takes longer is given up: the cached value is still usable.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// A cached value with a TTL.
#[derive(Debug)]
pub struct Cached<T> {
    inner: Mutex<(Arc<T>, Timestamp)>,
}

impl<T> Cached<T> {
    /// Caches a value that was read at `now`.
    pub fn new(value: T, now: Timestamp) -> Self {
        Self { inner: Mutex::new((Arc::new(value), now)) }
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
        let (value, read_at) = &mut *inner;
        let age = now.seconds_since(*read_at);
        if age > TTL || (age > MISS_TTL && !is_sufficient(value)) {
            match tokio::time::timeout(READ_TIMEOUT, read).await {
                Ok(Ok(new)) => (*value, *read_at) = (Arc::new(new), now),
                failed => {
                    let problem = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => "no answer".to_owned(),
                    };
                    tracing::error!(
                        "reading parameters failed, the cached ones stay in use: {problem}"
                    );
                    *read_at = Timestamp((now.0 + MISS_TTL).saturating_sub(TTL));
                }
            }
        }
        Arc::clone(value)
    }

    /// Makes the next [`Cached::get`] read again: the value has proved wrong.
    pub async fn invalidate(&self) {
        self.inner.lock().await.1 = Timestamp(0);
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

    #[tokio::test]
    async fn failed_read_keeps_the_value_and_delays_the_next_read() {
        let (cached, reads) = (Cached::new(0, NOW), Cell::new(98));
        assert_eq!(get(&cached, NOW.plus(601), true, &reads).await, 0);
        assert_eq!(get(&cached, NOW.plus(602), true, &reads).await, 0);
        assert_eq!(reads.get(), 99, "not read again at once");
        assert_eq!(get(&cached, NOW.plus(613), true, &reads).await, 100);
    }
}
