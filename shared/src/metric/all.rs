//! All metrics of the functions. Alarms and graphs in `infra/aws/template.yaml` may use only
//! these.

use super::{Metric, Series, Unit};

/// WeChat may or may not have sent a message.
pub const AMBIGUOUS: Metric<1> = Metric {
    name: "ambiguous",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["send"],
};

/// An event was applied.
pub const EVENTS_APPLIED: Metric<1> = Metric {
    name: "events_applied",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// An attempt to apply an event failed.
pub const EVENTS_FAILED: Metric<1> = Metric {
    name: "events_failed",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// An event was quarantined: it is not attempted any more.
pub const EVENTS_QUARANTINED: Metric<1> = Metric {
    name: "events_quarantined",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["events"],
};

/// Two different events have the same deduplication key.
pub const EVENTS_KEY_COLLISIONS: Metric<1> = Metric {
    name: "events_key_collisions",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// An attempt to send ended.
pub const NOTIFICATIONS: Metric<4> = Metric {
    name: "notifications",
    unit: Unit::Count,
    dimensions: ["app", "channel", "outcome", "code"],
    totals: &[&["code"]],
    by: &["send"],
};

/// A stored consent doesn't exist at WeChat.
pub const CONSENT_DRIFT: Metric<1> = Metric {
    name: "consent_drift",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["send"],
};

/// The age of the oldest message of a batch from the queue.
pub const QUEUE_MESSAGE_AGE_SECONDS: Metric<0> = Metric {
    name: "queue_message_age_seconds",
    unit: Unit::Seconds,
    dimensions: [],
    totals: &[],
    by: &["send"],
};

/// A delivery receipt arrived.
pub const RECEIPTS: Metric<2> = Metric {
    name: "receipts",
    unit: Unit::Count,
    dimensions: ["app", "outcome"],
    totals: &[],
    by: &["events"],
};

/// A record of the stream is not an event; `app` is `none`.
pub const RECORDS_UNREADABLE: Metric<1> = Metric {
    name: "records_unreadable",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["events"],
};

/// A receipt resolved an ambiguous message.
pub const AMBIGUOUS_RESOLVED: Metric<1> = Metric {
    name: "ambiguous_resolved",
    unit: Unit::Count,
    dimensions: ["outcome"],
    totals: &[],
    by: &["send"],
};

/// Since WeChat issued the stored access token.
pub const TOKEN_AGE_SECONDS: Metric<1> = Metric {
    name: "token_age_seconds",
    unit: Unit::Seconds,
    dimensions: ["app"],
    totals: &[],
    by: &["token"],
};

/// Until the stored access token expires; 0 if there is none. At least 240 in normal operation.
pub const TOKEN_EXPIRES_IN: Metric<1> = Metric {
    name: "token_expires_in",
    unit: Unit::Seconds,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["token"],
};

/// An access token was not refreshed; `code` is WeChat's, or a word.
pub const TOKEN_FAILED: Metric<2> = Metric {
    name: "token_failed",
    unit: Unit::Count,
    dimensions: ["app", "code"],
    totals: &[&["code"]],
    by: &["token"],
};

/// A refresh of an access token was forced.
pub const TOKEN_FORCED_REFRESHES: Metric<1> = Metric {
    name: "token_forced_refreshes",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["token"],
};

/// How late a scheduled notification was sent.
pub const RETRY_LAG_SECONDS: Metric<0> = Metric {
    name: "retry_lag_seconds",
    unit: Unit::Seconds,
    dimensions: [],
    totals: &[],
    by: &["send"],
};

/// WeChat's response time.
pub const WECHAT_LATENCY: Metric<2> = Metric {
    name: "wechat_latency",
    unit: Unit::Milliseconds,
    dimensions: ["app", "api"],
    totals: &[],
    by: &["send"],
};

/// Each metric's series in CloudWatch.
#[must_use]
pub fn all() -> Vec<Series> {
    vec![
        AMBIGUOUS.series(),
        EVENTS_APPLIED.series(),
        EVENTS_FAILED.series(),
        EVENTS_QUARANTINED.series(),
        EVENTS_KEY_COLLISIONS.series(),
        NOTIFICATIONS.series(),
        CONSENT_DRIFT.series(),
        QUEUE_MESSAGE_AGE_SECONDS.series(),
        RECEIPTS.series(),
        RECORDS_UNREADABLE.series(),
        AMBIGUOUS_RESOLVED.series(),
        TOKEN_AGE_SECONDS.series(),
        TOKEN_EXPIRES_IN.series(),
        TOKEN_FAILED.series(),
        TOKEN_FORCED_REFRESHES.series(),
        RETRY_LAG_SECONDS.series(),
        WECHAT_LATENCY.series(),
    ]
}
