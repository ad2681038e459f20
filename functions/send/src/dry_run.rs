//! Everything but the call: what would be sent, through which channel, and why
//! not through the others.

use crate::app::App;
use crate::attempt::EXPIRED;
use crate::call::rest_of;
use crate::channel::Why;
use crate::conclusion::{conclusion, worse};
use crate::content::Content;
use crate::deliver::{DeliverError, Notification};
use crate::look::{in_order, look};
use crate::report::{Fallback, Report};
use crate::routes::Routes;
use shared::clock::Timestamp;
use shared::store::NotificationStatus;

/// Says what would become of a notification. Nothing is stored, used up or sent.
///
/// # Errors
///
/// When the id was used for another content, or nobody knows of the notification
/// and `expires_at` is past, or AWS doesn't answer.
pub(crate) async fn dry_run(
    app: &App,
    notification: &Notification<'_>,
) -> Result<Report, DeliverError> {
    let Notification { id, content, .. } = notification;
    if let Some(row) = app.notifications.get(id).await? {
        if row.request_hash != content.hash() {
            return Err(DeliverError::Conflict((*id).to_owned()));
        }
        return Ok(Report::of(&row));
    }
    let now = Timestamp::now();
    let Content { to, channels, send_at, .. } = content;
    if content.is_past(now) {
        return Ok(Report::because(id, NotificationStatus::Expired, EXPIRED));
    }
    let mut routes = Routes::new(to, notification.apps);
    let mut report = Report::new(id, NotificationStatus::Unreachable);
    let mut worst = Why::Unreachable;
    for channel in in_order(notification.template, channels.as_deref()) {
        let found = look(app, notification, channel, &mut routes, now).await?;
        let does = report.outcome == NotificationStatus::WouldSend;
        match found {
            Ok((speaker, ready)) if !does => {
                report.outcome = NotificationStatus::WouldSend;
                report.channel = Some(channel.kind());
                report.retry_at = send_at.filter(|at| now < *at);
                if let Some((reason, until)) = rest_of(app, &speaker, ready.message.api(), now) {
                    report.reason = Some(reason);
                    report.retry_at = report.retry_at.max(Some(until));
                }
                report.app = Some(speaker.alias);
                report.message = Some(ready.message.preview());
            }
            Err((skipped, why)) if !does => {
                worst = worse(worst, why);
                report.skipped.push(skipped);
            }
            found => report.fallbacks.push(Fallback {
                channel: channel.kind(),
                app: channel.app().to_owned(),
                reason: found.err().map(|(skipped, _)| skipped.reason),
            }),
        }
    }
    if report.outcome != NotificationStatus::WouldSend {
        let (status, reason) = conclusion(worst, routes.is_empty(), &report.skipped);
        report.outcome = status;
        report.reason = Some(reason.to_owned());
    }
    Ok(report)
}
