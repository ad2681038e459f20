//! A dry run: all of a delivery but its writes and the call.

use crate::app::App;
use crate::channel::context::{Preparation, SkipReason};
use crate::deliver::DeliverError;
use crate::deliver::outcome::EXPIRED_REASON;
use crate::deliver::select_channel::{candidate_channels, final_status, prepare_message};
use crate::notification::Notification;
use shared::clock::Timestamp;
use shared::send_response::{Fallback, NotificationResult};
use shared::store::NotificationStatus;

/// Returns what would be sent through which channel, and why not through the others.
///
/// Fails when the id was used for another notification, or an AWS call fails.
pub(crate) async fn dry_run(
    app: &App,
    notification: &Notification<'_>,
) -> Result<NotificationResult, DeliverError> {
    let Notification { id, spec, template, routes, .. } = notification;
    if let Some(row) = app.notifications.get(id).await? {
        if row.request_hash != spec.hash() {
            return Err(DeliverError::Conflict((*id).to_owned()));
        }
        return Ok(NotificationResult::from_row(&row));
    }
    let now = Timestamp::now();
    if spec.is_expired(now) {
        let (status, reason) = (NotificationStatus::Expired, EXPIRED_REASON);
        return Ok(NotificationResult::with_reason(id, status, reason));
    }
    let mut routes = routes.clone();
    let mut result = NotificationResult::new(id, NotificationStatus::Unreachable);
    let mut most_severe = SkipReason::Unreachable;
    for channel in candidate_channels(template, spec.channels.as_deref()) {
        let is_selected = result.outcome == NotificationStatus::WouldSend;
        match prepare_message(app, notification, channel, None, &mut routes, now).await? {
            Preparation::Ready(message) if !is_selected => {
                result.outcome = NotificationStatus::WouldSend;
                result.channel = Some(channel.kind());
                result.retry_at = spec.send_at.filter(|at| now < *at);
                let api = message.request.api();
                if let Some(blocked) = app.circuit_breaker.blocked_until(&message.app, api, now) {
                    result.reason = Some(blocked.reason);
                    result.retry_at = result.retry_at.max(Some(blocked.until));
                }
                result.app = Some(message.app.alias);
                result.message = Some(message.request.preview());
            }
            Preparation::Skipped(skipped, reason) if !is_selected => {
                most_severe = most_severe.max(reason);
                result.skipped.push(skipped);
            }
            other => result.fallbacks.push(Fallback {
                channel: channel.kind(),
                app: channel.app().to_owned(),
                reason: match other {
                    Preparation::Ready(_) => None,
                    Preparation::Skipped(skipped, _) => Some(skipped.reason),
                },
            }),
        }
    }
    if result.outcome != NotificationStatus::WouldSend {
        let (status, reason) = final_status(most_severe, routes.is_empty(), &result.skipped);
        result.outcome = status;
        result.reason = Some(reason.to_owned());
    }
    Ok(result)
}
