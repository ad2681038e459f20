//! The minute's sweep: what has not taken effect and is due.

use crate::app::App;
use crate::attempt::{attempt, is_time_left};
use crate::lanes::by_user;
use futures_util::future::join_all;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::App as WeChatApp;
use shared::store::Due;

/// So many events are looked for in one request.
const PAGE: i32 = 100;

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
    swept.await.into_iter().collect()
}

async fn of_app(
    app: &App,
    wechat_app: &WeChatApp,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<(), AwsError> {
    let mut after = None;
    loop {
        let (due, next) = app.events.due(&wechat_app.app_id, now, PAGE, after).await?;
        let lanes = due.into_iter().filter_map(|due| Some((due.user()?.to_owned(), due)));
        by_user(lanes, async |due| again(app, wechat_app, &due, deadline).await).await;
        match next {
            Some(next) if is_time_left(deadline) => after = Some(next),
            _ => return Ok(()),
        }
    }
}

async fn again(app: &App, wechat_app: &WeChatApp, due: &Due, deadline: Timestamp) {
    if !is_time_left(deadline) {
        return;
    }
    match app.events.get_due(due, Timestamp::now()).await {
        Ok(Some(event)) => {
            attempt(app, &event).await;
        }
        Ok(None) => {}
        Err(error) => {
            tracing::error!(app = wechat_app.alias, "{error}");
            metric::count("events_failed", &wechat_app.alias, 1);
        }
    }
}
