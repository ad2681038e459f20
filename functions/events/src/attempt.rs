//! One try at one event, and what is noted of it.

use crate::app::App;
use crate::apply::{ApplyError, apply};
use futures_util::FutureExt as _;
use shared::clock::Timestamp;
use shared::metric;
use shared::store::{ClaimResult, FailureRecord, StoredEvent};
use std::panic::AssertUnwindSafe;
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
    /// Somebody else is at it, or was, and that counts.
    Elsewhere,
    /// It has not, and not even that could be noted.
    Unnoted,
}

/// Whether there is time for one more try.
pub(crate) fn is_time_left(deadline: Timestamp) -> bool {
    Timestamp::now().plus(LONGEST + NOTING) <= deadline
}

/// Applies one event and notes what came of it. One that has to take effect was
/// taken before, or comes from the stream for the first time.
pub(crate) async fn attempt(app: &App, event: &StoredEvent) -> Tried {
    let trying = caught(effect(app, event));
    let trying = tokio::time::timeout(Duration::from_secs(LONGEST), trying).await;
    let error = match trying {
        Ok(Ok(())) => return Tried::Applied,
        Ok(Err(error)) => error,
        Err(_) => ApplyError::TooLong,
    };
    let now = Timestamp::now();
    let (alias, name) = (alias(app, event, now).await, event.name());
    if !event.is_pending() {
        tracing::error!(app = alias, event = name, "it could not be applied once more: {error}");
        return Tried::Failed;
    }
    match app.events.record_failure(event, &error.to_string(), error.is_hopeless(), now).await {
        Ok(FailureRecord::RetryAt(_)) => {
            tell(&alias, &name, &error);
            Tried::Failed
        }
        Ok(FailureRecord::Quarantined) => {
            tell(&alias, &name, &error);
            quarantined(&alias, &name);
            Tried::Failed
        }
        Ok(FailureRecord::Superseded) => {
            tracing::info!(app = alias, event = name, "a try that doesn't count failed: {error}");
            Tried::Elsewhere
        }
        Err(unnoted) => {
            tell(&alias, &name, &error);
            tracing::error!(
                app = alias,
                event = name,
                "that it failed could not be noted: {unnoted}"
            );
            Tried::Unnoted
        }
    }
}

/// Tries what was taken for a try.
pub(crate) async fn attempt_taken(app: &App, event: &StoredEvent, taken: ClaimResult) -> Tried {
    match taken {
        ClaimResult::Acquired(event) => attempt(app, &event).await,
        ClaimResult::Held => Tried::Elsewhere,
        ClaimResult::Exhausted => {
            quarantined(&alias(app, event, Timestamp::now()).await, &event.name());
            Tried::Failed
        }
    }
}

fn tell(alias: &str, name: &str, error: &ApplyError) {
    tracing::error!(app = alias, event = name, "an event could not be applied: {error}");
    metric::EVENTS_FAILED.record(1, [alias]);
}

fn quarantined(alias: &str, name: &str) {
    tracing::error!(app = alias, event = name, "it is set aside; its row says why");
    metric::EVENTS_QUARANTINED.record(1, [alias]);
}

async fn effect(app: &App, event: &StoredEvent) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    apply(app, event, now).await?;
    if app.events.record_key_collision(event).await? {
        let alias = alias(app, event, now).await;
        tracing::warn!(
            app = alias,
            event = event.name(),
            "two different events have the same identity; both are kept and applied"
        );
        metric::EVENTS_KEY_COLLISIONS.record(1, [&alias]);
    }
    app.events.mark_applied(event, now).await?;
    metric::EVENTS_APPLIED.record(1, [&alias(app, event, now).await]);
    Ok(())
}

/// Makes a panic one event's failure. What it says may quote what the user
/// wrote, and isn't passed on.
async fn caught(effect: impl Future<Output = Result<(), ApplyError>>) -> Result<(), ApplyError> {
    // Whatever it left half-done is in the tables, where a later try finds it.
    AssertUnwindSafe(effect).catch_unwind().await.unwrap_or(Err(ApplyError::Panicked))
}

/// The event's app, as the operator calls it.
pub(crate) async fn alias(app: &App, event: &StoredEvent, now: Timestamp) -> String {
    let apps = app.apps(now, None).await;
    apps.by_id(&event.app_id).map_or_else(|| event.app_id.to_string(), |app| app.alias.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 76.
    #[tokio::test]
    async fn a_panic_is_one_events_failure_and_says_nothing_of_it() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("the user wrote: my PIN is 1234");
        };
        let error = caught(panics).await.unwrap_err();
        assert!(matches!(error, ApplyError::Panicked), "{error:?}");
        assert!(!error.to_string().contains("1234"), "{error}");
        assert!(!error.is_hopeless(), "another version may do better");
        assert!(caught(async { Ok(()) }).await.is_ok());
    }
}
