//! Calling off what has not been sent yet.

use crate::app::App;
use crate::failure::{failure, internal};
use crate::report::Report;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use shared::clock::Timestamp;
use shared::metric;
use shared::store::{CancelResult, NotificationStatus};

/// Which notification is to be called off.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    /// The notification's id: with several recipients, `#` and the place follow
    /// that of the request.
    id: String,
}

/// Calls a notification off that is scheduled or waits for another try.
///
/// # Errors
///
/// When there is none of that id, or it is too late, or DynamoDB doesn't answer.
pub(crate) async fn cancel(
    app: &App,
    cancel: &Cancel,
    now: Timestamp,
) -> Result<Report, Diagnostic> {
    let id = cancel.id.as_str();
    match app.notifications.cancel(id, now).await.map_err(|error| internal(&error))? {
        CancelResult::Cancelled => {
            tracing::info!(id, outcome = "cancelled", "called off");
            metric::NOTIFICATIONS.record(1, ["none", "none", "cancelled", ""]);
            Ok(Report::because(
                id,
                NotificationStatus::Cancelled,
                "it was called off before it was sent",
            ))
        }
        CancelResult::TooLate(row) => Err(failure(
            "TooLate",
            format!("id: it can't be called off any more, as it is {}", row.status.as_str()),
        )),
        CancelResult::NotFound => {
            Err(failure("NotFound", "id: there is no notification of this id"))
        }
    }
}
