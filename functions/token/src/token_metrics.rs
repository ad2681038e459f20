//! The metrics of access tokens, and their log lines.

use crate::error::RefreshError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{StoredToken, WeChatApp};

/// In seconds. WeChat issues the next token when 300 are left, and the schedule refreshes
/// every minute, so a token with less than this left is overdue.
const OVERDUE_BELOW: u64 = 200;

/// Records the age and the remaining lifetime of an app's token, which may be old.
pub(crate) fn record_token(app: &WeChatApp, stored: &StoredToken, now: Timestamp) {
    let expires_in = stored.expires_at.seconds_since(now);
    metric::TOKEN_AGE_SECONDS.record(stored.age(now), [&app.alias]);
    metric::TOKEN_EXPIRES_IN.record(expires_in, [&app.alias]);
    if expires_in < OVERDUE_BELOW {
        tracing::error!(
            app = app.alias,
            generation = stored.generation,
            expires_in,
            "the successor of the access token is overdue"
        );
    }
}

/// Records that an app has no token at all.
pub(crate) fn record_missing_token(app: &WeChatApp) {
    metric::TOKEN_EXPIRES_IN.record(0, [&app.alias]);
}

/// Records that an app's token could not be refreshed.
pub(crate) fn record_failure(app: &WeChatApp, error: &RefreshError) {
    tracing::error!(app = app.alias, "the access token was not refreshed: {error}");
    if let Some(code) = error.code() {
        metric::TOKEN_FAILED.record(1, [&app.alias, &code]);
    }
}
