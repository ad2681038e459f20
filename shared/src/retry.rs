//! Attempts and the pauses between them. Callers with a deadline wrap a retry in
//! `tokio::time::timeout`.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Maximum number of attempts, the first one included.
    pub max_attempts: u32,
    /// The longest pause after the first attempt. It doubles with every attempt.
    pub base: Duration,
    /// No pause is longer.
    pub max_pause: Duration,
}

impl Retry {
    /// Attempts a call until it succeeds, fails with an error that isn't transient, or
    /// has been attempted `max_attempts` times.
    pub async fn run<T, E, F>(
        self,
        call: impl Fn() -> F,
        is_transient: impl Fn(&E) -> bool,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1..self.max_attempts {
            match call().await {
                Err(error) if is_transient(&error) => self.backoff(attempt).await,
                result => return result,
            }
        }
        call().await
    }

    /// Calls until there is a value, up to `max_attempts` times.
    pub async fn poll<T, E, F>(self, call: impl Fn() -> F) -> Result<Option<T>, E>
    where
        F: Future<Output = Result<Option<T>, E>>,
    {
        for attempt in 1..self.max_attempts {
            if let Some(value) = call().await? {
                return Ok(Some(value));
            }
            self.backoff(attempt).await;
        }
        call().await
    }

    /// Sleeps after the attempt of this number, which counts from 1.
    pub async fn backoff(self, attempt: u32) {
        tokio::time::sleep(self.pause(attempt)).await;
    }

    /// A random pause, from half of the longest one after this attempt to all of it.
    /// Without jitter, callers that failed together would fail together again.
    fn pause(self, attempt: u32) -> Duration {
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        self.longest_pause(attempt).mul_f64(0.5 + 0.5 * random)
    }

    fn longest_pause(self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.max_pause)
    }

    /// The longest time that all pauses together take.
    pub fn longest_total_pause(self) -> Duration {
        (1..self.max_attempts).map(|attempt| self.longest_pause(attempt)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const RETRY: Retry = Retry {
        max_attempts: 4,
        base: Duration::from_millis(20),
        max_pause: Duration::from_millis(50),
    };

    /// The result of a call that fails this often with an error, and how often it is made.
    async fn run(error: &'static str, failures: u32) -> (bool, u32) {
        let calls = Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() <= failures { Err(error) } else { Ok(()) }
        };
        (RETRY.run(call, |error| *error == "busy").await.is_ok(), calls.get())
    }

    #[tokio::test]
    async fn transient_error_is_retried_until_attempts_run_out() {
        assert_eq!(run("busy", 0).await, (true, 1));
        assert_eq!(run("busy", 3).await, (true, 4));
        assert_eq!(run("busy", 4).await, (false, 4));
        assert_eq!(run("refused", 1).await, (false, 1));
    }

    #[tokio::test]
    async fn poll_ends_with_the_first_value_or_without_one() {
        let poll = async |there_at: u32| {
            let calls = Cell::new(0);
            let call = async || {
                calls.set(calls.get() + 1);
                Ok::<_, ()>((calls.get() == there_at).then_some(calls.get()))
            };
            RETRY.poll(call).await.unwrap()
        };
        assert_eq!(poll(1).await, Some(1));
        assert_eq!(poll(4).await, Some(4));
        assert_eq!(poll(5).await, None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let longest = [1, 2, 3, 99].map(|attempt| RETRY.longest_pause(attempt).as_millis());
        assert_eq!(longest, [20, 40, 50, 50]);
        assert_eq!(RETRY.longest_total_pause(), Duration::from_millis(110));
        let pauses: Vec<_> = (0..20).map(|_| RETRY.pause(1)).collect();
        assert!(pauses.iter().all(|pause| *pause >= RETRY.base / 2 && *pause <= RETRY.base));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
