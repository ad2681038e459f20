//! What is sent once however often it is asked for: a `client_msg_id`.
//!
//! Source: WeChat's documentation, "发送模板消息" (send a template message): the
//! same openid and the same id within ten minutes are one message.

use crate::api::Call;
use crate::refusal::{self, Refusal};
use serde::{Deserialize, Serialize};

/// How long a `client_msg_id` is remembered, in seconds.
const REMEMBERED: i64 = 600;
/// A `client_msg_id`'s most characters; WeChat's SDKs say so, its documentation
/// doesn't.
const LONGEST_ID: usize = 32;

/// A message that is not sent again under the same id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Each path has ids of its own; in files of before they were all of one.
    #[serde(default = "template_send")]
    path: String,
    open_id: String,
    client_msg_id: String,
    msgid: i64,
    sent_at: i64,
}

fn template_send() -> String {
    "/cgi-bin/message/template/send".to_owned()
}

/// The id that a call gives its message, if it gives one.
pub(crate) struct Once {
    path: &'static str,
    open_id: String,
    client_msg_id: Option<String>,
}

impl Once {
    /// Reads `client_msg_id` out of a call of `path` that sends to `open_id`.
    pub(crate) fn read(
        call: &Call<'_>,
        path: &'static str,
        open_id: &str,
    ) -> Result<Self, Refusal> {
        let client_msg_id = call.text("client_msg_id").map(str::to_owned);
        if client_msg_id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
            return Err(Refusal::new(
                refusal::INVALID_PARAMETER.errcode,
                "invalid parameter, client_msg_id too long",
            ));
        }
        Ok(Self { path, open_id: open_id.to_owned(), client_msg_id })
    }

    /// The `msgid` of the message that was sent under this id, if one was.
    pub(crate) fn sent_before(&self, call: &mut Call<'_>, at: usize) -> Option<i64> {
        let now = call.now;
        let remembered = &mut call.world.apps[at].remembered;
        remembered.retain(|it| now < it.sent_at + REMEMBERED);
        let id = self.client_msg_id.as_ref()?;
        let before = remembered.iter().find(|it| {
            it.path == self.path && it.open_id == self.open_id && it.client_msg_id == *id
        });
        before.map(|it| it.msgid)
    }

    /// Keeps the id, for the next ten minutes.
    pub(crate) fn remember(self, call: &mut Call<'_>, at: usize, msgid: i64) {
        let Some(client_msg_id) = self.client_msg_id else { return };
        call.world.apps[at].remembered.push(Remembered {
            path: self.path.to_owned(),
            open_id: self.open_id,
            client_msg_id,
            msgid,
            sent_at: call.now,
        });
    }
}
