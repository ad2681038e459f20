//! Who asks: another function, by invoking this one, or the queue.

use crate::app::App;
use crate::check;
use crate::deliver::{DeliverError, Notification, deliver};
use crate::report::{Report, Reports};
use crate::request::Request;
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::ParameterError;
use shared::store::Status;

/// So many notifications are under way at once.
const AT_ONCE: usize = 20;

/// A batch of the queue (see "Using Lambda with Amazon SQS" in the Lambda
/// developer guide).
#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

/// Answers an invocation.
///
/// # Errors
///
/// When a direct request can't be understood or dealt with. A batch never
/// fails as a whole: its failed messages are named in the answer.
pub(crate) async fn handle(
    app: &App,
    event: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    if event.get("Records").is_some() {
        let batch: Batch = serde_json::from_value(event).map_err(|_| {
            failure("InvalidRequest", "Records: not a batch of messages from SQS".to_owned())
        })?;
        return Ok(queue(app, batch, now, deadline).await);
    }
    if let Some(asked) = check::Asked::read(&event) {
        let asked = asked.map_err(|problem| failure("InvalidRequest", problem))?;
        let answer = check::check(app, asked.templates.as_deref(), now).await;
        return Ok(json!(answer.map_err(|error| internal(&error))?));
    }
    let reports = request(app, &event, now, deadline).await?;
    Ok(json!(reports))
}

/// Deals with every message of a batch. What has to be tried again comes back
/// by itself after the queue's visibility timeout, and ends in the dead-letter
/// queue if that doesn't help.
async fn queue(app: &App, batch: Batch, now: Timestamp, deadline: Timestamp) -> Value {
    let failed = stream::iter(batch.records)
        .map(async |message| {
            let done = match serde_json::from_str(&message.body) {
                Ok(event) => request(app, &event, now, deadline).await,
                Err(_) => Err(failure("InvalidRequest", "the message is not JSON".to_owned())),
            };
            let again = match done {
                Ok(reports) => reports
                    .notifications
                    .iter()
                    .any(|report| matches!(report.outcome, Status::RetryAt | Status::InProgress)),
                Err(error) => {
                    tracing::error!(
                        message = message.message_id,
                        kind = error.error_type,
                        "{}",
                        error.error_message
                    );
                    true
                }
            };
            again.then_some(message.message_id)
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .map(|id| json!({ "itemIdentifier": id }))
        .collect::<Vec<_>>()
        .await;
    json!({ "batchItemFailures": failed })
}

/// Deals with one request: a notification for each recipient.
async fn request(
    app: &App,
    event: &Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Reports, Diagnostic> {
    let request = Request::read(event).map_err(|problem| failure("InvalidRequest", problem))?;
    let code = request.template.as_str();
    let template = app.template(code, now).await.map_err(|error| match error {
        ParameterError::Invalid { .. } => failure("InvalidTemplate", error.to_string()),
        ParameterError::Missing(_) | ParameterError::Aws(_) => internal(&error),
    })?;
    let template = template.ok_or_else(|| {
        failure(
            "InvalidRequest",
            format!("template: there is no template {code}; register it under /templates"),
        )
    })?;
    let fields = request.fields(&template).map_err(|problem| failure("InvalidRequest", problem))?;
    let apps = app.apps(&template, now).await;
    let notifications: Vec<_> = request
        .to
        .0
        .iter()
        .enumerate()
        .map(|(place, recipient)| Notification {
            id: request.notification_id(place),
            request: &request,
            recipient,
            template: &template,
            apps: &apps,
            fields: &fields,
        })
        .collect();
    let reports: Vec<Result<Report, DeliverError>> = stream::iter(&notifications)
        .map(|notification| deliver(app, notification, Timestamp::now(), deadline))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let single = reports.len() == 1;
    let mut answered = Vec::with_capacity(reports.len());
    for (report, notification) in reports.into_iter().zip(&notifications) {
        match report {
            Ok(report) => answered.push(report),
            Err(error) if single => return Err(refused(&error)),
            // One recipient's trouble must not hide what became of the others.
            Err(error) => {
                let diagnostic = refused(&error);
                let conflict = matches!(error, DeliverError::Conflict(_));
                let mut report = Report::new(
                    &notification.id,
                    if conflict { Status::Failed } else { Status::RetryAt },
                );
                report.reason = Some(diagnostic.error_message);
                report.retry_at = (!conflict).then_some(now);
                answered.push(report);
            }
        }
    }
    Ok(Reports { notifications: answered })
}

fn refused(error: &DeliverError) -> Diagnostic {
    match error {
        DeliverError::Conflict(_) => failure("Conflict", error.to_string()),
        DeliverError::Aws(_) => internal(error),
    }
}

/// What is ours to mend is told to the log, not to the caller.
fn internal(error: &impl std::error::Error) -> Diagnostic {
    tracing::error!("{error}");
    failure(
        "InternalError",
        "internal error; ask again with the same id, and see this function's log".to_owned(),
    )
}

fn failure(kind: &str, message: String) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}
