//! An operator asks for what came in during a stretch of time to be applied
//! once more: after a mistake was mended, or to be sure. What has taken effect
//! already takes no other effect; what was set aside is tried as if it were new.

use crate::app::App;
use crate::attempt::{Tried, attempt, attempt_taken, is_time_left};
use crate::lanes::by_user;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::Apps;
use shared::store::{EventCursor, EventPage, EventRange, StoredEvent};
use shared::timestamp;
use std::cell::Cell;

/// A list has so many events at most.
const LISTED: usize = 100;
/// So many events are begun before it is looked whether there is time for more.
const AT_ONCE: usize = 32;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Received then or later: RFC 3339 in UTC, or seconds since 1970.
    #[serde(deserialize_with = "timestamp::deserialize")]
    from: Timestamp,
    /// Received before then.
    #[serde(deserialize_with = "timestamp::deserialize")]
    to: Timestamp,
    /// Only of the app with this alias.
    app: Option<String>,
    /// Only what stands so.
    only: Option<Only>,
    /// Only the one event that a log line or a listing calls so.
    key: Option<String>,
    /// Lists, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Where the last answer ended.
    after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Only {
    Quarantined,
    Unapplied,
}

/// What became of it.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    /// So many events have taken effect, or had before.
    applied: u64,
    /// So many have not; their rows say why.
    failed: u64,
    /// So many of the range aren't what `only` or `key` names, or are no events,
    /// or somebody else is at them.
    skipped: u64,
    /// There wasn't time for all: ask again with this as `after`.
    after: Option<String>,
}

/// What a dry run finds.
#[derive(Debug, Default, Serialize)]
struct Listed {
    /// Those of one user stand together, in the order in which they happened.
    events: Vec<Listing>,
    /// There may be more: ask again with this as `after`.
    after: Option<String>,
}

/// One event, without a word of whose it is or what it says.
#[derive(Debug, Serialize)]
struct Listing {
    /// What log lines call it, and what `key` takes.
    key: String,
    /// The app's alias, or what WeChat calls it if it is no longer under `/apps`.
    app: String,
    kind: String,
    received_at: Timestamp,
    /// So often it was tried and failed, or is being tried.
    attempts: u64,
    /// Why it failed the last time.
    problem: Option<String>,
    applied_at: Option<Timestamp>,
    /// When it is tried again by itself.
    due_at: Option<Timestamp>,
    quarantined_at: Option<Timestamp>,
}

