//! Reply windows: how many customer-service messages an app may send, and until when, after
//! something the person did.
//!
//! Source: the table of windows in WeChat's documentation, "发送客服消息" (send a
//! customer-service message).

use crate::api_error::{self, ApiError};
use serde::{Deserialize, Serialize};

/// What opens a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WindowTrigger {
    /// A message from the person.
    Message,
    /// A tap on the menu.
    Click,
    /// Following.
    Follow,
    /// A follower's scan of a QR code.
    Scan,
    /// Entering the customer-service session of a Mini Program.
    Enter,
}

/// An open window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplyWindow {
    trigger: WindowTrigger,
    /// Unix seconds.
    until: i64,
    /// Messages left.
    left: u32,
}

/// Opens a window, in place of the previous one with the same trigger.
pub(crate) fn open(windows: &mut Vec<ReplyWindow>, trigger: WindowTrigger, now: i64) {
    let (left, seconds) = match trigger {
        WindowTrigger::Message => (5, 48 * 3600),
        WindowTrigger::Click | WindowTrigger::Follow | WindowTrigger::Scan => (3, 60),
        WindowTrigger::Enter => (2, 60),
    };
    windows.retain(|window| window.trigger != trigger && now < window.until);
    windows.push(ReplyWindow { trigger, until: now + seconds, left });
}

/// Fails unless a message may be sent now.
pub(crate) fn check(windows: &[ReplyWindow], now: i64) -> Result<(), ApiError> {
    find(windows, now).map(|_| ())
}

/// Takes one message from the open window that closes first.
pub(crate) fn consume(windows: &mut [ReplyWindow], now: i64) -> Result<(), ApiError> {
    let at = find(windows, now)?;
    windows[at].left -= 1;
    Ok(())
}

fn find(windows: &[ReplyWindow], now: i64) -> Result<usize, ApiError> {
    let open = || windows.iter().enumerate().filter(|(_, window)| now < window.until);
    if open().next().is_none() {
        return Err(api_error::OUT_OF_TIME);
    }
    let usable = open().filter(|(_, window)| window.left > 0);
    let first = usable.min_by_key(|(_, window)| window.until);
    first.map(|(at, _)| at).ok_or(api_error::OUT_OF_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errcode(windows: &mut [ReplyWindow], now: i64) -> Option<i64> {
        consume(windows, now).err().map(|error| error.errcode)
    }

    #[test]
    fn windows_close_by_count_and_by_time() {
        let mut windows = Vec::new();
        assert_eq!(errcode(&mut windows, 0), Some(45015));
        open(&mut windows, WindowTrigger::Click, 0);
        assert_eq!([0, 1, 59].map(|now| errcode(&mut windows, now)), [None, None, None]);
        assert_eq!(errcode(&mut windows, 59), Some(45047));
        assert_eq!(errcode(&mut windows, 60), Some(45015));
    }

    #[test]
    fn click_does_not_shorten_the_window_of_a_message() {
        let mut windows = Vec::new();
        open(&mut windows, WindowTrigger::Message, 0);
        open(&mut windows, WindowTrigger::Click, 10);
        for _ in 0..3 {
            assert_eq!(errcode(&mut windows, 11), None);
        }
        for _ in 0..5 {
            assert_eq!(errcode(&mut windows, 48 * 3600 - 1), None, "the click's were used first");
        }
        assert_eq!(errcode(&mut windows, 48 * 3600 - 1), Some(45047));
        open(&mut windows, WindowTrigger::Message, 48 * 3600);
        assert_eq!(errcode(&mut windows, 48 * 3600), None, "a new message starts a new count");
    }
}
