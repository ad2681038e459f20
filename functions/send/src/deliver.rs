//! One notification, from what is known of it to the outcome.

use crate::app::App;
use crate::attempt::{Attempt, Ended};
use crate::content::Content;
use crate::record;
use crate::report::Report;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{Apps, Template};
use shared::store::{
    Expected, Lease, NextAction, NotificationRow, NotificationStatus, Transition, WriteResult,
};
use std::collections::BTreeMap;

/// How often it is begun anew, as somebody else has changed it meanwhile.
const ROUNDS: usize = 4;

/// One notification.
#[derive(Debug)]
pub(crate) struct Notification<'a> {
    pub(crate) id: &'a str,
    pub(crate) content: &'a Content,
    pub(crate) template: &'a Template,
    pub(crate) apps: &'a Apps,
    pub(crate) fields: &'a BTreeMap<String, String>,
}

/// Sends one notification, if that is to be done, and stores what became of it.
/// `row` is what was read of it, if anything.
///
/// # Errors
///
/// When the id was used for another content, or AWS doesn't do its part.
pub(crate) async fn deliver(
    app: &App,
    notification: &Notification<'_>,
    row: Option<NotificationRow>,
    deadline: Timestamp,
) -> Result<Report, DeliverError> {
    let Notification { id, content, .. } = notification;
    // What was stored may have been hashed by another version.
    let hash = row.as_ref().map_or_else(|| content.hash(), |row| row.request_hash.clone());
    let claim = Lease::new(id, content.to_json(), hash);
    let mut row = row;
    for _ in 0..ROUNDS {
        let now = Timestamp::now();
        let again = match &row {
            None => None,
            Some(row) if row.request_hash != claim.request_hash() => {
                return Err(DeliverError::Conflict((*id).to_owned()));
            }
            Some(row) => match row.next_action(now) {
                NextAction::None => return Ok(Report::of(row)),
                NextAction::GiveUp(_) => return give_up(app, row, now).await,
                NextAction::Send(intent) => Some((row, intent)),
            },
        };
        let attempt = Attempt::new(app, notification, &claim, again, now, deadline);
        match attempt.run().await? {
            Ended::Stored(report) => return Ok(*report),
            Ended::Changed(found) => row = Some(*found),
            Ended::Foreign => return Err(DeliverError::Conflict((*id).to_owned())),
        }
    }
    // Others are at it all the time.
    Ok(row.map_or_else(|| Report::new(id, NotificationStatus::InProgress), |row| Report::of(&row)))
}

/// A notification that was left behind may have been sent, and can't be repeated.
///
/// # Errors
///
/// When DynamoDB doesn't confirm.
pub(crate) async fn give_up(
    app: &App,
    row: &NotificationRow,
    now: Timestamp,
) -> Result<Report, DeliverError> {
    let Some(intent) = &row.intent else { return Ok(Report::of(row)) };
    let mut report = Report::because(
        &row.id,
        NotificationStatus::Ambiguous,
        "an earlier attempt ended in the middle; it may or may not have been sent",
    );
    report.channel = Some(intent.channel);
    let apps = app.all_apps(now).await;
    report.app = apps.by_id(&intent.app_id).map(|speaker| speaker.alias.clone());
    let claim = Lease::new(&row.id, String::new(), row.request_hash.clone());
    let json = report.to_json();
    let change = Transition::Ambiguous { intent, report: &json };
    let written =
        app.notifications.write(&claim, Expected::Unchanged(row), &change, None, now).await?;
    Ok(match written {
        WriteResult::Conflict(row) => Report::of(&row),
        WriteResult::IdReused => report,
        WriteResult::Committed(_)
        | WriteResult::CommittedWithReceipt { .. }
        | WriteResult::EntitlementLost => {
            record::outcome(&report, &template_of(row), row.attempts);
            report
        }
    })
}

/// The code of the template of a stored notification, for the log.
pub(crate) fn template_of(row: &NotificationRow) -> String {
    let content = Content::of(row);
    content.map_or_else(|| "unknown".to_owned(), |content| content.template.as_str().to_owned())
}

/// A notification was not dealt with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    #[error("id: {0} was used for another recipient or content; a new notification needs a new id")]
    Conflict(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
