//! Everything but the call: what would be sent, through which channel, and why
//! not through the others.

use crate::app::App;
use crate::channel::context::SkipReason;
use crate::deliver::DeliverError;
use crate::deliver::attempt::EXPIRED_REASON;
use crate::deliver::final_status::{final_status, most_severe};
use crate::deliver::select_channel::{candidate_channels, select_channel};
use crate::deliver::wechat_call::blocked_until;
use crate::notification::{Notification, NotificationSpec};
use crate::recipient_routes::RecipientRoutes;
use crate::response::{Fallback, NotificationResult};
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
) -> Result<NotificationResult, DeliverError> {
    let Notification { id, spec, .. } = notification;
    if let Some(row) = app.notifications.get(id).await? {
        if row.request_hash != spec.hash() {
            return Err(DeliverError::Conflict((*id).to_owned()));
        }
        return Ok(NotificationResult::from_row(&row));
    }
    let now = Timestamp::now();
    let NotificationSpec { to, channels, send_at, .. } = spec;
    if spec.is_expired(now) {
        return Ok(NotificationResult::with_reason(
            id,
            NotificationStatus::Expired,
            EXPIRED_REASON,
        ));
    }
    let mut routes = RecipientRoutes::new(to, notification.apps);
    let mut report = NotificationResult::new(id, NotificationStatus::Unreachable);
    let mut worst = SkipReason::Unreachable;
    for channel in candidate_channels(notification.template, channels.as_deref()) {
        let found = select_channel(app, notification, channel, &mut routes, now).await?;
        let does = report.outcome == NotificationStatus::WouldSend;
        match found {
            Ok((sender_app, ready)) if !does => {
                report.outcome = NotificationStatus::WouldSend;
                report.channel = Some(channel.kind());
                report.retry_at = send_at.filter(|at| now < *at);
                if let Some((reason, until)) =
                    blocked_until(app, &sender_app, ready.message.api(), now)
                {
                    report.reason = Some(reason);
                    report.retry_at = report.retry_at.max(Some(until));
                }
                report.app = Some(sender_app.alias);
                report.message = Some(ready.message.shown());
            }
            Err((skipped, why)) if !does => {
                worst = most_severe(worst, why);
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
        let (status, reason) = final_status(worst, routes.is_empty(), &report.skipped);
        report.outcome = status;
        report.reason = Some(reason.to_owned());
    }
    Ok(report)
}
