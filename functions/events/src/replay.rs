//! The command `replay`: applies the events that were received in a time range once
//! more, after a fix or a restored backup. Applying is idempotent. A quarantined event
//! starts again as if it were new.

use crate::app::App;
use crate::attempt::{AttemptResult, attempt, attempt_claimed, is_time_left};
use crate::per_user::for_each_user_in_order;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::json::{BoundedText, Json};
use shared::parameters::{AppAlias, Apps};
use shared::store::{EventCursor, EventPage, EventRange, StoredEvent};
use shared::timestamp;
use std::cell::Cell;

/// Maximum number of events in a dry run's response.
const MAX_LISTED: usize = 100;
/// Number of events that are processed before the result is counted.
const CHUNK_SIZE: usize = 32;

const INVALID_TOKEN: &str =
    "next_token: not a token that a response has given within the last 24 hours";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayRequest {
    /// Received then or later: RFC 3339 in UTC, or seconds since 1970.
    #[serde(deserialize_with = "timestamp::deserialize")]
    from: Timestamp,
    /// Received before then.
    #[serde(deserialize_with = "timestamp::deserialize")]
    to: Timestamp,
    /// Only events of the app with this alias.
    app: Option<AppAlias>,
    /// Only events in this state.
    only: Option<Only>,
    /// Only the event that a log line or a listing names so.
    key: Option<BoundedText<2048>>,
    /// Lists the events, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// The `next_token` of the previous response.
    next_token: Option<BoundedText<64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Only {
    Quarantined,
    Pending,
}

#[derive(Debug, Default, Serialize)]
struct ReplayResponse {
    /// Number of events that are applied, now or before.
    applied: u64,
    /// Number of events whose attempt failed; their rows have the reason.
    failed: u64,
    /// Number of events in the range that `only` or `key` excludes, that are unreadable, or
    /// that another invocation has claimed.
    skipped: u64,
    /// Set if there was no time for the rest: pass it to the next request.
    next_token: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct DryRunResponse {
    /// The events of one user stand together, in the order in which they happened.
    events: Vec<ListedEvent>,
    /// Set if there may be more: pass it to the next request.
    next_token: Option<String>,
}

/// One event, without the user and the content.
#[derive(Debug, Serialize)]
struct ListedEvent {
    /// Its name in log lines, and in the request's `key`.
    key: String,
    /// The app's alias, or its id if it is no longer under `/apps`.
    app: String,
    kind: String,
    received_at: Timestamp,
    /// Number of attempts that failed, and the one in progress.
    attempts: u64,
    /// The reason of the last failure.
    problem: Option<String>,
    applied_at: Option<Timestamp>,
    /// The time of the next automatic attempt.
    due_at: Option<Timestamp>,
    quarantined_at: Option<Timestamp>,
}

/// Replays the events of a range until `deadline`, or lists them for a dry run.
pub(crate) async fn replay(
    app: &App,
    request: Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, ReplayError> {
    let request: ReplayRequest =
        request.read().map_err(|error| ReplayError::Invalid(error.to_string()))?;
    let (range, cursor) = request.range(app, now).await?;
    if request.dry_run {
        Ok(json!(list(app, &request, &range, cursor, deadline).await?))
    } else {
        Ok(json!(apply(app, &request, &range, cursor, deadline).await?))
    }
}

async fn apply(
    app: &App,
    request: &ReplayRequest,
    range: &EventRange,
    mut cursor: Option<EventCursor>,
    deadline: Timestamp,
) -> Result<ReplayResponse, ReplayError> {
    let mut response = ReplayResponse::default();
    // At least one event is attempted, however little time there is, so that repeated
    // requests make progress.
    let has_begun = Cell::new(false);
    loop {
        let page = app.events.scan(range, cursor.as_ref()).await?;
        response.skipped += page.unreadable;
        for events in page.events.chunks(CHUNK_SIZE) {
            let results = attempt_chunk(app, request, events, deadline, &has_begun).await;
            let done = results.iter().take_while(|it| **it != ReplayResult::NotBegun).count();
            for result in &results[..done] {
                response.count(*result);
            }
            if let Some(last) = events[..done].last() {
                cursor = Some(EventCursor::after(last));
            }
            if done < events.len() {
                response.next_token = save_cursor(app, cursor).await?;
                return Ok(response);
            }
        }
        cursor = page.next;
        if cursor.is_none() || !is_time_left(deadline) {
            response.next_token = save_cursor(app, cursor).await?;
            return Ok(response);
        }
    }
}

async fn list(
    app: &App,
    request: &ReplayRequest,
    range: &EventRange,
    mut cursor: Option<EventCursor>,
    deadline: Timestamp,
) -> Result<DryRunResponse, ReplayError> {
    let apps = app.apps(Timestamp::now(), None).await;
    let mut response = DryRunResponse::default();
    loop {
        let EventPage { events, next, .. } = app.events.scan(range, cursor.as_ref()).await?;
        for event in events.into_iter().filter(|event| request.selects(event)) {
            if response.events.len() == MAX_LISTED {
                response.next_token = save_cursor(app, cursor).await?;
                return Ok(response);
            }
            cursor = Some(EventCursor::after(&event));
            response.events.push(ListedEvent::new(event, &apps));
        }
        cursor = next;
        if cursor.is_none() || !is_time_left(deadline) {
            response.next_token = save_cursor(app, cursor).await?;
            return Ok(response);
        }
    }
}

/// Stores a cursor and returns a random token for it, as the cursor itself names a user.
async fn save_cursor(app: &App, cursor: Option<EventCursor>) -> Result<Option<String>, AwsError> {
    match cursor {
        Some(cursor) => app.cursors.save(&cursor, Timestamp::now()).await.map(Some),
        None => Ok(None),
    }
}

impl ListedEvent {
    fn new(event: StoredEvent, apps: &Apps) -> Self {
        let alias = apps.by_id(&event.app_id).map(|app| app.alias.clone());
        Self {
            key: event.name(),
            app: alias.unwrap_or_else(|| event.app_id.to_string()),
            kind: event.kind,
            received_at: event.received_at,
            attempts: event.attempts,
            problem: event.problem,
            applied_at: event.applied_at,
            due_at: event.due_at,
            quarantined_at: event.quarantined_at,
        }
    }
}

/// Attempts a chunk of events. Returns their results in the same order.
async fn attempt_chunk(
    app: &App,
    request: &ReplayRequest,
    events: &[StoredEvent],
    deadline: Timestamp,
    has_begun: &Cell<bool>,
) -> Vec<ReplayResult> {
    let by_user = events.iter().enumerate().map(|(at, event)| (event.user.clone(), (at, event)));
    let mut results = for_each_user_in_order(by_user, async |(at, event)| {
        if !request.selects(event) {
            return (at, ReplayResult::Skipped);
        }
        if has_begun.replace(true) && !is_time_left(deadline) {
            return (at, ReplayResult::NotBegun);
        }
        (at, replay_event(app, event).await)
    })
    .await;
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

async fn replay_event(app: &App, event: &StoredEvent) -> ReplayResult {
    let now = Timestamp::now();
    let claim = if event.quarantined_at.is_some() {
        app.events.requeue(event, now).await
    } else if event.is_pending() {
        app.events.claim(event, false, now).await
    } else {
        return attempt(app, event).await.into();
    };
    match claim {
        Ok(claim) => attempt_claimed(app, event, claim).await.into(),
        Err(error) => {
            tracing::error!(event = event.name(), "{error}");
            ReplayResult::Failed
        }
    }
}

/// The result of replaying one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplayResult {
    Applied,
    Failed,
    Skipped,
    NotBegun,
}

impl From<AttemptResult> for ReplayResult {
    fn from(result: AttemptResult) -> Self {
        match result {
            AttemptResult::Applied => Self::Applied,
            AttemptResult::Failed | AttemptResult::NotRecorded => Self::Failed,
            AttemptResult::Skipped => Self::Skipped,
        }
    }
}

impl ReplayResponse {
    fn count(&mut self, result: ReplayResult) {
        match result {
            ReplayResult::Applied => self.applied += 1,
            ReplayResult::Failed => self.failed += 1,
            ReplayResult::Skipped => self.skipped += 1,
            ReplayResult::NotBegun => {}
        }
    }
}

impl ReplayRequest {
    async fn range(
        &self,
        app: &App,
        now: Timestamp,
    ) -> Result<(EventRange, Option<EventCursor>), ReplayError> {
        let Self { from, to, .. } = *self;
        if from >= to {
            return Err(ReplayError::Invalid(
                "to: it has to be later than from; what was received at `to` is not part of the range"
                    .to_owned(),
            ));
        }
        let app_id = match &self.app {
            None => None,
            Some(alias) => {
                let apps = app.apps(now, None).await;
                let wechat_app = apps.by_alias(alias).ok_or_else(|| {
                    let known: Vec<_> = apps.iter().map(|app| app.alias.as_str()).collect();
                    ReplayError::Invalid(format!(
                        "app: there is no app {alias:?}; there are: {}",
                        known.join(", ")
                    ))
                })?;
                Some(wechat_app.app_id.clone())
            }
        };
        let cursor = match &self.next_token {
            None => None,
            Some(token) => {
                let cursor = app.cursors.load(token, now).await?;
                Some(cursor.map_err(|_| ReplayError::Invalid(INVALID_TOKEN.to_owned()))?)
            }
        };
        Ok((EventRange { from, to, app_id }, cursor))
    }

    fn selects(&self, event: &StoredEvent) -> bool {
        if self.key.as_ref().is_some_and(|key| **key != *event.name()) {
            return false;
        }
        match self.only {
            None => true,
            Some(Only::Quarantined) => event.quarantined_at.is_some(),
            Some(Only::Pending) => event.is_pending(),
        }
    }
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("replay: {0}")]
    Invalid(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl From<ReplayError> for Diagnostic {
    fn from(error: ReplayError) -> Self {
        let kind = match error {
            ReplayError::Invalid(_) => "InvalidRequest",
            ReplayError::Aws(_) => "InternalError",
        };
        Self { error_type: kind.to_owned(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_field_or_value_is_refused() {
        let odd = json!({ "from": 1, "to": 2, "onyl": "quarantined" });
        assert!(serde_json::from_value::<ReplayRequest>(odd).is_err());
        let odd = json!({ "from": 1, "to": 2, "only": "everything" });
        let error = serde_json::from_value::<ReplayRequest>(odd).unwrap_err().to_string();
        assert!(error.contains("quarantined") && error.contains("pending"), "{error}");
    }
}
