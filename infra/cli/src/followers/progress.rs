//! How far the import of an account's followers is, as the followers function tells.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::moment::written;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// How far it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Progress {
    pub(super) app: String,
    pub(super) state: State,
    /// It goes on by itself, at the earliest then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) continues_at: Option<Timestamp>,
    /// For what it waits, or why it failed, and what to do about it.
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
    pub(super) used: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// There has been none.
    None,
    /// WeChat's list is read, and whoever is on it brought in.
    Listing,
    /// Those are looked for who have left.
    Reconciling,
    Done,
    Cancelled,
    Failed,
}

impl State {
    /// Whether there is something left to do.
    pub(super) fn is_under_way(self) -> bool {
        matches!(self, Self::Listing | Self::Reconciling)
    }
}

impl Progress {
    /// Asks how far it is.
    ///
    /// # Errors
    ///
    /// When there is no such account, or the function can't be asked.
    pub(super) async fn of(deployment: &Deployment, app: &str) -> Result<Self, Error> {
        deployment.ask("followers", &json!({ "status": { "app": app } })).await
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, followers, listed, imported, without_union_id, left, .. } = self;
        let state = match self.state {
            State::None => {
                return write!(
                    f,
                    "{app}: no import yet; `hongyan followers import --app {app}` begins one"
                );
            }
            State::Listing => "under way",
            State::Reconciling => "nearly done: looking for those who have left",
            State::Done => "done",
            State::Cancelled => "called off",
            State::Failed => "failed",
        };
        writeln!(f, "{app}: {state}")?;
        writeln!(
            f,
            "  {listed} of {followers} followers listed, {imported} brought in, {left} had left"
        )?;
        if *without_union_id > 0 {
            writeln!(
                f,
                "  {without_union_id} without a unionid: no person of another app's. Bind the account to \
                 your open-platform account, and import once more"
            )?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "  {reason}")?;
        }
        if let Some(at) = self.continues_at {
            writeln!(f, "  goes on by itself, not before {}", written(at))?;
        }
        if let Some(at) = self.begun_at {
            writeln!(f, "  begun {}", written(at))?;
        }
        if let Some(at) = self.ended_at {
            writeln!(f, "  ended {}", written(at))?;
        }
        let used: Vec<_> =
            self.used.iter().map(|(path, calls)| format!("{path} {calls}")).collect();
        write!(f, "  WeChat's quotas used: {}", used.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_in_words() {
        let progress: Progress = serde_json::from_value(json!({
            "app": "shop", "state": "listing", "continues_at": 1_795_158_240,
            "reason": "WeChat refused with 45009", "begun_at": 1_795_158_000,
            "followers": 6000, "listed": 5000, "imported": 4990, "without_union_id": 3, "left": 0,
            "used": { "/cgi-bin/user/get": 501, "/cgi-bin/user/info/batchget": 50_000 },
        }))
        .unwrap();
        assert!(progress.state.is_under_way());
        let told = progress.to_string();
        for words in [
            "shop: under way",
            "5000 of 6000 followers listed, 4990 brought in",
            "3 without a unionid",
            "45009",
            "not before 2026-11-20T07:04:00Z",
            "/cgi-bin/user/get 501",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
