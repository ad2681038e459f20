//! One attempt at one notification.

use sha2::{Digest, Sha256};
use shared::clock::Timestamp;
use std::collections::BTreeMap;

/// One attempt at one notification: it is claimed, and ours until the lease
/// ends.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The notification's id.
    pub(crate) id: &'a str,
    /// The number that later writes name.
    pub(crate) number: u64,
    /// The template's fields.
    pub(crate) fields: &'a BTreeMap<String, String>,
    /// By which WeChat drops a repeated template message: the same for every
    /// attempt at this notification.
    pub(crate) client_msg_id: String,
    /// When the attempt began.
    pub(crate) now: Timestamp,
}

impl<'a> Attempt<'a> {
    /// The attempt that a claim has granted.
    pub(crate) fn new(
        id: &'a str,
        number: u64,
        fields: &'a BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        let client_msg_id =
            Sha256::digest(id).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { id, number, fields, client_msg_id, now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_the_same_client_msg_id_of_32_characters() {
        let fields = BTreeMap::new();
        let first = Attempt::new("order-17-shipped", 1, &fields, Timestamp(0));
        let second = Attempt::new("order-17-shipped", 2, &fields, Timestamp(60));
        assert_eq!(first.client_msg_id, second.client_msg_id);
        assert_eq!(first.client_msg_id.len(), 32);
        assert_ne!(
            first.client_msg_id,
            Attempt::new("order-18-shipped", 1, &fields, Timestamp(0)).client_msg_id
        );
    }
}
