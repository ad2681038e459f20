//! The sweep: each minute it takes up the notifications that are due. They are
//! scheduled, wait for a retry, or were left behind by a crashed invocation; or they await
//! WeChat's receipt, which may have come.

use crate::app::App;
use crate::deliver::outcome::{AttemptRecord, MAX_RETRY_AGE_SECS, retry_delay_secs};
use crate::deliver::{DeliverError, MAX_CONCURRENCY, deliver, give_up, template_of};
use crate::notification::{Notification, NotificationSpec};
use crate::recipient_routes::RecipientRoutes;
use futures_util::{StreamExt as _, stream};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{ParameterError, Template};
use shared::send_response::NotificationResult;
use shared::store::{
    DueCursor, DueRow, Lease, NextAction, NotificationRow, NotificationStatus, ReceiptResolution,
};

/// Of each shard of the index.
const PAGE_SIZE: i32 = 100;
/// The maximum number of unreadable rows that the log names.
const MAX_NAMED: usize = 10;
/// The longest delivery of a notification.
const MAX_DELIVERY_SECS: u64 = 15;
/// A notification whose delivery failed waits this long, so that it doesn't delay others.
const POSTPONE_SECS: u64 = 300;

/// The result of a sweep.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct SweepResponse {
    /// The number of notifications that were taken up.
    notifications: usize,
    /// The number of notifications that failed; a later sweep takes them up again.
    failed: usize,
    /// The number of rows that this version can't read; they stay as they are.
    unreadable: usize,
}

/// Takes up what is due, the longest due first, until the deadline. Each row is looked at
/// once, so that those that stay due, whatever keeps them, hold up no other.
pub(crate) async fn sweep(app: &App, deadline: Timestamp) -> Result<SweepResponse, AwsError> {
    let mut response = SweepResponse::default();
    let mut cursor = DueCursor::start();
    let mut oldest = None;
    let mut failures = Vec::new();
    let mut unreadable = Vec::new();
    while !cursor.is_at_end() && Timestamp::now().plus(MAX_DELIVERY_SECS) < deadline {
        let now = Timestamp::now();
        let due = app.notifications.due(now, PAGE_SIZE, &mut cursor).await;
        failures.extend(due.failures);
        if oldest.is_none() {
            // The first page of each shard begins with what has been due for longest.
            let age = due.oldest.map_or(0, |at| now.seconds_since(at));
            oldest = Some(age);
            metric::OLDEST_DUE_SECONDS.record(age, []);
        }
        let resumed: Vec<_> = stream::iter(&due.ids)
            .map(async |id| {
                let resumed = resume(app, id, deadline).await;
                if let Err(error) = &resumed {
                    tracing::error!(
                        id,
                        "a due notification failed and is retried in {POSTPONE_SECS} seconds: {error}"
                    );
                    postpone(app, id).await;
                }
                (id, resumed)
            })
            .buffer_unordered(MAX_CONCURRENCY)
            .collect()
            .await;
        let mut awaiting = Vec::new();
        for (id, resumed) in resumed {
            match resumed {
                Ok(Resumed::AwaitsReceipt(row)) => awaiting.push(row),
                Ok(Resumed::Unreadable) => unreadable.push(id.clone()),
                Ok(Resumed::Done) => {}
                Err(_) => response.failed += 1,
            }
        }
        response.notifications += due.ids.len();
        // Not before: a receipt is matched only when the other notifications to the person
        // are resolved or await a receipt themselves.
        let resolved: Vec<_> = stream::iter(&awaiting)
            .map(async |row| {
                resolve_awaited_receipt(app, row).await.inspect_err(|error| {
                    tracing::error!(
                        id = row.id,
                        "the receipt of a notification can't be read: {error}"
                    );
                })
            })
            .buffer_unordered(MAX_CONCURRENCY)
            .collect()
            .await;
        response.failed += resolved.iter().filter(|resolved| resolved.is_err()).count();
    }
    report_unreadable(&unreadable);
    response.unreadable = unreadable.len();
    response.notifications -= response.failed + response.unreadable;
    failures.pop().map_or(Ok(response), Err)
}

/// Tells the operator of due rows that this version can't read. They stay as they are: the
/// version that wrote them may come back.
fn report_unreadable(ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    let (number, named) = (ids.len(), ids[..ids.len().min(MAX_NAMED)].join(" "));
    tracing::error!(
        number,
        "due rows can't be read by this version, and wait for one that can: {named}"
    );
    metric::DUE_ROWS_UNREADABLE.record(number as u64, []);
}

async fn postpone(app: &App, id: &str) {
    let later = Timestamp::now().plus(POSTPONE_SECS);
    if let Ok(Some(row)) = app.notifications.get(id).await
        && let Err(error) = app.notifications.reschedule(&row, Some(later)).await
    {
        tracing::warn!(id, "{error}");
    }
}