/// Applies once more what was received in a range, for as long as there is
/// time; or lists it, if it is to be a dry run.
///
/// # Errors
///
/// When the request makes no sense, or DynamoDB doesn't say what came in.
pub(crate) async fn replay(
    app: &App,
    request: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, ReplayError> {
    let request: Request =
        serde_json::from_value(request).map_err(|error| ReplayError::Invalid(error.to_string()))?;
    let (range, after) = request.range(app, now).await?;
    if request.dry_run {
        list(app, &request, &range, after, deadline).await.map(|listed| json!(listed))
    } else {
        apply(app, &request, &range, after, deadline).await.map(|replayed| json!(replayed))
    }
}

async fn apply(
    app: &App,
    request: &Request,
    range: &EventRange,
    mut after: Option<EventCursor>,
    deadline: Timestamp,
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    // However little time there is: one event is tried, so that asking again
    // and again comes to an end.
    let begun = Cell::new(false);
    loop {
        let page = app.events.scan(range, after.as_ref()).await?;
        replayed.skipped += page.unreadable;
        for events in page.events.chunks(AT_ONCE) {
            let outcomes = some(app, request, events, deadline, &begun).await;
            let done = outcomes.iter().take_while(|outcome| **outcome != Outcome::NotBegun).count();
            for outcome in &outcomes[..done] {
                replayed.count(*outcome);
            }
            if let Some(last) = events[..done].last() {
                after = Some(EventCursor::after(last));
            }
            if done < events.len() {
                replayed.after = keep(app, after).await?;
                return Ok(replayed);
            }
        }
        after = page.next;
        if after.is_none() || !is_time_left(deadline) {
            replayed.after = keep(app, after).await?;
            return Ok(replayed);
        }
    }
}

async fn list(
    app: &App,
    request: &Request,
    range: &EventRange,
    mut after: Option<EventCursor>,
    deadline: Timestamp,
) -> Result<Listed, ReplayError> {
    let apps = app.apps(Timestamp::now(), None).await;
    let mut listed = Listed::default();
    loop {
        let EventPage { events, next, .. } = app.events.scan(range, after.as_ref()).await?;
        for event in events.into_iter().filter(|event| request.wants(event)) {
            if listed.events.len() == LISTED {
                listed.after = keep(app, after).await?;
                return Ok(listed);
            }
            after = Some(EventCursor::after(&event));
            listed.events.push(Listing::new(event, &apps));
        }
        after = next;
        if after.is_none() || !is_time_left(deadline) {
            listed.after = keep(app, after).await?;
            return Ok(listed);
        }
    }
}

/// A word for a place, as the place itself names a user.
async fn keep(app: &App, place: Option<EventCursor>) -> Result<Option<String>, AwsError> {
    match place {
        Some(place) => app.users.save_cursor(&place, Timestamp::now()).await.map(Some),
        None => Ok(None),
    }
}

impl Listing {
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

/// Tries some events; what became of each, in their order.
async fn some(
    app: &App,
    request: &Request,
    events: &[StoredEvent],
    deadline: Timestamp,
    begun: &Cell<bool>,
) -> Vec<Outcome> {
    let lanes = events.iter().enumerate().map(|(at, event)| (event.user.clone(), (at, event)));
    let mut outcomes = by_user(lanes, async |(at, event)| {
        if !request.wants(event) {
            return (at, Outcome::Skipped);
        }
        if begun.replace(true) && !is_time_left(deadline) {
            return (at, Outcome::NotBegun);
        }
        (at, again(app, event).await)
    })
    .await;
    outcomes.sort_unstable_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Tries one event, whatever became of it before.
async fn again(app: &App, event: &StoredEvent) -> Outcome {
    let now = Timestamp::now();
    let taken = if event.quarantined_at.is_some() {
        app.events.requeue(event, now).await
    } else if event.is_pending() {
        app.events.claim(event, false, now).await
    } else {
        return attempt(app, event).await.into();
    };
    match taken {
        Ok(taken) => attempt_taken(app, event, taken).await.into(),
        Err(error) => {
            tracing::error!(event = event.name(), "{error}");
            Outcome::Failed
        }
    }
}

/// What became of one event of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Applied,
    Failed,
    Skipped,
    NotBegun,
}

impl From<Tried> for Outcome {
    fn from(tried: Tried) -> Self {
        match tried {
            Tried::Applied => Self::Applied,
            Tried::Failed | Tried::Unnoted => Self::Failed,
            // Somebody else is at it, or has been just now.
            Tried::Elsewhere => Self::Skipped,
        }
    }
}

impl Replayed {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Applied => self.applied += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::NotBegun => {}
        }
    }
}

impl Request {
    async fn range(
        &self,
        app: &App,
        now: Timestamp,
    ) -> Result<(EventRange, Option<EventCursor>), ReplayError> {
        let Self { from, to, .. } = *self;
        if from >= to {
            return Err(ReplayError::Invalid(
                "to: it has to be later than from; what was received at `to` isn't part of the range"
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
        let after = match &self.after {
            None => None,
            Some(word) => {
                let place = app.users.load_cursor(word, now).await?;
                Some(place.map_err(|error| ReplayError::Invalid(format!("after: {error}")))?)
            }
        };
        Ok((EventRange { from, to, app_id }, after))
    }

    fn wants(&self, event: &StoredEvent) -> bool {
        if self.key.as_ref().is_some_and(|key| *key != event.name()) {
            return false;
        }
        match self.only {
            None => true,
            Some(Only::Quarantined) => event.quarantined_at.is_some(),
            Some(Only::Unapplied) => event.is_pending(),
        }
    }
}

/// A replay that can't be.
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
    fn what_nobody_knows_is_refused() {
        let odd = json!({ "from": 1, "to": 2, "onyl": "quarantined" });
        assert!(serde_json::from_value::<Request>(odd).is_err());
        let odd = json!({ "from": 1, "to": 2, "only": "everything" });
        let error = serde_json::from_value::<Request>(odd).unwrap_err().to_string();
        assert!(error.contains("quarantined") && error.contains("pending"), "{error}");
    }
}
