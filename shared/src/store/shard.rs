//! Spreads the rows of an index over several keys.

use sha2::{Digest, Sha256};

/// The shard of `shards` in which the row with this key is.
pub(super) fn shard<'a>(key: impl IntoIterator<Item = &'a str>, shards: u32) -> u32 {
    let mut hash = Sha256::new();
    for part in key {
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % shards
}
