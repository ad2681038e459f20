//! How far an import is, as it is told.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::store::FollowerImport;

/// How far the import of one account's followers is.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Progress {
    /// The account's alias.
    app: String,
    /// `none`, `listing`, `looking`, `done`, `cancelled` or `failed`.
    state: &'static str,
    /// It goes on by itself, at the earliest then. None if nothing is left to do, or
    /// somebody is at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues_at: Option<Timestamp>,
    /// For what it waits, or why it failed, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begun_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// So many follow, as WeChat says; ...
    followers: u64,
    /// ... so many of them were on the pages that are done; ...
    listed: u64,
    /// ... and so many of these weren't known, or not who they are.
    imported: u64,
    /// Of whom WeChat told no unionid, so that they are no person of another app's.
    without_union_id: u64,
    /// So many had left while nobody was told.
    left: u64,
    /// What it has used of WeChat's quotas, at least: calls whose answers were lost
    /// count there and not here.
    used: Used,
}

/// Calls of WeChat's, by their paths.
#[derive(Debug, Default, Serialize)]
struct Used {
    #[serde(rename = "/cgi-bin/user/get")]
    lists: u64,
    #[serde(rename = "/cgi-bin/user/info/batchget")]
    batches: u64,
}

impl Progress {
    /// Of an import, if there has been one.
    pub(crate) fn of(alias: &str, import: Option<&FollowerImport>, now: Timestamp) -> Self {
        let app = alias.to_owned();
        let Some(import) = import else { return Self { app, state: "none", ..Self::default() } };
        let counts = &import.counts;
        let is_left = import.phase.is_under_way();
        let is_held = import.lease_until.is_some_and(|until| until >= now);
        Self {
            app,
            state: import.phase.as_str(),
            continues_at: (is_left && !is_held).then(|| import.retry_at.unwrap_or(now)),
            reason: import.reason.clone(),
            begun_at: Some(import.begun_at),
            ended_at: import.ended_at,
            followers: import.total,
            listed: import.listed,
            imported: counts.imported,
            without_union_id: counts.without_union_id,
            left: counts.left,
            used: Used { lists: counts.lists, batches: counts.batches },
        }
    }
}
