//! APIs of WeChat's that rest, as an app has used up the day's quota.
//!
//! One row holds them all, so that a function learns of every rest by one read.

use super::conflict::retry_on_conflict;
use super::{Notifications, get_time, number, string};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::AppId;
use std::collections::HashMap;

/// The row. A caller's id has no `#` in it before anything but digits.
const ROW: &str = "circuit#";
/// Somebody tries a resting API after this many seconds, in case that an operator
/// has cleared the quota: 5 hours, so four times a day at most.
const PROBE_INTERVAL: u64 = 5 * 3600;

/// The APIs that rest.
#[derive(Clone, Debug, Default)]
pub struct OpenCircuits(HashMap<String, OpenCircuit>);

/// How long one API of one app rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    /// Until then.
    pub until: Timestamp,
    /// When it was tried last.
    probed_at: Timestamp,
}

impl OpenCircuits {
    /// Whether this API of this app rests now.
    pub fn get(&self, app_id: &AppId, api: &str, now: Timestamp) -> Option<OpenCircuit> {
        self.0.get(&name(app_id, api)).copied().filter(|rest| now < rest.until)
    }

    /// Knows that it rests.
    pub fn add(&mut self, app_id: &AppId, api: &str, rest: OpenCircuit) {
        self.0.insert(name(app_id, api), rest);
    }

    /// Knows that it doesn't.
    pub fn remove(&mut self, app_id: &AppId, api: &str) {
        self.0.remove(&name(app_id, api));
    }
}

impl OpenCircuit {
    /// Begins now, as WeChat has just said that it must.
    pub fn new(until: Timestamp, now: Timestamp) -> Self {
        Self { until, probed_at: now }
    }

    /// Whether somebody may try it, in spite of the rest.
    pub fn may_be_probed(self, now: Timestamp) -> bool {
        now.seconds_since(self.probed_at) >= PROBE_INTERVAL
    }
}

impl Notifications {
    /// The APIs that rest.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn open_circuits(&self) -> Result<OpenCircuits, AwsError> {
        let found = self
            .table
            .dynamodb
            .get_item()
            .table_name(&self.table.name)
            .key("id", string(ROW))
            .send()
            .await
            .map_err(|error| AwsError::new(self.table.action("reading what rests"), &error))?;
        let item = found.item.unwrap_or_default();
        let open_circuits = item.keys().filter_map(|attribute| {
            let name = attribute.strip_prefix("until ")?;
            let until = get_time(&item, attribute)?;
            let probed_at = get_time(&item, &format!("probed {name}"))?;
            Some((name.to_owned(), OpenCircuit { until, probed_at }))
        });
        Ok(OpenCircuits(open_circuits.collect()))
    }

    /// Lets an API of an app rest, as WeChat has just said so.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn open_circuit(
        &self,
        app_id: &AppId,
        api: &str,
        rest: OpenCircuit,
    ) -> Result<(), AwsError> {
        let name = name(app_id, api);
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(ROW))
            .update_expression("SET #until = :until, #probed = :now")
            .expression_attribute_names("#until", format!("until {name}"))
            .expression_attribute_names("#probed", format!("probed {name}"))
            .expression_attribute_values(":until", number(rest.until))
            .expression_attribute_values(":now", number(rest.probed_at));
        let what = self.table.action("letting an API rest");
        retry_on_conflict(|| update.clone().send())
            .await
            .map_err(|error| AwsError::new(what, &error))?;
        Ok(())
    }

    /// Whether the caller is the one who tries a resting API now.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn try_half_open(
        &self,
        app_id: &AppId,
        api: &str,
        rest: OpenCircuit,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(ROW))
            .update_expression("SET #probed = :now")
            .condition_expression("#probed = :seen")
            .expression_attribute_names("#probed", format!("probed {}", name(app_id, api)))
            .expression_attribute_values(":seen", number(rest.probed_at))
            .expression_attribute_values(":now", number(now));
        let probing = retry_on_conflict(|| update.clone().send()).await;
        Ok(self.table.conditional("trying an API that rests", probing)?.is_some())
    }

    /// An API that rested answers again.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn close_circuit(&self, app_id: &AppId, api: &str) -> Result<(), AwsError> {
        let name = name(app_id, api);
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(ROW))
            .update_expression("REMOVE #until, #probed")
            .expression_attribute_names("#until", format!("until {name}"))
            .expression_attribute_names("#probed", format!("probed {name}"));
        let what = self.table.action("ending an API's rest");
        retry_on_conflict(|| update.clone().send())
            .await
            .map_err(|error| AwsError::new(what, &error))?;
        Ok(())
    }
}

fn name(app_id: &AppId, api: &str) -> String {
    format!("{app_id} {api}")
}
