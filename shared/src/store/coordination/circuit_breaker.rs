//! A circuit breaker for each API of WeChat's and each app: it opens when the app has used
//! the day's quota.
//!
//! One row holds all of them, so that a function learns of every open one by one read.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_time, number};
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;
use crate::store::tables::{NotificationsTable, aggregate};
use crate::wechat::id::AppId;
use std::collections::HashMap;

/// The id of the row.
const ROW: &str = "circuit#";
/// Seconds between two half-open probes, in case that an operator has cleared the quota:
/// 5 hours, so four times a day at most.
const PROBE_INTERVAL: u64 = 5 * 3600;

/// The circuits that are open.
#[derive(Clone, Debug, Default)]
pub struct OpenCircuits(HashMap<String, OpenCircuit>);

/// An open circuit: calls of one API of one app fail without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    /// When it closes.
    pub until: Timestamp,
    /// When it was probed last.
    probed_at: Timestamp,
}

impl OpenCircuits {
    /// The circuit of this API of this app, if it is open now.
    pub fn get(&self, app_id: &AppId, api: &str, now: Timestamp) -> Option<OpenCircuit> {
        self.0.get(&name(app_id, api)).copied().filter(|circuit| now < circuit.until)
    }

    /// Adds one that was opened.
    pub fn add(&mut self, app_id: &AppId, api: &str, circuit: OpenCircuit) {
        self.0.insert(name(app_id, api), circuit);
    }

    /// Removes one that was closed.
    pub fn remove(&mut self, app_id: &AppId, api: &str) {
        self.0.remove(&name(app_id, api));
    }
}

impl OpenCircuit {
    /// Opens now, as WeChat has just refused a call.
    pub fn new(until: Timestamp, now: Timestamp) -> Self {
        Self { until, probed_at: now }
    }

    /// Whether a half-open probe may be made.
    pub fn may_be_probed(self, now: Timestamp) -> bool {
        now.seconds_since(self.probed_at) >= PROBE_INTERVAL
    }
}

aggregate! {
    /// The circuits that all execution environments share.
    pub struct SharedCircuits { table: NotificationsTable }
}

impl SharedCircuits {
    /// The circuits that were open up to a second ago.
    pub async fn open_circuits(&self) -> Result<OpenCircuits, AwsError> {
        let found = self.table.read_eventually("reading open circuits", id_key(ROW)).await?;
        let item = found.unwrap_or_default();
        let circuits = item.keys().filter_map(|attribute| {
            let name = attribute.strip_prefix("until ")?;
            let until = get_time(&item, attribute)?;
            let probed_at = get_time(&item, &probed(name))?;
            Some((name.to_owned(), OpenCircuit { until, probed_at }))
        });
        Ok(OpenCircuits(circuits.collect()))
    }

    /// Opens the circuit of an API of an app, as WeChat has refused a call.
    pub async fn open(
        &self,
        app_id: &AppId,
        api: &str,
        circuit: OpenCircuit,
    ) -> Result<(), AwsError> {
        let name = name(app_id, api);
        let update = Write::update(&self.table, id_key(ROW))
            .set(&until(&name), number(circuit.until))
            .set(&probed(&name), number(circuit.probed_at));
        self.table.write("opening a circuit", update).await.map(drop)
    }

    /// Whether the caller is the one that makes the half-open probe now.
    pub async fn try_half_open(
        &self,
        app_id: &AppId,
        api: &str,
        circuit: OpenCircuit,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let probed = probed(&name(app_id, api));
        let update = Write::update(&self.table, id_key(ROW))
            .set(&probed, number(now))
            .when(attr(&probed).equals(number(circuit.probed_at)));
        self.table.write("probing an open circuit", update).await
    }

    /// Closes the circuit: the API accepts calls again.
    pub async fn close(&self, app_id: &AppId, api: &str) -> Result<(), AwsError> {
        let name = name(app_id, api);
        let update =
            Write::update(&self.table, id_key(ROW)).remove([&until(&name), &probed(&name)]);
        self.table.write("closing a circuit", update).await.map(drop)
    }
}

fn name(app_id: &AppId, api: &str) -> String {
    format!("{app_id} {api}")
}

/// The attribute that holds when a circuit closes.
fn until(name: &str) -> String {
    format!("until {name}")
}

/// The attribute that holds when a circuit was probed last.
fn probed(name: &str) -> String {
    format!("probed {name}")
}
