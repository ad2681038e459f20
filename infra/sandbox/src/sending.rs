//! Who is being sent a subscription message just now.
//!
//! Source: the error table of WeChat's page "发送订阅消息": 43108, several
//! messages to the same user at once.

use crate::running::Shared;
use axum::body::Bytes;
use serde_json::Value;

/// The paths that send nobody two messages at once.
const PATHS: [&str; 2] = ["/cgi-bin/message/subscribe/send", "/cgi-bin/message/subscribe/bizsend"];

/// A subscription message that is held up on its way to somebody, until this is
/// dropped: also when whoever asked for it hangs up.
pub(crate) struct Sending {
    running: Shared,
    open_id: String,
}

impl Sending {
    /// A call of `path` arrives, and a fault holds it up or doesn't. Gives what
    /// keeps others away while it is held up, and whether another call is in its
    /// own way.
    ///
    /// Without a fault a call takes effect in an instant, in which no other fits:
    /// two of them meet only if the first is held up.
    pub(crate) fn begin(
        running: &Shared,
        path: &str,
        body: &Bytes,
        held: bool,
    ) -> (Option<Self>, bool) {
        let Some(open_id) = recipient(path, body) else { return (None, false) };
        running.change(|state| {
            let concurrent = state.sending.contains(&open_id);
            if concurrent || !held {
                return (None, concurrent);
            }
            state.sending.push(open_id.clone());
            (Some(Self { running: running.clone(), open_id }), false)
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.running.change(|state| {
            if let Some(at) = state.sending.iter().position(|it| *it == self.open_id) {
                state.sending.swap_remove(at);
            }
        });
    }
}

/// Openids are different in every app, so that one alone says who is meant.
fn recipient(path: &str, body: &Bytes) -> Option<String> {
    let body: Value = PATHS.contains(&path).then(|| serde_json::from_slice(body).ok())??;
    body.get("touser").and_then(Value::as_str).map(str::to_owned)
}
