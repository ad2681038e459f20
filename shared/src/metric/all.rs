//! All metrics of the functions. Alarms and graphs in `infra/aws/template.yaml` may use only
//! these.

use super::{Metric, Series, Unit};

macro_rules! metrics {
    ($($(#[$doc:meta])* $metric:ident: $count:literal =
        $name:literal, $unit:ident, $dimensions:expr, $totals:expr, $($by:literal),+;)+) => {
        $(
            $(#[$doc])*
            pub const $metric: Metric<$count> = Metric {
                name: $name,
                unit: Unit::$unit,
                dimensions: $dimensions,
                totals: &$totals,
                by: &[$($by),+],
            };
        )+

        /// Each metric's series in CloudWatch.
        #[must_use]
        pub fn all() -> Vec<Series> {
            vec![$($metric.series()),+]
        }
    };
}

// Each with its name, unit, dimensions, totals, and the functions that record it.
metrics! {
    /// WeChat may or may not have sent a message.
    AMBIGUOUS: 1 = "ambiguous", Count, ["app"], [&[]], "send";
    /// An account with the right password was refused, as it is another person's (`refused`),
    /// or bound to a further person (`second`).
    ACCOUNT_CONFLICTS: 2 = "account_conflicts", Count, ["app", "outcome"], [], "login";
    /// An event was applied.
    EVENTS_APPLIED: 1 = "events_applied", Count, ["app"], [], "events";
    /// An attempt to apply an event failed.
    EVENTS_FAILED: 1 = "events_failed", Count, ["app"], [], "events";
    /// An event was quarantined: it is not attempted any more.
    EVENTS_QUARANTINED: 1 = "events_quarantined", Count, ["app"], [&[]], "events";
    /// Two different events have the same deduplication key.
    EVENTS_KEY_COLLISIONS: 1 = "events_key_collisions", Count, ["app"], [], "events";
    /// Followers whom an answer of WeChat's names in a way that can't be read.
    FOLLOWERS_UNREADABLE: 1 = "followers_unreadable", Count, ["app"], [&[]], "followers";
    /// An attempt to send ended.
    NOTIFICATIONS: 4 = "notifications", Count, ["app", "channel", "outcome", "code"], [&["code"]], "send";
    /// A stored consent doesn't exist at WeChat.
    CONSENT_DRIFT: 1 = "consent_drift", Count, ["app"], [&[]], "send";
    /// The age of the oldest message of a batch from the queue.
    QUEUE_MESSAGE_AGE_SECONDS: 0 = "queue_message_age_seconds", Seconds, [], [], "send";
    /// A push was stored, or found stored.
    PUSHES_RECEIVED: 1 = "pushes_received", Count, ["app"], [], "callback";
    /// A request to the callback was refused; `app` is `none` if there is no such app.
    PUSHES_REJECTED: 2 = "pushes_rejected", Count, ["app", "reason"], [&["reason"]], "callback";
    /// A delivery receipt arrived.
    RECEIPTS: 2 = "receipts", Count, ["app", "outcome"], [], "events";
    /// A record of the stream is not an event; `app` is `none`.
    RECORDS_UNREADABLE: 1 = "records_unreadable", Count, ["app"], [&[]], "events";
    /// A receipt resolved an ambiguous message.
    AMBIGUOUS_RESOLVED: 1 = "ambiguous_resolved", Count, ["outcome"], [], "send";
    /// Since WeChat issued the stored access token.
    TOKEN_AGE_SECONDS: 1 = "token_age_seconds", Seconds, ["app"], [], "token";
    /// Until the stored access token expires; 0 if there is none. At least 240 in normal operation.
    TOKEN_EXPIRES_IN: 1 = "token_expires_in", Seconds, ["app"], [&[]], "token";
    /// An access token was not refreshed; `code` is WeChat's, or a word.
    TOKEN_FAILED: 2 = "token_failed", Count, ["app", "code"], [&["code"]], "token";
    /// A refresh of an access token was forced.
    TOKEN_FORCED_REFRESHES: 1 = "token_forced_refreshes", Count, ["app"], [&[]], "token";
    /// Since when the row is due that has been due for longest, by the index that the sweep
    /// reads. It isn't taken up if it can't be read, or nothing can be done with it.
    OLDEST_DUE_SECONDS: 0 = "oldest_due_seconds", Seconds, [], [], "events", "send";
    /// Rows that are due and can't be read.
    DUE_ROWS_UNREADABLE: 0 = "due_rows_unreadable", Count, [], [], "send";
    /// Whole hours since WeChat's last push, of an app that has had one.
    HOURS_SINCE_PUSH: 1 = "hours_since_push", Count, ["app"], [&[]], "events";
    /// How late a scheduled notification was sent.
    RETRY_LAG_SECONDS: 0 = "retry_lag_seconds", Seconds, [], [], "send";
    /// WeChat's answer to a request for consent is a word that isn't documented.
    UNKNOWN_ANSWERS: 1 = "unknown_answers", Count, ["app"], [], "events";
    /// WeChat refused a call with an error code that isn't known.
    UNKNOWN_CODES: 3 = "unknown_codes", Count, ["app", "api", "code"], [&["code"], &[]], "events", "followers", "login", "send", "token";
    /// A login's password was wrong, or not looked at because of a limit.
    WRONG_PASSWORDS: 1 = "wrong_passwords", Count, ["app"], [&[]], "login";
    /// WeChat's response time.
    WECHAT_LATENCY: 2 = "wechat_latency", Milliseconds, ["app", "api"], [], "send";
}
