//! The progress of an import, as a response.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::store::FollowerImport;

/// The progress of one account's import.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Progress {
    /// The account's alias.
    app: String,
    /// `none`, `listing`, `reconciling`, `done`, `cancelled` or `failed`.
    state: &'static str,
    /// The earliest time at which the import resumes by itself. None if it has ended, or an
    /// invocation is working on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues_at: Option<Timestamp>,
    /// Why it waits or has failed, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begun_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// The account's number of followers, as WeChat reports it.
    followers: u64,
    /// Number of followers on the pages that are imported.
    listed: u64,
    /// Number of these who were not stored, or without their profile.
    imported: u64,
    /// Number of these without a unionid, who can't be found in other apps.
    without_union_id: u64,
    /// Number of unfollows for which WeChat had sent no event.
    left: u64,
    /// Number of followers who were left out, as WeChat's answer names them in a way that
    /// can't be read.
    unreadable: u64,
    /// Calls to WeChat that count towards its quotas. WeChat may have counted more: a call
    /// whose response was lost counts there and not here.
    used: Used,
}

/// Number of calls, by path.
#[derive(Debug, Default, Serialize)]
struct Used {
    #[serde(rename = "/cgi-bin/user/get")]
    lists: u64,
    #[serde(rename = "/cgi-bin/user/info/batchget")]
    batches: u64,
}

impl Progress {
    pub(crate) fn new(alias: &str, import: Option<&FollowerImport>, now: Timestamp) -> Self {
        let app = alias.to_owned();
        let Some(import) = import else { return Self { app, state: "none", ..Self::default() } };
        let counts = &import.counts;
        let is_under_way = import.phase.is_under_way();
        let is_held = import.lease_until.is_some_and(|until| until >= now);
        Self {
            app,
            state: import.phase.as_str(),
            continues_at: (is_under_way && !is_held).then(|| import.retry_at.unwrap_or(now)),
            reason: import.reason.clone(),
            begun_at: Some(import.begun_at),
            ended_at: import.ended_at,
            followers: import.total,
            listed: import.listed,
            imported: counts.imported,
            without_union_id: counts.without_union_id,
            left: counts.left,
            unreadable: counts.unreadable,
            used: Used { lists: counts.lists, batches: counts.batches },
        }
    }
}
