//! The sweep, every minute: attempts the pending events that are due.

use crate::app::App;
use crate::attempt::{attempt_claimed, is_time_left};
use crate::per_user::for_each_user_in_order;
use futures_util::future::join_all;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{Apps, WeChatApp};
use shared::store::{DueEvent, StoredEvent};

/// Number of due events in one query; there are 65 queries for one page.
const PAGE_SIZE: i32 = 10;
/// Maximum number of pending events, of all apps, to be read at once.
const MAX_SCANNED: i32 = 1000;

/// Attempts what is due, until `deadline`; the rest stays due. Few pending events are found
/// by one read; many are read app by app, the longest due first. If the query for one app
/// fails, the other apps are swept nevertheless.
pub(crate) async fn sweep(app: &App, now: Timestamp, deadline: Timestamp) -> Result<(), AwsError> {
    let apps = app.apps(now, None).await;
    let few = app.events.all_due(now, MAX_SCANNED).await.unwrap_or_else(|error| {
        tracing::warn!("{error}");
        None
    });
    let swept = match few {
        Some(due) => sweep_few(app, &apps, due, deadline).await,
        None => sweep_many(app, &apps, now, deadline).await,
    };
    let mut abandoned = Vec::new();
    let mut outcome = Ok(());
    for found in swept {
        match found {
            Ok(found) => abandoned.extend(found),
            Err(error) => outcome = Err(error),
        }
    }
    // The last attempt at each of these crashed. It may crash this invocation too, so they
    // come last, one at a time.
    for event in abandoned {
        claim_and_attempt(app, &event, deadline).await;
    }
    outcome
}

/// Attempts these events of all apps.
async fn sweep_few(
    app: &App,
    apps: &Apps,
    mut due: Vec<DueEvent>,
    deadline: Timestamp,
) -> Vec<Result<Vec<StoredEvent>, AwsError>> {
    let by_app: Vec<_> = apps
        .iter()
        .map(|wechat_app| {
            let of_app = due.extract_if(.., |due| due.is_of(&wechat_app.app_id)).collect();
            (wechat_app.alias.as_str(), of_app)
        })
        .collect();
    let by_app = by_app.into_iter().chain([("none", due)]);
    let swept = by_app.map(async |(alias, due)| Ok(attempt_all(app, due, alias, deadline).await));
    join_all(swept).await
}

/// Sweeps each app, and the events of none.
async fn sweep_many(
    app: &App,
    apps: &Apps,
    now: Timestamp,
    deadline: Timestamp,
) -> Vec<Result<Vec<StoredEvent>, AwsError>> {
    let swept = join_all(apps.iter().map(async |wechat_app| {
        sweep_app(app, wechat_app, now, deadline).await.inspect_err(|error| {
            tracing::error!(app = wechat_app.alias, "the sweep failed: {error}");
        })
    }));
    let (mut swept, orphaned) = tokio::join!(swept, sweep_orphaned(app, apps, now, deadline));
    swept.push(orphaned);
    swept
}

/// Sweeps one app. Returns the abandoned events without attempting them.
async fn sweep_app(
    app: &App,
    wechat_app: &WeChatApp,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Vec<StoredEvent>, AwsError> {
    let mut after = None;
    let mut abandoned = Vec::new();
    loop {
        let (due, next) = app.events.due(&wechat_app.app_id, now, PAGE_SIZE, after).await?;
        abandoned.extend(attempt_all(app, due, &wechat_app.alias, deadline).await);
        match next {
            Some(next) if is_time_left(deadline) => after = Some(next),
            _ => return Ok(abandoned),
        }
    }
}

/// Sweeps the events whose app is not configured. It may have been added since; otherwise
/// they are quarantined in the end.
async fn sweep_orphaned(
    app: &App,
    apps: &Apps,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Vec<StoredEvent>, AwsError> {
    let known: Vec<_> = apps.iter().map(|app| &app.app_id).collect();
    let orphaned = app.events.orphaned(&known, now, MAX_SCANNED).await?;
    Ok(attempt_all(app, orphaned, "none", deadline).await)
}

async fn attempt_all(
    app: &App,
    due: Vec<DueEvent>,
    alias: &str,
    deadline: Timestamp,
) -> Vec<StoredEvent> {
    let by_user = due.into_iter().filter_map(|due| Some((due.user()?.to_owned(), due)));
    let abandoned = for_each_user_in_order(by_user, async |due| {
        if !is_time_left(deadline) {
            return None;
        }
        match app.events.get_due(&due, Timestamp::now()).await {
            Ok(Some(event)) if event.is_abandoned() => return Some(event),
            Ok(Some(event)) => claim_and_attempt(app, &event, deadline).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(app = alias, "{error}");
                metric::EVENTS_FAILED.record(1, [alias]);
            }
        }
        None
    });
    abandoned.await.into_iter().flatten().collect()
}

async fn claim_and_attempt(app: &App, event: &StoredEvent, deadline: Timestamp) {
    if !is_time_left(deadline) {
        return;
    }
    match app.events.claim(event, true, Timestamp::now()).await {
        Ok(claim) => {
            attempt_claimed(app, event, claim).await;
        }
        Err(error) => tracing::error!(event = event.name(), "{error}"),
    }
}
