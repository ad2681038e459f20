//! A change of the Token and the EncodingAESKey, which not all of WeChat's servers
//! learn of at once.
//!
//! Source: WeChat's documentation, "消息加解密常见问题" (questions about message
//! encryption): after a change, messages may still arrive under the previous key.

use crate::app::App;
use crate::control::Problem;
use serde::{Deserialize, Serialize};
use shared::secret::Secret;

/// What pushes were signed and encrypted with before, and how many still are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rotation {
    #[serde(default)]
    previous: Option<Keys>,
    /// So many messages more.
    #[serde(default)]
    behind: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    #[serde(serialize_with = "crate::world::expose")]
    token: Secret,
    #[serde(serialize_with = "crate::world::expose")]
    encoding_aes_key: Secret,
}

/// How far the servers are behind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behind {
    /// So many messages are pushed under the previous keys.
    pub(crate) messages: u32,
}

impl App {
    /// Changes what pushes are signed and encrypted with.
    pub(crate) fn rotate(&mut self, token: Secret, encoding_aes_key: Secret) {
        let previous = Keys {
            token: std::mem::replace(&mut self.callback_token, token),
            encoding_aes_key: std::mem::replace(&mut self.encoding_aes_key, encoding_aes_key),
        };
        self.rotation = Rotation { previous: Some(previous), behind: 0 };
    }

    /// Lets the next messages be pushed under the previous keys.
    pub(crate) fn fall_behind(&mut self, by: &Behind) -> Result<(), Problem> {
        if self.rotation.previous.is_none() {
            return Err(Problem::bad(format!(
                "{} has had no other keys: change them by its console first",
                self.alias
            )));
        }
        self.rotation.behind = by.messages;
        Ok(())
    }

    /// Whether the next message is pushed under the previous keys.
    pub(crate) fn is_behind(&self) -> bool {
        self.rotation.behind > 0
    }

    /// Counts a message that is pushed under the previous keys, and gives the app as
    /// it was under them; none, if all servers have learned of the change.
    pub(crate) fn behind(&mut self) -> Option<Self> {
        let previous = self.rotation.previous.clone()?;
        self.rotation.behind = self.rotation.behind.checked_sub(1)?;
        let mut app = self.clone();
        (app.callback_token, app.encoding_aes_key) = (previous.token, previous.encoding_aes_key);
        Some(app)
    }
}
