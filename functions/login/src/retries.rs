//! The retries of this function. Users wait for them, so they are short.

use shared::retry::Retry;
use shared::wechat::client::CallError;
use shared::wechat::refusal::ErrorClass;
use std::time::Duration;

/// For a call that WeChat is too busy for: 3 attempts within half a second.
const WECHAT_BUSY: Retry = Retry {
    max_attempts: 3,
    base: Duration::from_millis(150),
    max_pause: Duration::from_millis(300),
};

/// For a parameter that another execution environment has just created: the Parameter
/// Store is eventually consistent.
pub(crate) const PARAMETER_CONSISTENCY: Retry = Retry {
    max_attempts: 5,
    base: Duration::from_millis(100),
    max_pause: Duration::from_millis(200),
};

/// For the session of a concurrent request with the same code, which takes two or three
/// DynamoDB calls to store it. About a second in all.
pub(crate) const CONCURRENT_LOGIN: Retry = Retry {
    max_attempts: 6,
    base: Duration::from_millis(100),
    max_pause: Duration::from_millis(350),
};

/// Makes a call, again if WeChat answers that it is busy (-1, and what else its table calls so).
///
/// WeChat doesn't document whether a busy answer uses up a code. As a rule it doesn't; if
/// it does, the retry fails with 40163 or 40029, and the user is no worse off.
pub(crate) async fn retry_when_busy<T, F>(call: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let is_busy = |error: &CallError| {
        error.refusal().is_some_and(|refusal| refusal.class() == ErrorClass::Retry)
    };
    WECHAT_BUSY.run(call, is_busy).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wechat::refusal::Refusal;
    use std::cell::Cell;

    /// Whether a call succeeds that WeChat refuses `refusals` times, and how often it is made.
    async fn call_count(code: i64, refusals: u32) -> (bool, u32) {
        let calls = Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() > refusals {
                return Ok(());
            }
            Err(CallError::Refused { refusal: Refusal::with_code("/sns/jscode2session", code) })
        };
        (retry_when_busy(call).await.is_ok(), calls.get())
    }

    #[tokio::test]
    async fn call_is_retried_only_when_wechat_is_busy_and_made_three_times_at_most() {
        assert_eq!(call_count(-1, 0).await, (true, 1));
        assert_eq!(call_count(-1, 2).await, (true, 3));
        assert_eq!(call_count(-1, 100).await, (false, 3));
        for code in [-1000, 20001] {
            assert_eq!(call_count(code, 100).await, (false, 3), "{code}");
        }
        for code in [40029, 40163, 40226, 45011, 40001, 99999] {
            assert_eq!(call_count(code, 100).await, (false, 1), "{code}");
        }
    }
}
