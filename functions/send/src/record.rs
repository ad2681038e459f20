//! One line in the log for each attempt at a notification, and the metrics beside
//! it. Never who, never what.

use crate::report::{Report, SkippedChannel, is_ours_to_mend};
use shared::metric;
use shared::store::NotificationStatus;

/// Tells how an attempt ended.
pub(crate) fn outcome(report: &Report, template: &str, attempt: u64) {
    let last = report.skipped.last();
    let (channel, app) = match (&report.channel, &report.app, last) {
        (Some(channel), app, _) => (channel.as_str(), app.as_deref().unwrap_or("none")),
        (None, _, Some(last)) => (last.channel.as_str(), last.app.as_str()),
        (None, ..) => ("none", "none"),
    };
    let code = report.code.or_else(|| last.filter(|_| report.channel.is_none())?.code);
    let rid = report.rid.as_deref().or_else(|| last?.rid.as_deref());
    let id = report.id.as_str();
    let outcome = report.outcome.as_str();
    let skipped = report.skipped.iter().map(briefly).collect::<Vec<_>>().join(", ");
    let told = match &report.reason {
        Some(reason) => format!("{outcome}: {reason}"),
        None => outcome.to_owned(),
    };
    // What somebody has to look into.
    let is_trouble = matches!(
        report.outcome,
        NotificationStatus::Failed | NotificationStatus::Ambiguous | NotificationStatus::Expired
    ) || report.code.is_some_and(is_ours_to_mend)
        || report.skipped.iter().any(SkippedChannel::is_ours_to_mend);
    if is_trouble {
        tracing::warn!(id, attempt, template, outcome, channel, app, code, rid, skipped, "{told}");
    } else {
        tracing::info!(id, attempt, template, outcome, channel, app, code, rid, skipped, "{told}");
    }
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    metric::NOTIFICATIONS.record(1, [app, channel, outcome, &code]);
    if report.outcome == NotificationStatus::Ambiguous {
        metric::AMBIGUOUS.record(1, [app]);
    }
}

/// A channel that didn't do, in few words.
fn briefly(skipped: &SkippedChannel) -> String {
    let SkippedChannel { channel, app, code, reason, .. } = skipped;
    match code {
        Some(code) => format!("{channel} of {app}: {code}"),
        None => format!("{channel} of {app}: {reason}"),
    }
}
