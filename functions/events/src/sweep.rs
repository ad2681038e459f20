//! The sweep, every minute: attempts the pending events that are due.

use crate::app::App;
use crate::attempt::{attempt_claimed, is_time_left, report_quarantined};
use crate::per_user::for_each_user_in_order;
use futures_util::future::join_all;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{Apps, WeChatApp};
use shared::store::{DueEvent, DueEventRow, StoredEvent};

/// Number of due events in one query; there are 65 queries for one page.
const PAGE_SIZE: i32 = 10;
/// Maximum number of pending events, of all apps, to be read at once.
const MAX_SCANNED: i32 = 1000;

/// What the sweep of one app found.
#[derive(Default)]
struct Swept {
    /// The abandoned events, which are not attempted yet.
    abandoned: Vec<StoredEvent>,
    /// Since when the longest due event is due, by the index.
    oldest: Option<Timestamp>,
}

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
    record_hours_since_push(app, &apps, now).await;
    let mut all = Swept::default();
    let mut outcome = Ok(());
    for found in swept {
        match found {
            Ok(found) => {
                all.abandoned.extend(found.abandoned);
                all.oldest = all.oldest.into_iter().chain(found.oldest).min();
            }
            Err(error) => outcome = Err(error),
        }
    }
    metric::OLDEST_DUE_SECONDS.record(all.oldest.map_or(0, |at| now.seconds_since(at)), []);
    // The last attempt at each of these crashed. It may crash this invocation too, so they
    // come last, one at a time.
    for event in all.abandoned {
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
) -> Vec<Result<Swept, AwsError>> {
    let by_app: Vec<_> = apps
        .iter()
        .map(|wechat_app| {
            let of_app = due.extract_if(.., |due| due.is_of(&wechat_app.app_id)).collect();
            (wechat_app.alias.as_str(), of_app)
        })
        .collect();
    let by_app = by_app.into_iter().chain([("none", due)]);
    let swept = by_app.map(async |(alias, due)| {
        let mut swept = Swept::default();
        swept.add(app, due, alias, deadline).await;
        Ok(swept)
    });
    join_all(swept).await
}

/// Sweeps each app, and the events of none.
async fn sweep_many(
    app: &App,
    apps: &Apps,
    now: Timestamp,
    deadline: Timestamp,
) -> Vec<Result<Swept, AwsError>> {
    let swept = join_all(apps.iter().map(async |wechat_app| {
        sweep_app(app, wechat_app, now, deadline).await.inspect_err(|error| {
            tracing::error!(app = wechat_app.alias, "the sweep failed: {error}");
        })
    }));
    let (mut swept, orphaned) = tokio::join!(swept, sweep_orphaned(app, apps, now, deadline));
    swept.push(orphaned);
    swept
}

/// Records for each app how long WeChat has pushed nothing, if it ever has: that the pushes
/// end is something that no failure tells.
async fn record_hours_since_push(app: &App, apps: &Apps, now: Timestamp) {
    match app.last_pushes.stored.times(apps.iter().map(|app| &app.app_id), now).await {
        Ok(last) => {
            for app in apps.iter() {
                if let Some(at) = last.get(&app.app_id) {
                    metric::HOURS_SINCE_PUSH.record(now.seconds_since(*at) / 3600, [&app.alias]);
                }
            }
        }
        Err(error) => tracing::warn!("{error}"),
    }
}

/// Sweeps one app, page by page.
async fn sweep_app(
    app: &App,
    wechat_app: &WeChatApp,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Swept, AwsError> {
    let mut after = None;
    let mut swept = Swept::default();
    loop {
        let (due, next) = app.events.due(&wechat_app.app_id, now, PAGE_SIZE, after).await?;
        swept.add(app, due, &wechat_app.alias, deadline).await;
        match next {
            Some(next) if is_time_left(deadline) => after = Some(next),
            _ => return Ok(swept),
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
) -> Result<Swept, AwsError> {
    let known: Vec<_> = apps.iter().map(|app| &app.app_id).collect();
    let mut after = None;
    let mut swept = Swept::default();
    loop {
        let (due, next) = app.events.orphaned(&known, now, MAX_SCANNED, after).await?;
        swept.add(app, due, "none", deadline).await;
        match next {
            Some(next) if is_time_left(deadline) => after = Some(next),
            _ => return Ok(swept),
        }
    }
}

impl Swept {
    /// Attempts these events.
    async fn add(&mut self, app: &App, due: Vec<DueEvent>, alias: &str, deadline: Timestamp) {
        let dues = due.iter().filter_map(|due| due.due_at);
        self.oldest = self.oldest.into_iter().chain(dues).min();
        self.abandoned.extend(attempt_all(app, due, alias, deadline).await);
    }
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
            Ok(DueEventRow::Event(event)) if event.is_abandoned() => return Some(*event),
            Ok(DueEventRow::Event(event)) => claim_and_attempt(app, &event, deadline).await,
            Ok(DueEventRow::Unreadable) => report_quarantined(alias, &due.name()),
            Ok(DueEventRow::Gone) => {}
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
