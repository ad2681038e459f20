//! All that the functions measure. Alarms and graphs in `infra/aws/template.yaml`
//! may name what stands here, and nothing else.

use super::{Metric, Series, Unit};

/// A message of which nobody knows whether it was sent.
pub const AMBIGUOUS: Metric<1> = Metric {
    name: "ambiguous",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["send"],
};

/// Something that came in has taken effect.
pub const EVENTS_APPLIED: Metric<1> = Metric {
    name: "events_applied",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// A try to apply something that came in has failed.
pub const EVENTS_FAILED: Metric<1> = Metric {
    name: "events_failed",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// Something that came in is tried no more.
pub const EVENTS_QUARANTINED: Metric<1> = Metric {
    name: "events_quarantined",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["events"],
};

/// Two different things came in under one identity.
pub const EVENTS_KEY_COLLISIONS: Metric<1> = Metric {
    name: "events_key_collisions",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[],
    by: &["events"],
};

/// A try to send has ended.
pub const NOTIFICATIONS: Metric<4> = Metric {
    name: "notifications",
    unit: Unit::Count,
    dimensions: ["app", "channel", "outcome", "code"],
    totals: &[&["code"]],
    by: &["send"],
};

/// We counted a consent that WeChat knows nothing of.
pub const CONSENT_DRIFT: Metric<1> = Metric {
    name: "consent_drift",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["send"],
};

/// How long the oldest message of a batch lay on the queue.
pub const QUEUE_MESSAGE_AGE_SECONDS: Metric<0> = Metric {
    name: "queue_message_age_seconds",
    unit: Unit::Seconds,
    dimensions: [],
    totals: &[],
    by: &["send"],
};

/// WeChat has told what became of a message.
pub const RECEIPTS: Metric<2> = Metric {
    name: "receipts",
    unit: Unit::Count,
    dimensions: ["app", "outcome"],
    totals: &[],
    by: &["events"],
};

/// The stream brought something that is no event; `app` is `none`.
pub const RECORDS_UNREADABLE: Metric<1> = Metric {
    name: "records_unreadable",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["events"],
};

/// A receipt has told what became of an ambiguous message.
pub const AMBIGUOUS_RESOLVED: Metric<1> = Metric {
    name: "ambiguous_resolved",
    unit: Unit::Count,
    dimensions: ["outcome"],
    totals: &[],
    by: &["send"],
};

/// Since WeChat handed the stored access token out.
pub const TOKEN_AGE_SECONDS: Metric<1> = Metric {
    name: "token_age_seconds",
    unit: Unit::Seconds,
    dimensions: ["app"],
    totals: &[],
    by: &["token"],
};

/// Left of the stored access token; 0 if there is none. Never below 240 while all is well.
pub const TOKEN_EXPIRES_IN: Metric<1> = Metric {
    name: "token_expires_in",
    unit: Unit::Seconds,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["token"],
};

/// No access token could be had; WeChat's code, or a word if it gave none.
pub const TOKEN_FAILED: Metric<2> = Metric {
    name: "token_failed",
    unit: Unit::Count,
    dimensions: ["app", "code"],
    totals: &[&["code"]],
    by: &["token"],
};

/// An access token had to be forced.
pub const TOKEN_FORCED_REFRESHES: Metric<1> = Metric {
    name: "token_forced_refreshes",
    unit: Unit::Count,
    dimensions: ["app"],
    totals: &[&[]],
    by: &["token"],
};

/// How long after its time something was sent.
pub const RETRY_LAG_SECONDS: Metric<0> = Metric {
    name: "retry_lag_seconds",
    unit: Unit::Seconds,
    dimensions: [],
    totals: &[],
    by: &["send"],
};

/// How long WeChat took to answer.
pub const WECHAT_LATENCY: Metric<2> = Metric {
    name: "wechat_latency",
    unit: Unit::Milliseconds,
    dimensions: ["app", "api"],
    totals: &[],
    by: &["send"],
};

/// Each of them, as CloudWatch keeps it.
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
