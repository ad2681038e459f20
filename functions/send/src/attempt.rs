//! One attempt at one notification.

use sha2::{Digest, Sha256};
use shared::clock::Timestamp;
use shared::parameters::Apps;
use std::collections::BTreeMap;

/// One attempt at one notification: it is claimed, and ours until the lease
/// ends.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The notification's id.
    pub(crate) id: &'a str,
    /// The number that later writes name.
    pub(crate) number: u64,
    /// Whether an earlier attempt may have sent it as a template message.
    pub(crate) maybe_sent: bool,
    /// The apps there are.
    pub(crate) apps: &'a Apps,
    /// The template's fields.
    pub(crate) fields: &'a BTreeMap<String, String>,
    /// What [`client_msg_id`] gives.
    pub(crate) client_msg_id: String,
    /// When the attempt began.
    pub(crate) now: Timestamp,
}

/// The id by which WeChat drops a repeated template message: the same for every
/// attempt at one notification. 32 characters.
pub(crate) fn client_msg_id(id: &str) -> String {
    Sha256::digest(id).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_msg_id_has_32_characters_and_belongs_to_one_notification() {
        let id = client_msg_id("order-17-shipped");
        assert_eq!(id.len(), 32);
        assert_eq!(id, client_msg_id("order-17-shipped"));
        assert_ne!(id, client_msg_id("order-18-shipped"));
    }
}
