//! Calls that WeChat is too busy for.

use shared::jitter;
use shared::wechat::client::CallError;
use std::time::Duration;

/// The pauses between the tries, at their longest: 3 tries within half a second,
/// as somebody is waiting.
const PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(350)];

/// Makes a call that may be repeated, again if WeChat says that it is busy (-1).
///
/// WeChat doesn't document whether a code is used up by that. As a rule it isn't;
/// if it is, the repeat is told so (40163, 40029), and the user is no worse off.
///
/// # Errors
///
/// The last try's.
pub(crate) async fn again<T, F>(call: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    for pause in PAUSES {
        match call().await {
            Err(error) if error.refusal().is_some_and(|refusal| refusal.code == -1) => {
                // Without jitter, calls that failed together would fail together again.
                let random = f64::from(jitter::random_u32()) / f64::from(u32::MAX);
                tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * random)).await;
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

    /// A call that WeChat refuses so often, and how often it is made.
    async fn made(code: i64, refusals: u32) -> (bool, u32) {
        let calls = Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() > refusals {
                return Ok(());
            }
            let refusal = Refusal { code, message: String::new(), rid: None };
            Err(CallError::Refused { api: "/sns/jscode2session", refusal })
        };
        (again(call).await.is_ok(), calls.get())
    }

    #[tokio::test]
    async fn only_a_busy_wechat_is_asked_again_and_thrice_at_most() {
        assert_eq!(made(-1, 0).await, (true, 1));
        assert_eq!(made(-1, 2).await, (true, 3));
        assert_eq!(made(-1, 100).await, (false, 3));
        for code in [40029, 40163, 40226, 45011, 40001] {
            assert_eq!(made(code, 100).await, (false, 1), "{code}");
        }
    }
}
