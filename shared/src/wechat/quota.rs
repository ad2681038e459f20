//! How long to wait after a refusal of WeChat's before the same call can succeed.
//! All durations are in seconds.

use crate::clock::Timestamp;
use crate::wechat::refusal::{Refusal, Wait};

/// WeChat counts days by China's clocks.
const CHINA_UTC_OFFSET: u64 = 8 * 3600;
const DAY: u64 = 24 * 3600;
/// When WeChat, or the connection to it, fails.
pub const OUTAGE_BACKOFF: u64 = 60;
/// When an operator has to change something first, such as an IP list.
pub const OPERATOR_BACKOFF: u64 = 600;

/// Until daily quotas are reset: midnight in China.
pub fn until_midnight(now: Timestamp) -> u64 {
    DAY - (now.0 + CHINA_UTC_OFFSET) % DAY
}

/// How long to wait before the same call can succeed. None if waiting doesn't help, or
/// WeChat names no time.
pub fn retry_after(refusal: &Refusal, now: Timestamp) -> Option<u64> {
    Some(match refusal.wait()? {
        Wait::Seconds(seconds) => seconds,
        Wait::Minute => 60 - now.0 % 60,
        Wait::Midnight => until_midnight(now),
    })
}

/// Whether WeChat rejects the address that the call came from: it isn't on the
/// account's IP list (IP白名单), or the administrator hasn't confirmed it.
pub(super) fn is_ip_rejection(code: i64) -> bool {
    matches!(code, 40090 | 40164 | 45035 | 61004 | 89501..=89507)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 22:13:20 UTC: 06:13:20 of the 15th in China.
    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn after(code: i64) -> Option<u64> {
        retry_after(&Refusal::with_code("/any", code), NOW)
    }

    #[test]
    fn daily_quota_is_reset_at_midnight_in_china() {
        assert_eq!(until_midnight(NOW), DAY - (6 * 3600 + 13 * 60 + 20));
        assert_eq!(until_midnight(NOW.plus(until_midnight(NOW))), DAY);
    }

    #[test]
    fn quotas_tokens_and_ip_lists_are_waited_for() {
        assert_eq!(after(45009), Some(until_midnight(NOW)));
        assert_eq!(after(45011), Some(40));
        assert_eq!(after(40001), Some(OUTAGE_BACKOFF));
        // At least as long as they say.
        for code in [43117, 40241, 45066] {
            assert_eq!(after(code), Some(60), "{code}");
        }
        for code in [40090, 40164, 45035, 61004, 89501, 89503, 89506, 89507] {
            assert_eq!(after(code), Some(OPERATOR_BACKOFF), "{code}");
        }
    }

    #[test]
    fn other_refusals_are_not_waited_for() {
        for code in [-1, 43101, 43004, 47003, 40037, 48001, 45015, 45047, 43107, 99999] {
            assert_eq!(after(code), None, "{code}");
        }
    }
}
