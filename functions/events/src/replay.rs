//! An operator asks for what came in during a stretch of time to be applied
//! once more: after a mistake was mended, or to be sure. What has taken effect
//! already takes no other effect; what was set aside is tried as if it were new.

use crate::app::App;
use crate::attempt::{Tried, attempt, is_time_left};
use crate::lanes::by_user;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::store::{NoPosition, Position, Range, StoredEvent};
use std::cell::Cell;

/// So many events are begun before it is looked whether there is time for more.
const AT_ONCE: usize = 32;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Received then or later: RFC 3339 in UTC, or seconds since 1970.
    #[serde(deserialize_with = "moment")]
    from: Timestamp,
    /// Received before then.
    #[serde(deserialize_with = "moment")]
    to: Timestamp,
    /// Only of the app with this alias.
    app: Option<String>,
    /// Only what stands so.
    only: Option<Only>,
    /// Where the last answer ended.
    after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Only {
    SetAside,
    Unapplied,
}

/// What became of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Replayed {
    /// So many events have taken effect, or had before.
    applied: u64,
    /// So many have not; their rows say why.
    failed: u64,
    /// So many of the range aren't what `only` names, or no events.
    skipped: u64,
    /// There wasn't time for all: ask again with this as `after`.
    after: Option<String>,
}

/// Applies once more what was received in a range, for as long as there is
/// time.
///
/// # Errors
///
/// When the request makes no sense, or DynamoDB doesn't say what came in.
pub(crate) async fn replay(
    app: &App,
    request: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Replayed, ReplayError> {
    let request: Request =
        serde_json::from_value(request).map_err(|error| ReplayError::Invalid(error.to_string()))?;
    let (range, mut after) = request.range(app, now).await?;
    let mut replayed = Replayed::default();
    // However little time there is: one event is tried, so that asking again
    // and again comes to an end.
    let begun = Cell::new(false);
    loop {
        let page = app.events.range(&range, after.as_ref()).await?;
        replayed.skipped += page.unreadable;
        for events in page.events.chunks(AT_ONCE) {
            let outcomes = some(app, &request, events, deadline, &begun).await;
            let done = outcomes.iter().take_while(|outcome| **outcome != Outcome::NotBegun).count();
            for outcome in &outcomes[..done] {
                replayed.count(*outcome);
            }
            if let Some(last) = events[..done].last() {
                after = Some(Position::after(last));
            }
            if done < events.len() {
                replayed.after = after.as_ref().map(ToString::to_string);
                return Ok(replayed);
            }
        }
        after = page.next;
        if after.is_none() || !is_time_left(deadline) {
            replayed.after = after.as_ref().map(ToString::to_string);
            return Ok(replayed);
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
    let tried = if event.set_aside_at.is_some() {
        match app.events.take_up(event, Timestamp::now()).await {
            Ok(Some(event)) => attempt(app, &event).await,
            // Somebody else has done so just now.
            Ok(None) => return Outcome::Skipped,
            Err(error) => {
                tracing::error!(event = event.event, "{error}");
                Tried::Unnoted
            }
        }
    } else {
        attempt(app, event).await
    };
    if tried == Tried::Applied { Outcome::Applied } else { Outcome::Failed }
}

/// What became of one event of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Applied,
    Failed,
    Skipped,
    NotBegun,
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
    ) -> Result<(Range, Option<Position>), ReplayError> {
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
        let after = self.after.as_deref().map(str::parse).transpose();
        let after =
            after.map_err(|error: NoPosition| ReplayError::Invalid(format!("after: {error}")))?;
        Ok((Range { from, to, app_id }, after))
    }

    fn wants(&self, event: &StoredEvent) -> bool {
        match self.only {
            None => true,
            Some(Only::SetAside) => event.set_aside_at.is_some(),
            Some(Only::Unapplied) => event.is_unapplied(),
        }
    }
}

/// Reads a moment.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Number(seconds) => seconds.as_u64(),
        Value::String(text) => DateTime::from_str(&text, Format::DateTime)
            .ok()
            .and_then(|moment| u64::try_from(moment.secs()).ok()),
        _ => None,
    };
    seconds.map(Timestamp).ok_or_else(|| {
        de::Error::custom(
            "from and to are moments in UTC as RFC 3339 writes them (2026-11-20T15:04:00Z), or seconds since 1970",
        )
    })
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
    use serde_json::json;

    #[test]
    fn a_moment_can_be_told_in_two_ways() {
        let request = json!({ "from": "2026-11-20T15:02:03Z", "to": 1_795_186_924 });
        let request: Request = serde_json::from_value(request).unwrap();
        assert_eq!(
            (request.from, request.to),
            (Timestamp(1_795_186_923), Timestamp(1_795_186_924))
        );
        for odd in [
            "yesterday",
            "2026-11-20",
            "2026-11-20T15:02:03+08:00",
            "1795186923",
            "1950-01-01T00:00:00Z",
        ] {
            let request = json!({ "from": odd, "to": 1_795_186_924 });
            let error = serde_json::from_value::<Request>(request).unwrap_err().to_string();
            assert!(error.contains("RFC 3339"), "{odd}: {error}");
        }
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        let odd = json!({ "from": 1, "to": 2, "onyl": "set_aside" });
        assert!(serde_json::from_value::<Request>(odd).is_err());
        let odd = json!({ "from": 1, "to": 2, "only": "everything" });
        let error = serde_json::from_value::<Request>(odd).unwrap_err().to_string();
        assert!(error.contains("set_aside") && error.contains("unapplied"), "{error}");
    }
}
