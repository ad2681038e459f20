//! The circuit breaker around WeChat's send APIs: while an app's quota of an API is used
//! up, its circuit is open and the API is not called.

use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{OpenCircuit, OpenCircuits, SharedCircuits};
use shared::wechat::client::CallError;
use shared::wechat::id::AppId;
use shared::wechat::message::Accepted;
use shared::wechat::quota;
use shared::wechat::refusal::{ErrorClass, Refusal};
use std::collections::HashMap;
use std::sync::Mutex;

/// How often the circuits of all execution environments are read.
const REFRESH_INTERVAL_SECS: u64 = 60;

/// The circuits that this execution environment knows to be open.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    daily: Mutex<DailyCircuits>,
    /// Opened by a quota per minute, until when. They are not shared: they close before
    /// other environments could read them.
    minutes: Mutex<HashMap<(AppId, &'static str), Timestamp>>,
}

/// Opened by a daily quota, and shared by all execution environments.
#[derive(Debug, Default)]
struct DailyCircuits {
    open: OpenCircuits,
    read_at: Option<Timestamp>,
}

/// Why an API is not called, and until when.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub(crate) reason: String,
    pub(crate) until: Timestamp,
}

/// A guarded call did not succeed.
#[derive(Debug)]
pub(crate) enum GuardedCallError {
    /// WeChat was not called.
    Blocked(Blocked),
    Call(TokenError),
}

impl CircuitBreaker {
    /// Reads the open circuits if they were not read lately. A failure is only logged:
    /// without the circuits, calls are made that WeChat refuses.
    pub(crate) async fn refresh(&self, circuits: &SharedCircuits, now: Timestamp) {
        let read_at = self.daily.lock().expect("nothing panics under this lock").read_at;
        if read_at.is_some_and(|at| now.seconds_since(at) < REFRESH_INTERVAL_SECS) {
            return;
        }
        match circuits.open_circuits().await {
            Ok(open) => self.with_daily(|daily| {
                *daily = DailyCircuits { open, read_at: Some(now) };
            }),
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Why the API is blocked, if it is; also while its circuit is half-open.
    pub(crate) fn blocked_until(
        &self,
        sender_app: &WeChatApp,
        api: &'static str,
        now: Timestamp,
    ) -> Option<Blocked> {
        let reason = |quota| format!("{api}: {} has used up {quota}", sender_app.alias);
        if let Some(circuit) = self.open_circuit(sender_app, api, now) {
            return Some(Blocked { reason: reason("the day's quota"), until: circuit.until });
        }
        let minutes = self.minutes.lock().expect("nothing panics under this lock");
        let until = minutes.get(&(sender_app.app_id.clone(), api)).copied();
        let until = until.filter(|until| now < *until)?;
        Some(Blocked { reason: reason("the minute's quota"), until })
    }

    /// Why the API is blocked, if it is and no half-open probe is due.
    pub(crate) fn blocked_until_probe(
        &self,
        sender_app: &WeChatApp,
        api: &'static str,
        now: Timestamp,
    ) -> Option<Blocked> {
        let circuit = self.open_circuit(sender_app, api, now);
        if circuit.is_some_and(|circuit| circuit.may_be_probed(now)) {
            return None;
        }
        self.blocked_until(sender_app, api, now)
    }

    /// Makes the call unless the circuit is open. Of all invocations that find a probe
    /// due, one makes it.
    ///
    /// Fails when the circuit is open, or the call fails.
    pub(crate) async fn guard(
        &self,
        circuits: &SharedCircuits,
        sender_app: &WeChatApp,
        api: &'static str,
        now: Timestamp,
        call: impl Future<Output = Result<Accepted, TokenError>>,
    ) -> Result<Accepted, GuardedCallError> {
        let circuit = self.open_circuit(sender_app, api, now);
        if let Some(blocked) = self.blocked_until(sender_app, api, now)
            && !try_half_open(circuits, sender_app, api, circuit, now).await
        {
            return Err(GuardedCallError::Blocked(blocked));
        }
        let response = call.await;
        if let Err(TokenError::Call(CallError::Refused { refusal })) = &response {
            let now = Timestamp::now();
            self.record_refusal(circuits, sender_app, api, refusal, now).await;
        }
        if circuit.is_some() && closes_circuit(&response) {
            self.close(circuits, sender_app, api).await;
        }
        response.map_err(GuardedCallError::Call)
    }

    /// The circuit of the daily quota, if it is open.
    fn open_circuit(&self, app: &WeChatApp, api: &str, now: Timestamp) -> Option<OpenCircuit> {
        let daily = self.daily.lock().expect("nothing panics under this lock");
        daily.open.get(&app.app_id, api, now)
    }

    /// Opens the circuit if WeChat refused a call for its quota.
    async fn record_refusal(
        &self,
        circuits: &SharedCircuits,
        sender_app: &WeChatApp,
        api: &'static str,
        refusal: &Refusal,
        now: Timestamp,
    ) {
        let WeChatApp { app_id, alias, .. } = sender_app;
        let Some(after_secs) = quota::retry_after(refusal, now) else { return };
        let until = now.plus(after_secs);
        match refusal.code {
            45009 => {
                tracing::error!(
                    app = alias,
                    api,
                    "the day's quota is used up; the API is blocked until midnight in China"
                );
                let circuit = OpenCircuit::new(until, now);
                self.with_daily(|daily| daily.open.add(app_id, api, circuit));
                if let Err(error) = circuits.open(app_id, api, circuit).await {
                    tracing::error!(app = alias, "{error}");
                }
            }
            45011 => {
                let mut minutes = self.minutes.lock().expect("nothing panics under this lock");
                minutes.insert((app_id.clone(), api), until);
            }
            _ => {}
        }
    }

    async fn close(&self, circuits: &SharedCircuits, app: &WeChatApp, api: &'static str) {
        tracing::info!(app = app.alias, api, "WeChat accepts calls again; the circuit is closed");
        self.with_daily(|daily| daily.open.remove(&app.app_id, api));
        if let Err(error) = circuits.close(&app.app_id, api).await {
            tracing::warn!(app = app.alias, "{error}");
        }
    }

    fn with_daily(&self, change: impl FnOnce(&mut DailyCircuits)) {
        change(&mut self.daily.lock().expect("nothing panics under this lock"));
    }
}

/// Whether this call is the half-open probe.
async fn try_half_open(
    circuits: &SharedCircuits,
    sender_app: &WeChatApp,
    api: &str,
    circuit: Option<OpenCircuit>,
    now: Timestamp,
) -> bool {
    let Some(circuit) = circuit.filter(|circuit| circuit.may_be_probed(now)) else { return false };
    let probe = circuits.try_half_open(&sender_app.app_id, api, circuit, now).await;
    probe.unwrap_or_else(|error| {
        tracing::warn!(app = sender_app.alias, "{error}");
        false
    })
}

/// Whether the response to a probe shows that the quota is available again: WeChat
/// checks the quota before the person and the message.
fn closes_circuit(response: &Result<Accepted, TokenError>) -> bool {
    match response {
        Ok(_) => true,
        Err(TokenError::Call(CallError::Refused { refusal })) => {
            matches!(refusal.class(), ErrorClass::Unreachable | ErrorClass::Fault)
        }
        Err(_) => false,
    }
}
