//! The progress of an import of followers.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::timestamp::format_time;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// The followers function's status of an account's import.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ImportStatus {
    pub(super) app: String,
    pub(super) state: ImportState,
    /// The earliest time at which it continues by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) continues_at: Option<Timestamp>,
    /// Why it waits or failed, with advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begun_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<Timestamp>,
    pub(super) followers: u64,
    pub(super) listed: u64,
    pub(super) imported: u64,
    pub(super) without_union_id: u64,
    pub(super) left: u64,
    #[serde(default)]
    pub(super) unreadable: u64,
    pub(super) used: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ImportState {
    /// There has been no import.
    None,
    /// Reads WeChat's list and imports the followers.
    Listing,
    /// Looks for people who have unfollowed.
    Reconciling,
    Done,
    Cancelled,
    Failed,
}

impl ImportState {
    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Listing | Self::Reconciling)
    }
}

impl ImportStatus {
    pub(super) async fn fetch(deployment: &Deployment, app: &str) -> Result<Self, Error> {
        deployment.invoke("followers", &json!({ "status": { "app": app } })).await
    }
}

impl fmt::Display for ImportStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, followers, listed, imported, without_union_id, left, .. } = self;
        let state = match self.state {
            ImportState::None => {
                return write!(
                    f,
                    "{app}: no import yet; `hongyan followers import --app {app}` starts one"
                );
            }
            ImportState::Listing => "running",
            ImportState::Reconciling => "nearly done: looking for people who have unfollowed",
            ImportState::Done => "done",
            ImportState::Cancelled => "cancelled",
            ImportState::Failed => "failed",
        };
        writeln!(f, "{app}: {state}")?;
        writeln!(
            f,
            "  {listed} of {followers} followers listed, {imported} imported, {left} had unfollowed"
        )?;
        if *without_union_id > 0 {
            writeln!(
                f,
                "  {without_union_id} without a unionid, so not linked to people of other apps. Bind the \
                 account to your open-platform account, and import again"
            )?;
        }
        if self.unreadable > 0 {
            writeln!(
                f,
                "  {} left out, as WeChat's answer about them can't be read; the log of followers says what is \
                 wrong",
                self.unreadable
            )?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "  {reason}")?;
        }
        for (what, at) in [
            ("continues by itself, not before", self.continues_at),
            ("started", self.begun_at),
            ("ended", self.ended_at),
        ] {
            if let Some(at) = at {
                writeln!(f, "  {what} {}", format_time(at))?;
            }
        }
        let used: Vec<_> =
            self.used.iter().map(|(path, calls)| format!("{path} {calls}")).collect();
        write!(f, "  WeChat quotas used: {}", used.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_readable() {
        let status: ImportStatus = serde_json::from_value(json!({
            "app": "shop", "state": "listing", "continues_at": 1_795_158_240,
            "reason": "WeChat refused with 45009", "begun_at": 1_795_158_000,
            "followers": 6000, "listed": 5000, "imported": 4990, "without_union_id": 3, "left": 0,
            "unreadable": 2, "used": { "/cgi-bin/user/get": 501, "/cgi-bin/user/info/batchget": 50_000 },
        }))
        .unwrap();
        assert!(status.state.is_running());
        let text = status.to_string();
        for expected in [
            "shop: running",
            "5000 of 6000 followers listed, 4990 imported",
            "3 without a unionid",
            "2 left out",
            "45009",
            "not before 2026-11-20T07:04:00Z",
            "/cgi-bin/user/get 501",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
