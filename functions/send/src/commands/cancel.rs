//! The command `cancel`: cancels a notification that has not been sent yet.

use crate::app::App;
use crate::error;
use crate::request::NotificationId;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use shared::clock::Timestamp;
use shared::metric;
use shared::send_response::{CANCELLED_REASON, NotificationResult};
use shared::store::{CancelResult, NotificationStatus};

/// Which notification to cancel.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    /// The notification's id: with several recipients, `#` and the recipient's index
    /// follow the request's id.
    id: NotificationId,
}

/// Cancels a notification that is scheduled or waits for a retry.
///
/// Fails when no notification has this id, it is too late, or DynamoDB fails.
pub(crate) async fn cancel(
    app: &App,
    params: &Cancel,
    now: Timestamp,
) -> Result<NotificationResult, Diagnostic> {
    let id = params.id.as_str();
    match app.notifications.cancel(id, now).await.map_err(error::internal)? {
        CancelResult::Cancelled => {
            tracing::info!(id, outcome = "cancelled", "cancelled");
            metric::NOTIFICATIONS.record(1, ["none", "none", "cancelled", ""]);
            Ok(NotificationResult::with_reason(id, NotificationStatus::Cancelled, CANCELLED_REASON))
        }
        CancelResult::TooLate(row) => Err(error::new(
            "TooLate",
            format!("id: it can't be cancelled any more, as it is {}", row.status.as_str()),
        )),
        CancelResult::NotFound => Err(error::new("NotFound", "id: no notification has this id")),
    }
}
