//! `client_msg_id`: the idempotency key of a send.
//!
//! Source: WeChat's documentation, "发送模板消息" (send a template message): the
//! same openid and the same id within ten minutes are one message.

use serde::{Deserialize, Serialize};

/// Seconds for which a `client_msg_id` is kept.
const CLIENT_MSG_ID_TTL: i64 = 600;

/// A message that was sent with a `client_msg_id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SentMessage {
    /// Each path has ids of its own.
    pub(crate) path: String,
    pub(crate) open_id: String,
    pub(crate) client_msg_id: String,
    pub(crate) msgid: i64,
    pub(crate) sent_at: i64,
}

/// The `msgid` that this path sent to this user under this id, if any. Drops expired entries.
pub(crate) fn find(
    sent: &mut Vec<SentMessage>,
    path: &str,
    open_id: &str,
    client_msg_id: &str,
    now: i64,
) -> Option<i64> {
    sent.retain(|it| now < it.sent_at + CLIENT_MSG_ID_TTL);
    let matches = |it: &&SentMessage| {
        it.path == path && it.open_id == open_id && it.client_msg_id == client_msg_id
    };
    sent.iter().find(matches).map(|it| it.msgid)
}
