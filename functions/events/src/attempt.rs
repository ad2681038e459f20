//! One try at one event, and what is noted of it.

use crate::app::App;
use crate::apply::{ApplyError, apply};
use shared::clock::Timestamp;
use shared::metric;
use shared::store::{Counted, StoredEvent};
use std::time::Duration;

/// A try takes this many seconds at most: two calls to WeChat, each perhaps
/// twice, and AWS.
const LONGEST: u64 = 20;
/// Noting the outcome takes this many seconds at most.
const NOTING: u64 = 5;

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The event has taken effect.
    Applied,
    /// It has not, and its row says so.
    Failed,
    /// It has not, and not even that could be noted.
    Unnoted,
}

/// Whether there is time for one more try.
pub(crate) fn is_time_left(deadline: Timestamp) -> bool {
    Timestamp::now().plus(LONGEST + NOTING) <= deadline
}

/// Applies one event and notes what came of it.
pub(crate) async fn attempt(app: &App, event: &StoredEvent) -> Tried {
    let trying = tokio::time::timeout(Duration::from_secs(LONGEST), effect(app, event));
    let error = match trying.await {
        Ok(Ok(())) => return Tried::Applied,
        Ok(Err(error)) => error,
        Err(_) => ApplyError::TooLong,
    };
    let now = Timestamp::now();
    let alias = alias(app, event, now).await;
    let (app_id, key) = (&event.app_id, event.event.as_str());
    tracing::error!(app = alias, %app_id, event = key, "an event could not be applied: {error}");
    metric::count("events_failed", &alias, 1);
    match app.events.failed(event, &error.to_string(), error.is_hopeless(), now).await {
        Ok(Counted::SetAside) => {
            tracing::error!(app = alias, %app_id, event = key, "it is set aside; its row says why");
            metric::count("events_set_aside", &alias, 1);
            Tried::Failed
        }
        Ok(Counted::Due(_) | Counted::Already) => Tried::Failed,
        Err(error) => {
            tracing::error!(app = alias, %app_id, event = key, "that it failed could not be noted: {error}");
            Tried::Unnoted
        }
    }
}

async fn effect(app: &App, event: &StoredEvent) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    apply(app, event, now).await?;
    if app.events.note_twin(event).await? {
        let alias = alias(app, event, now).await;
        tracing::warn!(
            app = alias,
            event = event.event,
            "two different events have the same identity; both are kept and applied"
        );
        metric::count("events_twins", &alias, 1);
    }
    app.events.applied(event, now).await?;
    Ok(())
}

/// The event's app, as the operator calls it.
async fn alias(app: &App, event: &StoredEvent, now: Timestamp) -> String {
    let apps = app.apps(now, None).await;
    apps.by_id(&event.app_id).map_or_else(|| event.app_id.to_string(), |app| app.alias.clone())
}
