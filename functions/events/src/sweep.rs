//! The minute's sweep: what has not taken effect and is due.

use crate::app::App;
use crate::attempt::{attempt_taken, is_time_left};
use crate::lanes::by_user;
use futures_util::future::join_all;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{Apps, WeChatApp};
use shared::store::{DueEvent, StoredEvent};

/// So many events are looked for in one request.
const PAGE: i32 = 100;
/// So many waiting events are looked at for some of unknown apps.
const STRAYS: i32 = 1000;

/// Tries what is due. One app's trouble doesn't stop the others. What there is
/// no time for until `deadline` stays due.
///
/// # Errors
///
/// When DynamoDB doesn't say what is due, for one of the apps.
pub(crate) async fn sweep(app: &App, now: Timestamp, deadline: Timestamp) -> Result<(), AwsError> {
    let apps = app.apps(now, None).await;
    let swept = join_all(apps.iter().map(async |wechat_app| {
        of_app(app, wechat_app, now, deadline).await.inspect_err(|error| {
            tracing::error!(app = wechat_app.alias, "the sweep failed: {error}");
        })
    }));
    let (swept, strays) = tokio::join!(swept, strays(app, &apps, now, deadline));
    let mut suspects = Vec::new();
    let mut outcome = Ok(());
    for found in swept.into_iter().chain([strays]) {
        match found {
            Ok(found) => suspects.extend(found),
            Err(error) => outcome = Err(error),
        }
    }
    // Whoever tried one of these was ended in the middle. That may happen again,
    // and then to nobody but the one that is at fault.
    for suspect in suspects {
        try_one(app, &suspect, deadline).await;
    }
    outcome
}

/// Tries what is due of one app, but for those of which it isn't certain that
/// they do no harm: these are given back.
async fn of_app(
    app: &App,
    wechat_app: &WeChatApp,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Vec<StoredEvent>, AwsError> {
    let mut after = None;
    let mut suspects = Vec::new();
    loop {
        let (due, next) = app.events.due(&wechat_app.app_id, now, PAGE, after).await?;
        suspects.extend(try_all(app, due, &wechat_app.alias, deadline).await);
        match next {
            Some(next) if is_time_left(deadline) => after = Some(next),
            _ => return Ok(suspects),
        }
    }
}

/// Tries what belongs to no app that is known: it may have been added since, and
/// otherwise is set aside some day.
async fn strays(
    app: &App,
    apps: &Apps,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Vec<StoredEvent>, AwsError> {
    let known: Vec<_> = apps.iter().map(|app| &app.app_id).collect();
    let strays = app.events.orphaned(&known, now, STRAYS).await?;
    Ok(try_all(app, strays, "none", deadline).await)
}

async fn try_all(
    app: &App,
    due: Vec<DueEvent>,
    alias: &str,
    deadline: Timestamp,
) -> Vec<StoredEvent> {
    let lanes = due.into_iter().filter_map(|due| Some((due.user()?.to_owned(), due)));
    let suspects = by_user(lanes, async |due| {
        if !is_time_left(deadline) {
            return None;
        }
        match app.events.get_due(&due, Timestamp::now()).await {
            Ok(Some(event)) if event.is_abandoned() => return Some(event),
            Ok(Some(event)) => try_one(app, &event, deadline).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(app = alias, "{error}");
                metric::EVENTS_FAILED.record(1, [alias]);
            }
        }
        None
    });
    suspects.await.into_iter().flatten().collect()
}

async fn try_one(app: &App, event: &StoredEvent, deadline: Timestamp) {
    if !is_time_left(deadline) {
        return;
    }
    match app.events.claim(event, true, Timestamp::now()).await {
        Ok(taken) => {
            attempt_taken(app, event, taken).await;
        }
        Err(error) => tracing::error!(event = event.name(), "{error}"),
    }
}
