//! An event as it is stored in the table, and as its stream has it.

use super::pending::pending_key;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{Item, item_of, string};
use crate::wechat::id::AppId;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A stored event.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredEvent {
    /// The partition key.
    pub user: String,
    /// The sort key.
    pub event: String,
    /// The app it was pushed for.
    pub app_id: AppId,
    /// The decrypted body, as it was pushed.
    pub body: String,
    /// A word for what happened.
    #[serde(default)]
    pub kind: String,
    /// When it was stored, by our clock.
    pub received_at: Timestamp,
    /// Tells two bodies with the same deduplication key apart.
    #[serde(default)]
    pub(super) body_hash: String,
    /// The automatic reply of customer service, as the rules were when it was received: a
    /// [`CustomerServiceMessage`](crate::wechat::customer_service::CustomerServiceMessage)
    /// in JSON.
    #[serde(default)]
    pub customer_service: Option<String>,
    /// The number of attempts to apply it, with the one under way.
    #[serde(default)]
    pub attempts: u64,
    /// Why the last attempt failed.
    #[serde(default)]
    pub problem: Option<String>,
    /// Set while it has to be applied: its key in the index of pending events.
    #[serde(default)]
    pub(super) pending: Option<String>,
    /// When the next attempt is due.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// When the attempt under way began; the stream's isn't stored.
    #[serde(default)]
    pub(super) claimed_at: Option<Timestamp>,
    /// When it was applied.
    #[serde(default)]
    pub applied_at: Option<Timestamp>,
    /// When it was quarantined, if it is.
    #[serde(default)]
    pub quarantined_at: Option<Timestamp>,
}

impl StoredEvent {
    /// Whether it still has to be applied.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Its name in log lines and listings: a hash of the user, and the sort key. It
    /// doesn't identify the user, and yet finds the row.
    pub fn name(&self) -> String {
        event_name(&self.user, &self.event)
    }

    /// Its key in the index of pending events, whether or not it is in there.
    pub(super) fn pending_key(&self) -> String {
        pending_key(&self.app_id, &self.user, &self.event)
    }

    pub(super) fn key(&self) -> Item {
        event_key(&self.user, &self.event)
    }

    /// The sort key of the event that has the same deduplication key and came first, if
    /// this is another one.
    pub(super) fn first_with_same_key(&self) -> Option<&str> {
        let hash = Some(self.body_hash.as_str()).filter(|hash| !hash.is_empty())?;
        self.event.strip_suffix(hash)?.strip_suffix('#')
    }
}

/// The key of a row in the events table.
pub(in crate::store) fn event_key(user: &str, event: &str) -> Item {
    item_of([("user", string(user)), ("event", string(event))])
}

/// See [`StoredEvent::name`].
pub(super) fn event_name(user: &str, event: &str) -> String {
    format!("{} {event}", short_hash(user))
}

/// The first 16 digits of the SHA-256 sum, as `sha256sum` prints it. An openid has far
/// too many forms to be guessed from that.
fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_name_does_not_identify_the_user() {
        let event: StoredEvent = serde_json::from_value(serde_json::json!({
            "user": "wx1#oAnn", "event": "1795186923#24000000000000001", "app_id": "wx1",
            "body": "", "received_at": 1_795_186_924,
        }))
        .unwrap();
        // printf wx1#oAnn | sha256sum
        assert_eq!(event.name(), "6d94e8e5176c8cb2 1795186923#24000000000000001");
    }
}
