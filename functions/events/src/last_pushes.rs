//! Records when each app's last push came, for the sweep, which tells how long that is ago.

use shared::clock::Timestamp;
use shared::store::{self, StoredEvent, UsersTable};
use shared::wechat::id::AppId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// In seconds. What is measured with it is counted in hours.
const RECORD_INTERVAL: u64 = 600;
/// The events of the batch don't wait longer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The last push of each app.
#[derive(Debug)]
pub(crate) struct LastPushes {
    pub(crate) stored: store::LastPushes,
    /// What this execution environment has recorded.
    recorded: Mutex<HashMap<AppId, Timestamp>>,
}

impl LastPushes {
    pub(crate) fn new(users: &UsersTable) -> Self {
        Self { stored: store::LastPushes::new(users), recorded: Mutex::default() }
    }

    /// Records the pushes of these new events, each app's at most every ten minutes. A failure
    /// is only logged: the next push is recorded again.
    pub(crate) async fn record(&self, events: &[&StoredEvent]) {
        for (app_id, at) in self.due(events) {
            match tokio::time::timeout(TIMEOUT, self.stored.record(&app_id, at)).await {
                Ok(Ok(())) => {
                    self.recorded().insert(app_id, at);
                }
                Ok(Err(error)) => tracing::warn!("{error}"),
                Err(_) => tracing::warn!("recording a push took too long"),
            }
        }
    }

    /// The last of these pushes of each app, where it is time to record one.
    fn due(&self, events: &[&StoredEvent]) -> HashMap<AppId, Timestamp> {
        let mut last = HashMap::new();
        for event in events {
            let at = last.entry(event.app_id.clone()).or_insert(event.received_at);
            *at = event.received_at.max(*at);
        }
        let recorded = self.recorded();
        last.retain(|app_id, at| {
            recorded.get(app_id).is_none_or(|before| at.seconds_since(*before) >= RECORD_INTERVAL)
        });
        last
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, HashMap<AppId, Timestamp>> {
        self.recorded.lock().expect("nothing panics under this lock")
    }
}
