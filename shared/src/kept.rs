//! What was read from the Parameter Store, kept between invocations.

use crate::clock::Timestamp;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A value is read again after this many seconds: an operator's change reaches
/// every running environment.
const FRESH: u64 = 600;
/// A value that lacks something is read again after this many seconds: it may
/// have been added just now, but strangers who try names must not make us ask
/// each time.
pub const AGAIN: u64 = 10;
/// Reading again may take this long. What was read before is still good.
const PATIENCE: Duration = Duration::from_secs(1);

/// A value that is read again now and then.
#[derive(Debug)]
pub struct Kept<T> {
    inner: Mutex<(Arc<T>, Timestamp)>,
}

impl<T> Kept<T> {
    /// Keeps a value that was read just now.
    pub fn new(value: T, now: Timestamp) -> Self {
        Self { inner: Mutex::new((Arc::new(value), now)) }
    }

    /// The value; `read` again if it's old, or if it lacks what is asked for.
    /// If that fails, what was good before is better than nothing.
    pub async fn get<E: Display>(
        &self,
        now: Timestamp,
        suffices: impl Fn(&T) -> bool,
        read: impl Future<Output = Result<T, E>>,
    ) -> Arc<T> {
        let mut kept = self.inner.lock().await;
        let (value, read_at) = &mut *kept;
        let age = now.seconds_since(*read_at);
        if age > FRESH || (age > AGAIN && !suffices(value)) {
            match tokio::time::timeout(PATIENCE, read).await {
                Ok(Ok(new)) => (*value, *read_at) = (Arc::new(new), now),
                failed => {
                    let problem = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => "no answer".to_owned(),
                    };
                    tracing::error!("parameters can't be read again: {problem}");
                    *read_at = Timestamp((now.0 + AGAIN).saturating_sub(FRESH));
                }
            }
        }
        Arc::clone(value)
    }

    /// Makes the next [`Kept::get`] read again: the value has proved wrong.
    pub async fn distrust(&self) {
        self.inner.lock().await.1 = Timestamp(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const NOW: Timestamp = Timestamp(1_000_000);

    async fn get(kept: &Kept<u32>, now: Timestamp, enough: bool, reads: &Cell<u32>) -> u32 {
        let read = async {
            reads.set(reads.get() + 1);
            if reads.get() == 99 { Err("broken") } else { Ok(reads.get()) }
        };
        *kept.get(now, |_| enough, read).await
    }

    #[tokio::test]
    async fn it_is_read_again_when_old_or_lacking() {
        let (kept, reads) = (Kept::new(0, NOW), Cell::new(0));
        assert_eq!(get(&kept, NOW.plus(600), true, &reads).await, 0);
        assert_eq!(get(&kept, NOW.plus(5), false, &reads).await, 0, "strangers can't make us ask");
        assert_eq!(get(&kept, NOW.plus(11), false, &reads).await, 1);
        assert_eq!(get(&kept, NOW.plus(700), true, &reads).await, 2);
        kept.distrust().await;
        assert_eq!(get(&kept, NOW.plus(700), true, &reads).await, 3);
    }

    #[tokio::test]
    async fn a_failure_leaves_what_was_good_and_waits_before_the_next_try() {
        let (kept, reads) = (Kept::new(0, NOW), Cell::new(98));
        assert_eq!(get(&kept, NOW.plus(601), true, &reads).await, 0);
        assert_eq!(get(&kept, NOW.plus(602), true, &reads).await, 0);
        assert_eq!(reads.get(), 99, "not asked again at once");
        assert_eq!(get(&kept, NOW.plus(613), true, &reads).await, 100);
    }
}
