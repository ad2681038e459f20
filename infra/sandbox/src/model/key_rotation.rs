//! Changes of the Token, the EncodingAESKey and the URL. WeChat's servers do not all learn of a change
//! at once.
//!
//! Source: WeChat's documentation, "消息加解密常见问题" (questions about message
//! encryption): after a change, messages may still arrive under the previous key.

use crate::model::secret_serde::{expose, expose_some};
use serde::{Deserialize, Serialize};
use shared::secret::Secret;

/// The keys before the last change, and the number of messages still pushed under them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyRotation {
    #[serde(default)]
    previous: Option<CallbackKeys>,
    #[serde(default)]
    stale_messages: u32,
}

/// What signs and encrypts pushes, and the key in their URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CallbackKeys {
    #[serde(serialize_with = "expose")]
    pub(crate) token: Secret,
    #[serde(serialize_with = "expose")]
    pub(crate) encoding_aes_key: Secret,
    #[serde(default, serialize_with = "expose_some")]
    pub(crate) url_key: Option<Secret>,
}

impl KeyRotation {
    /// The keys have just changed; all servers use the new ones.
    pub(crate) fn new(previous: CallbackKeys) -> Self {
        Self { previous: Some(previous), stale_messages: 0 }
    }

    /// Has the next messages pushed under the previous keys. `false` if there are none.
    pub(crate) fn set_stale_messages(&mut self, messages: u32) -> bool {
        if self.previous.is_some() {
            self.stale_messages = messages;
        }
        self.previous.is_some()
    }

    /// Whether the next message is pushed under the previous keys.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale_messages > 0
    }

    /// Counts a message as pushed under the previous keys, and returns them; `None` if the
    /// current keys apply.
    pub(crate) fn take_previous(&mut self) -> Option<CallbackKeys> {
        let previous = self.previous.clone()?;
        self.stale_messages = self.stale_messages.checked_sub(1)?;
        Some(previous)
    }
}