/// Looks for WeChat's receipt of a notification whose message id isn't known.
async fn resolve_awaited_receipt(app: &App, row: &NotificationRow) -> Result<(), AwsError> {
    let resolution = app.notifications.resolve_awaited_receipt(row, Timestamp::now()).await?;
    if let ReceiptResolution::Resolved(status) = resolution {
        let outcome = status.as_str();
        tracing::info!(id = row.id, outcome, "WeChat's receipt resolved the notification");
        if row.status == NotificationStatus::Ambiguous {
            metric::AMBIGUOUS_RESOLVED.record(1, [outcome]);
        }
    }
    Ok(())
}

/// The outcome of a due row.
enum Resumed {
    /// Nothing more is to be done in this sweep.
    Done,
    /// It awaits a receipt.
    AwaitsReceipt(Box<NotificationRow>),
    /// It can't be read.
    Unreadable,
}

/// Takes up a notification.
async fn resume(app: &App, id: &str, deadline: Timestamp) -> Result<Resumed, ResumeError> {
    let now = Timestamp::now();
    let row = match app.notifications.get_due(id).await? {
        DueRow::Notification(row) => row,
        DueRow::Unreadable => return Ok(Resumed::Unreadable),
        DueRow::Gone => return Ok(Resumed::Done),
    };
    match row.next_action(now) {
        _ if row.awaits_receipt() => return Ok(Resumed::AwaitsReceipt(row)),
        NextAction::None => {}
        NextAction::GiveUp(_) => {
            give_up(app, &row, now).await?;
        }
        NextAction::Send(_) => send(app, &row, now, deadline).await?,
    }
    Ok(Resumed::Done)
}

async fn send(
    app: &App,
    row: &NotificationRow,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<(), ResumeError> {
    let id = row.id.as_str();
    if let Some(at) = row.retry_at {
        metric::RETRY_LAG_SECONDS.record(now.seconds_since(at), []);
    }
    let Some(spec) = NotificationSpec::from_row(row) else {
        let problem = "the stored notification can't be read by this version of the function";
        return retry_unsendable(app, row, problem, now).await;
    };
    let code = spec.template.as_str();
    let fits = |template: &Template| spec.fields(template).is_ok();
    let named: Vec<_> = spec.to.alias().into_iter().collect();
    let found = app.template_and_apps(code, &named, fits, now).await;
    let (template, apps) = match found {
        Ok(Some(found)) => found,
        Ok(None) => {
            let problem = format!("there is no template {code} under /templates any more");
            return retry_unsendable(app, row, &problem, now).await;
        }
        Err(error @ ParameterError::Invalid { .. }) => {
            return retry_unsendable(app, row, &error.to_string(), now).await;
        }
        Err(error) => return Err(error.into()),
    };
    let fields = match spec.fields(&template) {
        Ok(fields) => fields,
        Err(problem) => return retry_unsendable(app, row, &problem, now).await,
    };
    let routes = RecipientRoutes::new(&spec.to, &apps);
    let notification =
        Notification { id, spec: &spec, template: &template, apps: &apps, fields: &fields, routes };
    deliver(app, &notification, Some(row.clone()), deadline).await?;
    Ok(())
}

/// Retries a notification that needs the operator: a template that is missing or broken
/// for a minute must not cost what is due in that minute. It is given up after two days.
async fn retry_unsendable(
    app: &App,
    row: &NotificationRow,
    problem: &str,
    now: Timestamp,
) -> Result<(), ResumeError> {
    let first_at = row.first_at.or(row.retry_at).unwrap_or(now);
    let at = now.plus(retry_delay_secs(row.attempts));
    let status = NotificationStatus::Retrying;
    let result = NotificationResult::with_reason(&row.id, status, problem);
    let lease =
        Lease::new(&row.id, row.content.clone().unwrap_or_default(), row.request_hash.clone());
    let template = template_of(row);
    let mut record = AttemptRecord::new(app, &lease, Some(row), None, &template, result, now);
    let is_expired = NotificationSpec::from_row(row).is_some_and(|spec| spec.is_expired(now));
    let is_too_old = at.seconds_since(first_at) > MAX_RETRY_AGE_SECS;
    // What may have been sent is given up when it can't be repeated any more.
    if row.intent.is_none() && is_expired {
        record.finish(NotificationStatus::Expired).await?;
    } else if row.intent.is_none() && is_too_old {
        record.finish(NotificationStatus::Failed).await?;
    } else {
        record.wait(status, at, row.intent.as_ref()).await?;
    }
    Ok(())
}

/// A due notification was not taken up.
#[derive(Debug, thiserror::Error)]
enum ResumeError {
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
