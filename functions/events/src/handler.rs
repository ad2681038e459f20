//! A batch from the stream of the events table, or the minute's sweep for what
//! the stream could not do.

use crate::app::App;
use crate::apply::{ApplyError, apply};
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::store::StoredEvent;
use std::collections::BTreeSet;

/// The sweep takes this many events of an app a minute; the rest waits.
const SWEEP: i32 = 100;
/// One event needs this many seconds at most: two calls to WeChat, and AWS.
const ONE_EVENT: u64 = 12;

/// What the function is invoked with: a batch of the stream (see "Using AWS
/// Lambda with Amazon DynamoDB" in the Lambda developer guide), or, without
/// records, by the schedule.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
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

/// Applies a batch, or sweeps. What there is no time for until `deadline` waits.
pub(crate) async fn handle(
    app: &App,
    event: Event,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Failures, Error> {
    match event.records {
        Some(records) => Ok(stream(app, records, deadline).await),
        None => {
            sweep(app, now, deadline).await?;
            Ok(Failures::default())
        }
    }
}

/// Applies records in their order. After a failure the later ones of the same
/// user wait for the repeat; those of others don't.
async fn stream(app: &App, records: Vec<Record>, deadline: Timestamp) -> Failures {
    let mut failures = Failures::default();
    let mut waiting = BTreeSet::new();
    for Record { dynamodb: change } in records {
        let applied = match serde_dynamo::from_item::<_, StoredEvent>(change.new_image) {
            Ok(event) if waiting.contains(&event.user) || no_time(deadline) => Err(()),
            Ok(event) => one(app, &event).await.map_err(|_| {
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

/// Applies what is due and has not taken effect.
/// One app's trouble doesn't stop the others.
async fn sweep(app: &App, now: Timestamp, deadline: Timestamp) -> Result<(), Error> {
    let mut failed = None;
    for wechat_app in app.apps(now, None).await.iter() {
        match app.events.unapplied(&wechat_app.app_id, now, SWEEP).await {
            Ok(left) => again(app, left, deadline).await,
            Err(error) => {
                tracing::error!(app = wechat_app.alias, "the sweep failed: {error}");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Tries again what the stream could not do. What can't be done is counted,
/// and set aside after a while, so that it doesn't hold up what can.
async fn again(app: &App, left: Vec<StoredEvent>, deadline: Timestamp) {
    let mut waiting = BTreeSet::new();
    for event in left {
        if waiting.contains(&event.user) || no_time(deadline) {
            continue;
        }
        let Err(error) = one(app, &event).await else { continue };
        match app.events.failed(&event, &error.to_string(), Timestamp::now()).await {
            Ok(true) => tracing::error!(
                app_id = %event.app_id, event = event.event,
                "an event is set aside after many tries; its row says why"
            ),
            Ok(false) => {
                waiting.insert(event.user);
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}

fn no_time(deadline: Timestamp) -> bool {
    Timestamp::now().plus(ONE_EVENT) > deadline
}

/// Applies one event and notes that it has taken effect. A failure is logged
/// here.
async fn one(app: &App, event: &StoredEvent) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let applied = async {
        apply(app, event, now).await?;
        app.events.applied(event, now).await?;
        Ok(())
    };
    applied.await.inspect_err(|error: &ApplyError| {
        tracing::error!(app_id = %event.app_id, event = event.event, "an event could not be applied: {error}");
    })
}
