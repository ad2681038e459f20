//! What the kinds of keys have in common.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, SessionKeyKind};
use zeroize::Zeroizing;

/// A key that makes sessions.
pub(crate) trait SessionKey: Sized {
    /// Which keys these are.
    const KIND: SessionKeyKind;
    /// How the log calls one.
    const NAME: &'static str;
    /// For how many seconds after the next key has taken over its tokens are accepted; none
    /// if they are until the one after that takes over.
    const RETENTION_SECS: Option<u64>;

    /// Generates a key that makes tokens from this time on.
    fn generate(number: u32, signs_from: Timestamp) -> Result<(Self, StoredKey), ParameterError>;

    /// Reads a stored key.
    fn parse(number: u32, stored: &StoredKey) -> Result<Self, ParameterError>;

    /// The time from which on it makes tokens.
    fn signs_from(&self) -> Timestamp;

    /// The name by which operators refer to it.
    fn id(&self) -> String;
}

/// A parameter that holds a session key.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredKey {
    /// In base64: PKCS #8 of a key that signs access tokens, 32 bytes of one that seals
    /// refresh tokens.
    pub(crate) key: Zeroizing<String>,
    /// The time from which on it makes tokens.
    pub(crate) signs_from: Timestamp,
}

/// An error in the keys of this kind.
pub(crate) fn unusable(kind: SessionKeyKind, problem: &str) -> ParameterError {
    let name = format!("/{}/{{n}}", kind.folder());
    ParameterError::Invalid { name, problem: problem.to_owned() }
}
