//! Sends with a `client_msg_id` happen once.

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, Recipient, success_with_msgid};
use crate::model::client_msg_id::{self, SentMessage};
use crate::oddities::catalog::Oddity;
use serde_json::Value;

/// Maximum length of a `client_msg_id`; from WeChat's SDKs, as its documentation names none.
const MAX_ID_LENGTH: usize = 32;

/// The answer to a message that was sent before.
pub(super) fn repeated(call: &mut Call<'_>, msgid: i64) -> Result<Value, ApiError> {
    if call.draw.applies(Oddity::RepeatWithoutMsgid) {
        return Err(ApiError::new(45065, "clientmsgid exist"));
    }
    Ok(success_with_msgid(msgid))
}

/// The `client_msg_id` of a call, if it has one.
pub(super) struct ClientMsgId {
    path: &'static str,
    open_id: String,
    client_msg_id: Option<String>,
}

impl ClientMsgId {
    /// Reads the `client_msg_id` of a call of `path`.
    pub(super) fn read(
        call: &Call<'_>,
        path: &'static str,
        to: &Recipient,
    ) -> Result<Self, ApiError> {
        let client_msg_id = call.text("client_msg_id").map(str::to_owned);
        if client_msg_id.as_ref().is_some_and(|id| id.len() > MAX_ID_LENGTH) {
            return Err(ApiError::new(
                api_error::INVALID_PARAMETER.errcode,
                "invalid parameter, client_msg_id too long",
            ));
        }
        Ok(Self { path, open_id: to.open_id.clone(), client_msg_id })
    }

    /// The `msgid` of an earlier message with this id.
    pub(super) fn earlier_msgid(&self, call: &mut Call<'_>, at: usize) -> Option<i64> {
        let id = self.client_msg_id.as_ref()?;
        let sent = &mut call.world.apps[at].state.sent_messages;
        client_msg_id::find(sent, self.path, &self.open_id, id, call.now)
    }

    /// Records a message under this id.
    pub(super) fn record(self, call: &mut Call<'_>, at: usize, msgid: i64) {
        let Some(client_msg_id) = self.client_msg_id else { return };
        call.world.apps[at].state.sent_messages.push(SentMessage {
            path: self.path.to_owned(),
            open_id: self.open_id,
            client_msg_id,
            msgid,
            sent_at: call.now,
        });
    }
}
