//! What this environment knows of APIs that rest.

use crate::app::App;
use crate::deliver::wechat_call::until_midnight;
use shared::clock::Timestamp;
use shared::parameters::App as WeChatApp;
use shared::store::{Notifications, OpenCircuit, OpenCircuits};
use shared::wechat::id::AppId;
use shared::wechat::refusal::Refusal;
use std::collections::HashMap;
use std::sync::Mutex;

/// What other environments have learnt is read this often, in seconds.
const REFRESH_SECS: u64 = 60;

/// What this environment knows of APIs that rest.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    /// Those of the day, which all environments share; and when they were read.
    days: Mutex<(OpenCircuits, Option<Timestamp>)>,
    /// Those of the minute, which are over before anybody could be told.
    minutes: Mutex<HashMap<(AppId, &'static str), Timestamp>>,
}

impl CircuitBreaker {
    /// Reads what others have learnt, if that was some time ago. It is worth no
    /// notification's failure.
    pub(crate) async fn refresh(&self, notifications: &Notifications, now: Timestamp) {
        let read_at = self.days.lock().expect("nothing panics under this lock").1;
        if read_at.is_some_and(|at| now.seconds_since(at) < REFRESH_SECS) {
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
    pub(crate) fn open_circuit(
        &self,
        app_id: &AppId,
        api: &str,
        now: Timestamp,
    ) -> Option<OpenCircuit> {
        self.days.lock().expect("nothing panics under this lock").0.get(app_id, api, now)
    }

    /// When the next minute begins, if this one's quota is used up.
    pub(crate) fn minute_quota_until(
        &self,
        app_id: &AppId,
        api: &'static str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let minutes = self.minutes.lock().expect("nothing panics under this lock");
        minutes.get(&(app_id.clone(), api)).copied().filter(|until| now < *until)
    }

    /// WeChat has refused a call.
    pub(crate) async fn record_refusal(
        &self,
        app: &App,
        sender_app: &WeChatApp,
        api: &'static str,
        refusal: &Refusal,
        now: Timestamp,
    ) {
        match refusal.code {
            45009 => {
                let until = now.plus(until_midnight(now));
                tracing::error!(
                    app = sender_app.alias,
                    api,
                    "the day's quota is used up; the API rests"
                );
                let rest = OpenCircuit::new(until, now);
                self.update_circuits(|known| known.add(&sender_app.app_id, api, rest));
                if let Err(error) =
                    app.notifications.open_circuit(&sender_app.app_id, api, rest).await
                {
                    tracing::error!(app = sender_app.alias, "{error}");
                }
            }
            45011 => {
                let until = Timestamp(now.0 - now.0 % 60).plus(60);
                let mut minutes = self.minutes.lock().expect("nothing panics under this lock");
                minutes.insert((sender_app.app_id.clone(), api), until);
            }
            _ => {}
        }
    }

    /// An API that rested has answered.
    pub(crate) async fn close(&self, app: &App, sender_app: &WeChatApp, api: &'static str) {
        tracing::info!(app = sender_app.alias, api, "the API answers again");
        self.update_circuits(|known| known.remove(&sender_app.app_id, api));
        if let Err(error) = app.notifications.close_circuit(&sender_app.app_id, api).await {
            tracing::warn!(app = sender_app.alias, "{error}");
        }
    }

    fn update_circuits(&self, change: impl FnOnce(&mut OpenCircuits)) {
        change(&mut self.days.lock().expect("nothing panics under this lock").0);
    }
}
