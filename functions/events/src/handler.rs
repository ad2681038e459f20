//! A batch from the stream of the events table, or the minute's sweep for what
//! the stream could not do.

use crate::app::App;
use crate::apply::{ApplyError, apply};
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::store::StoredEvent;
use std::collections::BTreeSet;

/// The stream is given this many seconds before the sweep steps in.
const STREAM_HEAD_START: u64 = 60;
/// The sweep takes this many events of an app a minute; the rest waits.
const SWEEP: i32 = 100;

/// What the function is invoked with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Event {
    /// A batch of the stream (see "Using AWS Lambda with Amazon DynamoDB" in
    /// the Lambda developer guide).
    Stream {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    /// The schedule.
    Sweep {},
}

#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    new_image: serde_dynamo::Item,
}

/// Which records have to come again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Applies a batch, or sweeps.
pub(crate) async fn handle(app: &App, event: Event, now: Timestamp) -> Result<Failures, Error> {
    match event {
        Event::Stream { records } => Ok(stream(app, records, now).await),
        Event::Sweep {} => {
            sweep(app, now).await?;
            Ok(Failures::default())
        }
    }
}

/// Applies records in their order. After a failure the later ones of the same
/// user wait for the repeat; those of others don't.
async fn stream(app: &App, records: Vec<Record>, now: Timestamp) -> Failures {
    let mut failures = Failures::default();
    let mut waiting = BTreeSet::new();
    for Record { dynamodb: change } in records {
        let applied = match serde_dynamo::from_item::<_, StoredEvent>(change.new_image) {
            Ok(event) if waiting.contains(&event.user) => Err(()),
            Ok(event) => one(app, &event, now).await.map_err(|_| {
                waiting.insert(event.user);
            }),
            Err(error) => {
                tracing::error!("a record of the stream is no event: {error}");
                Err(())
            }
        };
        if applied.is_err() {
            failures.batch_item_failures.push(Failure { item_identifier: change.sequence_number });
        }
    }
    failures
}

/// Applies what was written down over a minute ago and has not taken effect.
async fn sweep(app: &App, now: Timestamp) -> Result<(), Error> {
    let before = Timestamp(now.0.saturating_sub(STREAM_HEAD_START));
    for wechat_app in app.apps.iter() {
        let left = app.events.unapplied(&wechat_app.app_id, before, SWEEP).await?;
        let mut waiting = BTreeSet::new();
        for event in left {
            if !waiting.contains(&event.user) && one(app, &event, now).await.is_err() {
                waiting.insert(event.user);
            }
        }
    }
    Ok(())
}

/// Applies one event and notes that it has taken effect. A failure is logged
/// here.
async fn one(app: &App, event: &StoredEvent, now: Timestamp) -> Result<(), ApplyError> {
    let applied = async {
        apply(app, event, now).await?;
        app.events.applied(event, now).await?;
        Ok(())
    };
    applied.await.inspect_err(|error: &ApplyError| {
        tracing::error!(app_id = %event.app_id, event = event.event, "an event could not be applied: {error}");
    })
}
