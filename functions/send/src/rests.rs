//! What this environment knows of APIs that rest.

use crate::app::App;
use crate::call::until_midnight;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{Notifications, OpenCircuit, OpenCircuits as Known};
use shared::wechat::id::AppId;
use shared::wechat::refusal::Refusal;
use std::collections::HashMap;
use std::sync::Mutex;

/// What other environments have learnt is read this often, in seconds.
const FRESH: u64 = 60;

/// What this environment knows of APIs that rest.
#[derive(Debug, Default)]
pub(crate) struct OpenCircuits {
    /// Those of the day, which all environments share; and when they were read.
    days: Mutex<(Known, Option<Timestamp>)>,
    /// Those of the minute, which are over before anybody could be told.
    minutes: Mutex<HashMap<(AppId, &'static str), Timestamp>>,
}

impl OpenCircuits {
    /// Reads what others have learnt, if that was some time ago. It is worth no
    /// notification's failure.
    pub(crate) async fn look(&self, notifications: &Notifications, now: Timestamp) {
        let read_at = self.days.lock().expect("nothing panics under this lock").1;
        if read_at.is_some_and(|at| now.seconds_since(at) < FRESH) {
            return;
        }
        match notifications.open_circuits().await {
            Ok(known) => {
                *self.days.lock().expect("nothing panics under this lock") = (known, Some(now));
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// The rest of the day's quota, if that is used up.
    pub(crate) fn get(&self, app_id: &AppId, api: &str, now: Timestamp) -> Option<OpenCircuit> {
        self.days.lock().expect("nothing panics under this lock").0.get(app_id, api, now)
    }

    /// When the next minute begins, if this one's quota is used up.
    pub(crate) fn this_minute(
        &self,
        app_id: &AppId,
        api: &'static str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let minutes = self.minutes.lock().expect("nothing panics under this lock");
        minutes.get(&(app_id.clone(), api)).copied().filter(|until| now < *until)
    }

    /// WeChat has refused a call.
    pub(crate) async fn told(
        &self,
        app: &App,
        speaker: &WeChatApp,
        api: &'static str,
        refusal: &Refusal,
        now: Timestamp,
    ) {
        match refusal.code {
            45009 => {
                let until = now.plus(until_midnight(now));
                tracing::error!(
                    app = speaker.alias,
                    api,
                    "the day's quota is used up; the API rests"
                );
                let rest = OpenCircuit::new(until, now);
                self.knowing(|known| known.add(&speaker.app_id, api, rest));
                if let Err(error) = app.notifications.open_circuit(&speaker.app_id, api, rest).await
                {
                    tracing::error!(app = speaker.alias, "{error}");
                }
            }
            45011 => {
                let until = Timestamp(now.0 - now.0 % 60).plus(60);
                let mut minutes = self.minutes.lock().expect("nothing panics under this lock");
                minutes.insert((speaker.app_id.clone(), api), until);
            }
            _ => {}
        }
    }

    /// An API that rested has answered.
    pub(crate) async fn end(&self, app: &App, speaker: &WeChatApp, api: &'static str) {
        tracing::info!(app = speaker.alias, api, "the API answers again");
        self.knowing(|known| known.remove(&speaker.app_id, api));
        if let Err(error) = app.notifications.close_circuit(&speaker.app_id, api).await {
            tracing::warn!(app = speaker.alias, "{error}");
        }
    }

    fn knowing(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.days.lock().expect("nothing panics under this lock").0);
    }
}
