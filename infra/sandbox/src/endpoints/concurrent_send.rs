//! Concurrent subscription messages to the same user.
//!
//! Source: the error table of WeChat's page "发送订阅消息": 43108.

use crate::context::SharedContext;
use axum::body::Bytes;
use serde_json::Value;

/// The paths that reject concurrent messages to a user.
const PATHS: [&str; 2] = ["/cgi-bin/message/subscribe/send", "/cgi-bin/message/subscribe/bizsend"];

/// A subscription message that a fault delays, until this is dropped.
pub(super) struct SendInProgress {
    context: SharedContext,
    open_id: String,
}

impl SendInProgress {
    /// Returns a guard if this call is delayed, and whether another one to the same user is in
    /// progress. Without a delay a call takes no time, so two calls overlap only if the first
    /// one is delayed.
    pub(super) fn begin(
        context: &SharedContext,
        path: &str,
        body: &Bytes,
        delayed: bool,
    ) -> (Option<Self>, bool) {
        let Some(open_id) = recipient(path, body) else { return (None, false) };
        context.change_unsaved(|state| {
            let concurrent = state.sending.contains(&open_id);
            if concurrent || !delayed {
                return (None, concurrent);
            }
            state.sending.push(open_id.clone());
            (Some(Self { context: context.clone(), open_id }), false)
        })
    }
}

impl Drop for SendInProgress {
    fn drop(&mut self) {
        self.context.change_unsaved(|state| {
            if let Some(at) = state.sending.iter().position(|it| *it == self.open_id) {
                state.sending.swap_remove(at);
            }
        });
    }
}

/// The openid, which is unique across apps.
fn recipient(path: &str, body: &Bytes) -> Option<String> {
    let body: Value = PATHS.contains(&path).then(|| serde_json::from_slice(body).ok())??;
    body.get("touser").and_then(Value::as_str).map(str::to_owned)
}
