//! The minute's sweep: notifications that somebody has to come back to. They are
//! scheduled, or wait for another try, or were left behind by a function that
//! ended in the middle; or it is unknown whether they were sent, and WeChat's
//! receipt may have told.

use crate::app::App;
use crate::attempt::{PATIENCE, pause};
use crate::content::Content;
use crate::deliver::{DeliverError, Notification, deliver, give_up, template_of};
use crate::handler::AT_ONCE;
use crate::record;
use crate::report::Report;
use futures_util::{StreamExt as _, stream};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::ParameterError;
use shared::store::{
    Expected, Lease, NextAction, NotificationRow, NotificationStatus, ReceiptResolution,
    Transition, WriteResult,
};

/// So many are looked for in one part of the index at once.
const PAGE: i32 = 100;
/// A notification takes this many seconds at most.
const EACH: u64 = 15;

/// One that can't be dealt with is left for so many seconds.
const PUT_OFF: u64 = 300;

/// What came of a sweep.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Swept {
    /// So many notifications were dealt with.
    notifications: usize,
    /// So many could not be, and come next time.
    failed: usize,
}

/// Deals with all that is due, the longest due first, as long as there is time.
///
/// # Errors
///
/// When DynamoDB doesn't say what is due.
pub(crate) async fn sweep(app: &App, deadline: Timestamp) -> Result<Swept, AwsError> {
    let mut swept = Swept::default();
    let mut seen = std::collections::HashSet::new();
    while Timestamp::now().plus(EACH) < deadline {
        let mut due = app.notifications.due(Timestamp::now(), PAGE).await?;
        // The index is a little behind: what is done may still stand in it.
        due.retain(|id| seen.insert(id.clone()));
        if due.is_empty() {
            break;
        }
        let done: Vec<_> = stream::iter(&due)
            .map(async |id| {
                let resumed = resume(app, id, deadline).await;
                if let Err(error) = &resumed {
                    tracing::error!(id, "a notification that is due can't be dealt with: {error}");
                    save_progress(app, id).await;
                }
                resumed
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        swept.failed += done.iter().filter(|done| done.is_err()).count();
        let ambiguous: Vec<_> = done.into_iter().flatten().flatten().collect();
        swept.notifications += due.len();
        // Only now, as what was left behind may have become ambiguous as well.
        let settled: Vec<_> = stream::iter(&ambiguous)
            .map(async |row| {
                settle(app, row).await.inspect_err(|error| {
                    tracing::error!(id = row.id, "no receipt can be looked for: {error}");
                })
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        swept.failed += settled.iter().filter(|settled| settled.is_err()).count();
    }
    swept.notifications -= swept.failed;
    Ok(swept)
}

/// One that can't be dealt with makes room for others.
async fn save_progress(app: &App, id: &str) {
    let later = Timestamp::now().plus(PUT_OFF);
    if let Ok(Some(row)) = app.notifications.get(id).await
        && let Err(error) = app.notifications.reschedule(&row, Some(later)).await
    {
        tracing::warn!(id, "{error}");
    }
}

/// Looks whether WeChat's receipt has told what became of an ambiguous one.
async fn settle(app: &App, row: &NotificationRow) -> Result<(), AwsError> {
    let settled = app.notifications.resolve_ambiguous(row, Timestamp::now()).await?;
    if let ReceiptResolution::Resolved(status) = settled {
        let outcome = status.as_str();
        tracing::info!(id = row.id, outcome, "WeChat's receipt tells what became of it");
        metric::AMBIGUOUS_RESOLVED.record(1, [outcome]);
    }
    Ok(())
}

/// Deals with one; gives it back if it is ambiguous.
async fn resume(
    app: &App,
    id: &str,
    deadline: Timestamp,
) -> Result<Option<NotificationRow>, Problem> {
    let now = Timestamp::now();
    let Some(row) = app.notifications.get(id).await? else { return Ok(None) };
    match row.next_action(now) {
        _ if row.status == NotificationStatus::Ambiguous => Ok(Some(row)),
        NextAction::None => Ok(None),
        NextAction::GiveUp(_) => give_up(app, &row, now).await.map(|_| None).map_err(Problem::from),
        NextAction::Send(_) => send(app, &row, now, deadline).await.map(|()| None),
    }
}

/// Sends one that is due.
async fn send(
    app: &App,
    row: &NotificationRow,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<(), Problem> {
    let id = row.id.as_str();
    if let Some(at) = row.retry_at {
        metric::RETRY_LAG_SECONDS.record(now.seconds_since(at), []);
    }
    let Some(content) = Content::of(row) else {
        let problem = "what was stored of it can't be read by this version of the function";
        return unsendable(app, row, problem, now).await;
    };
    let code = content.template.as_str();
    let template = match app.template(code, now).await {
        Ok(Some(template)) => template,
        Ok(None) => {
            let problem = format!("there is no template {code} under /templates any more");
            return unsendable(app, row, &problem, now).await;
        }
        Err(error @ ParameterError::Invalid { .. }) => {
            return unsendable(app, row, &error.to_string(), now).await;
        }
        Err(error) => return Err(error.into()),
    };
    let fields = match content.fields(&template) {
        Ok(fields) => fields,
        Err(problem) => return unsendable(app, row, &problem, now).await,
    };
    let apps = app.apps(&template, now).await;
    let notification =
        Notification { id, content: &content, template: &template, apps: &apps, fields: &fields };
    deliver(app, &notification, Some(row.clone()), deadline).await?;
    Ok(())
}

/// A notification can't be sent as things stand, which somebody may mend: a
/// template that is gone or broken for a minute must not cost what is due in that
/// minute. It's looked at again for two days.
async fn unsendable(
    app: &App,
    row: &NotificationRow,
    problem: &str,
    now: Timestamp,
) -> Result<(), Problem> {
    let first_at = row.first_at.or(row.retry_at).unwrap_or(now);
    let at = now.plus(pause(row.attempts));
    let mut report = Report::because(&row.id, NotificationStatus::Retrying, problem);
    report.retry_at = Some(at);
    let is_past = Content::of(row).is_some_and(|content| content.is_past(now));
    let is_over = is_past || at.seconds_since(first_at) > PATIENCE;
    // What may have been sent already is given up when it can't be repeated any more.
    if is_over && row.intent.is_none() {
        report.outcome =
            if is_past { NotificationStatus::Expired } else { NotificationStatus::Failed };
        report.retry_at = None;
    }
    let json = report.to_json();
    let intent = row.intent.as_ref();
    let change = match report.outcome {
        NotificationStatus::Retrying => {
            Transition::Waiting { status: NotificationStatus::Retrying, at, intent, report: &json }
        }
        status => Transition::Terminal { status, report: &json },
    };
    let content = row.content.clone().unwrap_or_default();
    let claim = Lease::new(&row.id, content, row.request_hash.clone());
    if let WriteResult::Committed(_) =
        app.notifications.write(&claim, Expected::Unchanged(row), &change, None, now).await?
    {
        record::outcome(&report, &template_of(row), row.attempts + 1);
    }
    Ok(())
}

/// A notification could not be dealt with.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
