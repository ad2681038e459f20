//! What an operator watches.

use crate::failure::RefreshError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{StoredToken, WeChatApp};

/// WeChat hands out the successor in a token's last 300 seconds, and every minute
/// somebody looks. With less than this many left it is overdue.
const OVERDUE: u64 = 200;

/// An app has a token, which may be old.
pub(crate) fn has(app: &WeChatApp, stored: &StoredToken, now: Timestamp) {
    let left = stored.expires_at.seconds_since(now);
    metric::TOKEN_AGE_SECONDS.record(stored.age(now), [&app.alias]);
    metric::TOKEN_EXPIRES_IN.record(left, [&app.alias]);
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
    metric::TOKEN_EXPIRES_IN.record(0, [&app.alias]);
}

/// An app's token could not be had. One app's failure doesn't stop the others.
pub(crate) fn failed(app: &WeChatApp, error: &RefreshError) {
    tracing::error!(app = app.alias, "no access token: {error}");
    if let Some(code) = error.code() {
        metric::TOKEN_FAILED.record(1, [&app.alias, &code]);
    }
}
