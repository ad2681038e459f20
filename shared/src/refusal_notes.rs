//! Notes refusals of WeChat's for the operator: an error code that the table of codes doesn't
//! have is logged, counted and recorded; a mini program that WeChat doesn't open is recorded.

use crate::clock::Timestamp;
use crate::metric;
use crate::store::{self, NOTE_INTERVAL_SECS, NoteKind, NotificationsTable, RefusalNote};
use crate::wechat::client::CallError;
use crate::wechat::id::AppId;
use crate::wechat::refusal::{ErrorClass, Refusal};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// A call's caller doesn't wait longer for the record, which may be missing.
const RECORD_TIMEOUT: Duration = Duration::from_secs(1);

/// What tells one refusal from another: alias, API, code, mini program.
type NoteKey = (String, &'static str, i64, Option<AppId>);

/// Notes refusals. A call that WeChat carries out, or refuses otherwise, costs nothing.
#[derive(Debug)]
pub struct RefusalNotes {
    /// The recorded ones.
    pub stored: store::RefusalNotes,
    /// When each was recorded: once an hour is enough.
    recorded: Mutex<HashMap<NoteKey, Timestamp>>,
}

impl RefusalNotes {
    /// Records them in the notifications table.
    pub fn new(notifications: &NotificationsTable) -> Self {
        Self { stored: store::RefusalNotes::new(notifications), recorded: Mutex::default() }
    }

    /// Reports the code that a call of this app's was refused with, if it is unknown.
    pub async fn report(&self, app: &str, error: &CallError) {
        let Some(refusal) = error.refusal() else { return };
        if refusal.class() != ErrorClass::Unknown {
            return;
        }
        let (api, code, rid) = (refusal.api, refusal.code, refusal.rid.as_deref());
        tracing::warn!(app, api, code, rid, "WeChat answered with an unknown error code");
        metric::UNKNOWN_CODES.record(1, [app, api, &code.to_string()]);
        self.record(NoteKind::UnknownCode, app, refusal, None).await;
    }

    /// Notes that WeChat doesn't open a mini program from messages of this app.
    pub async fn note_refused_jump(&self, app: &str, refusal: &Refusal, mini_program: &AppId) {
        self.record(NoteKind::RefusedJump, app, refusal, Some(mini_program)).await;
    }

    /// A failure to record it is only logged.
    async fn record(
        &self,
        kind: NoteKind,
        app: &str,
        refusal: &Refusal,
        mini_program: Option<&AppId>,
    ) {
        let at = Timestamp::now();
        if !self.is_due((app.to_owned(), refusal.api, refusal.code, mini_program.cloned()), at) {
            return;
        }
        let note = RefusalNote {
            app: app.to_owned(),
            api: refusal.api.to_owned(),
            code: refusal.code,
            mini_program: mini_program.map(ToString::to_string),
            rid: refusal.rid.clone(),
            at,
        };
        match tokio::time::timeout(RECORD_TIMEOUT, self.stored.record(kind, &note)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(app, "{error}"),
            Err(_) => tracing::warn!(app, "noting a refusal took too long"),
        }
    }

    fn is_due(&self, note: NoteKey, now: Timestamp) -> bool {
        let mut recorded = self.recorded.lock().expect("nothing panics under this lock");
        let is_due =
            recorded.get(&note).is_none_or(|last| now.seconds_since(*last) >= NOTE_INTERVAL_SECS);
        if is_due {
            recorded.insert(note, now);
        }
        is_due
    }
}
