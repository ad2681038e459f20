//! Delivers one notification, from what is known of it to its outcome.

pub(crate) mod attempt;
pub(crate) mod dry_run;
pub(crate) mod outcome;
pub(crate) mod select_channel;
pub(crate) mod wechat_call;

use crate::app::App;
use crate::notification::{Notification, NotificationSpec};
use attempt::Attempt;
use outcome::{AttemptEnd, AttemptRecord};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::send_response::NotificationResult;
use shared::store::{Lease, NextAction, NotificationRow, NotificationStatus};

/// Notifications that an invocation delivers concurrently.
pub(crate) const MAX_CONCURRENCY: usize = 20;
/// Attempts of one invocation, each after another invocation has changed the row.
const MAX_ATTEMPTS: usize = 4;

/// Sends a notification if it is due, and returns its outcome. `row` is its row, if it
/// was read.
///
/// Fails when the id was used for another notification, or an AWS call fails.
pub(crate) async fn deliver(
    app: &App,
    notification: &Notification<'_>,
    mut row: Option<NotificationRow>,
    deadline: Timestamp,
) -> Result<NotificationResult, DeliverError> {
    let Notification { id, spec, .. } = notification;
    // Another version may hash a stored notification to something else.
    let hash = row.as_ref().map_or_else(|| spec.hash(), |row| row.request_hash.clone());
    let lease = Lease::new(id, spec.to_json(), hash);
    for _ in 0..MAX_ATTEMPTS {
        let now = Timestamp::now();
        let retried = match &row {
            None => None,
            Some(row) if row.request_hash != lease.request_hash() => {
                return Err(DeliverError::Conflict((*id).to_owned()));
            }
            Some(row) => match row.next_action(now) {
                NextAction::None => return Ok(NotificationResult::from_row(row)),
                NextAction::GiveUp(_) => return give_up(app, row, now).await,
                NextAction::Send(intent) => Some((row, intent)),
            },
        };
        let attempt = Attempt::new(app, notification, &lease, retried, now, deadline);
        match attempt.run().await? {
            AttemptEnd::Stored(result) => return Ok(*result),
            AttemptEnd::LostRace(found) => row = Some(*found),
            AttemptEnd::IdReused => return Err(DeliverError::Conflict((*id).to_owned())),
        }
    }
    Ok(match row {
        Some(row) => NotificationResult::from_row(&row),
        None => NotificationResult::new(id, NotificationStatus::InProgress),
    })
}

/// Marks a notification as ambiguous that a crashed attempt may have sent and that can't
/// be repeated.
pub(crate) async fn give_up(
    app: &App,
    row: &NotificationRow,
    now: Timestamp,
) -> Result<NotificationResult, DeliverError> {
    let Some(intent) = &row.intent else { return Ok(NotificationResult::from_row(row)) };
    let mut result = NotificationResult::with_reason(
        &row.id,
        NotificationStatus::Ambiguous,
        "an earlier attempt ended in the middle; it may or may not have been sent",
    );
    result.channel = Some(intent.channel);
    let apps = app.all_apps(now).await;
    result.app = apps.by_id(&intent.app_id).map(|sender_app| sender_app.alias.clone());
    let lease = Lease::new(&row.id, String::new(), row.request_hash.clone());
    let template = template_of(row);
    let mut record = AttemptRecord::new(app, &lease, Some(row), None, &template, result, now);
    // It is the outcome of that attempt.
    record.attempt = row.attempts;
    Ok(match record.ambiguous(intent).await? {
        AttemptEnd::Stored(result) => *result,
        AttemptEnd::LostRace(row) => NotificationResult::from_row(&row),
        AttemptEnd::IdReused => record.result,
    })
}

/// The template's code of a stored notification, for the log.
pub(crate) fn template_of(row: &NotificationRow) -> String {
    let spec = NotificationSpec::from_row(row);
    spec.map_or_else(|| "unknown".to_owned(), |spec| spec.template.as_str().to_owned())
}

/// A notification was not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    #[error("id: {0} was used for another recipient or content; a new notification needs a new id")]
    Conflict(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
