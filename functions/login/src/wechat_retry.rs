//! Retries calls that WeChat is too busy for.

use shared::jitter;
use shared::wechat::client::CallError;
use std::time::Duration;

/// The longest pauses between the attempts: 3 attempts within half a second, as the user
/// waits.
const MAX_PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(350)];

/// Makes an idempotent call, again if WeChat answers that it is busy (-1).
///
/// WeChat doesn't document whether a busy answer uses up a code. As a rule it doesn't; if
/// it does, the retry fails with 40163 or 40029, and the user is no worse off.
pub(crate) async fn retry_when_busy<T, F>(call: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    for pause in MAX_PAUSES {
        match call().await {
            Err(error) if error.refusal().is_some_and(|refusal| refusal.code == -1) => {
                // Jitter: otherwise calls that met the same overload retry together.
                let jitter = f64::from(jitter::random_u32()) / f64::from(u32::MAX);
                tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * jitter)).await;
            }
            done => return done,
        }
    }
    call().await
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
            let refusal = Refusal { code, message: String::new(), rid: None };
            Err(CallError::Refused { api: "/sns/jscode2session", refusal })
        };
        (retry_when_busy(call).await.is_ok(), calls.get())
    }

    #[tokio::test]
    async fn call_is_retried_only_when_wechat_is_busy_and_made_three_times_at_most() {
        assert_eq!(call_count(-1, 0).await, (true, 1));
        assert_eq!(call_count(-1, 2).await, (true, 3));
        assert_eq!(call_count(-1, 100).await, (false, 3));
        for code in [40029, 40163, 40226, 45011, 40001] {
            assert_eq!(call_count(code, 100).await, (false, 1), "{code}");
        }
    }
}
