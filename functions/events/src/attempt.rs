//! One attempt to apply one event, and the record of its result.

use crate::app::App;
use crate::apply::apply;
use crate::error::ApplyError;
use futures_util::FutureExt as _;
use shared::clock::Timestamp;
use shared::metric;
use shared::store::{ClaimResult, FailureRecord, StoredEvent};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// In seconds: two calls to WeChat, each perhaps twice, and AWS.
const APPLY_TIMEOUT_SECS: u64 = 20;
/// Maximum number of seconds to record the result.
const RECORD_SECS: u64 = 5;

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptResult {
    Applied,
    /// The attempt failed, and the event's row has the reason.
    Failed,
    /// Another invocation holds the claim, or its result supersedes this one.
    Skipped,
    /// The attempt failed, and recording the failure failed too.
    NotRecorded,
}

/// Whether there is time for one more attempt.
pub(crate) fn is_time_left(deadline: Timestamp) -> bool {
    Timestamp::now().plus(APPLY_TIMEOUT_SECS + RECORD_SECS) <= deadline
}

/// Applies an event and records the result. The caller holds the claim for a pending
/// event, or has the event from the stream for the first time.
pub(crate) async fn attempt(app: &App, event: &StoredEvent) -> AttemptResult {
    let applying = catch_panic(apply_and_record(app, event));
    let timeout = Duration::from_secs(APPLY_TIMEOUT_SECS);
    let error = match tokio::time::timeout(timeout, applying).await {
        Ok(Ok(())) => return AttemptResult::Applied,
        Ok(Err(error)) => error,
        Err(_) => ApplyError::TimedOut,
    };
    let now = Timestamp::now();
    let (alias, name) = (alias(app, event, now).await, event.name());
    if !event.is_pending() {
        tracing::error!(app = alias, event = name, "replaying an applied event failed: {error}");
        return AttemptResult::Failed;
    }
    let recorded =
        app.events.record_failure(event, &error.to_string(), error.is_permanent(), now).await;
    if let Ok(FailureRecord::Superseded) = recorded {
        tracing::info!(app = alias, event = name, "a superseded attempt failed: {error}");
        return AttemptResult::Skipped;
    }
    tracing::error!(app = alias, event = name, "an event could not be applied: {error}");
    metric::EVENTS_FAILED.record(1, [&alias]);
    match recorded {
        Ok(FailureRecord::Quarantined) => report_quarantined(&alias, &name),
        Ok(_) => {}
        Err(error) => {
            tracing::error!(app = alias, event = name, "the failure was not recorded: {error}");
            return AttemptResult::NotRecorded;
        }
    }
    AttemptResult::Failed
}

/// Attempts an event by the result of claiming it.
pub(crate) async fn attempt_claimed(
    app: &App,
    event: &StoredEvent,
    claim: ClaimResult,
) -> AttemptResult {
    match claim {
        ClaimResult::Acquired(event) => attempt(app, &event).await,
        ClaimResult::Held => AttemptResult::Skipped,
        ClaimResult::Exhausted => {
            report_quarantined(&alias(app, event, Timestamp::now()).await, &event.name());
            AttemptResult::Failed
        }
    }
}

pub(crate) fn report_quarantined(alias: &str, name: &str) {
    tracing::error!(
        app = alias,
        event = name,
        "quarantined an event; fix what its row names, and replay it"
    );
    metric::EVENTS_QUARANTINED.record(1, [alias]);
}

async fn apply_and_record(app: &App, event: &StoredEvent) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    apply(app, event, now).await?;
    if app.events.record_key_collision(event).await? {
        let alias = alias(app, event, now).await;
        tracing::warn!(
            app = alias,
            event = event.name(),
            "two different events have the same deduplication key; both are stored and applied"
        );
        metric::EVENTS_KEY_COLLISIONS.record(1, [&alias]);
    }
    app.events.mark_applied(event, now).await?;
    metric::EVENTS_APPLIED.record(1, [&alias(app, event, now).await]);
    Ok(())
}

/// Turns a panic into this event's failure. The panic's message may quote user data, so it
/// is dropped.
async fn catch_panic(
    applying: impl Future<Output = Result<(), ApplyError>>,
) -> Result<(), ApplyError> {
    // Unwind safe: all state is in the tables, and applying is idempotent.
    AssertUnwindSafe(applying).catch_unwind().await.unwrap_or(Err(ApplyError::Panicked))
}

/// The alias of the event's app, or its id if it is no longer configured.
async fn alias(app: &App, event: &StoredEvent, now: Timestamp) -> String {
    let apps = app.apps(now, None).await;
    apps.by_id(&event.app_id).map_or_else(|| event.app_id.to_string(), |app| app.alias.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 76.
    #[tokio::test]
    async fn panic_is_one_events_failure_and_its_message_is_dropped() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("the user wrote: my PIN is 1234");
        };
        let error = catch_panic(panics).await.unwrap_err();
        assert!(matches!(error, ApplyError::Panicked), "{error:?}");
        assert!(!error.to_string().contains("1234"), "{error}");
        assert!(!error.is_permanent(), "a later version may succeed");
        assert!(catch_panic(async { Ok(()) }).await.is_ok());
    }
}
