//! What an operator watches.
//!
//! | Metric | Unit | Dimensions | |
//! |---|---|---|---|
//! | `token_age` | seconds | `app` | since WeChat handed the stored token out |
//! | `token_expires_in` | seconds | `app` | left of the stored token; 0 if there is none. Never below 240 while all is well |
//! | `token_failed` | count | `app`, `code` | WeChat's code, or a word if it gave none |
//! | `token_forced` | count | `app` | a token had to be forced |

use crate::failure::RefreshError;
use shared::clock::Timestamp;
use shared::metric::{self, Unit};
use shared::parameters::{App as WeChatApp, StoredToken};

/// WeChat hands out the successor in a token's last 300 seconds, and every minute
/// somebody looks. With less than this many left it is overdue.
const OVERDUE: u64 = 200;

/// An app has a token, which may be old.
pub(crate) fn has(app: &WeChatApp, stored: &StoredToken, now: Timestamp) {
    let left = stored.expires_at.seconds_since(now);
    metric::record("token_age", Unit::Seconds, stored.age(now), &[("app", &app.alias)]);
    metric::record("token_expires_in", Unit::Seconds, left, &[("app", &app.alias)]);
    if left < OVERDUE {
        tracing::error!(
            app = app.alias,
            generation = stored.generation,
            expires_in = left,
            "the successor of the access token is overdue"
        );
    }
}

/// An app has no token at all.
pub(crate) fn has_none(app: &WeChatApp) {
    metric::record("token_expires_in", Unit::Seconds, 0, &[("app", &app.alias)]);
}

/// An app's token could not be had. One app's failure doesn't stop the others.
pub(crate) fn failed(app: &WeChatApp, error: &RefreshError) {
    tracing::error!(app = app.alias, "no access token: {error}");
    if let Some(code) = error.code() {
        metric::record("token_failed", Unit::Count, 1, &[("app", &app.alias), ("code", &code)]);
    }
}
