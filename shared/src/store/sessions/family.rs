//! The rules for a refresh token that is presented, without any table.
//!
//! Source: OAuth 2.0 Security Best Current Practice (RFC 9700), section 4.14.2,
//! "Refresh token protection": each token works once, and reuse of a replaced one
//! revokes the whole session, as it can't be known which of the two holders is the
//! thief.

use crate::clock::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;

/// A session that isn't refreshed ends after this many seconds: 30 days.
pub(super) const IDLE_TTL: u64 = 30 * 24 * 3600;
/// A session ends after this many seconds, however often it is refreshed: 90 days.
pub(super) const MAX_LIFETIME: u64 = 90 * 24 * 3600;
/// A token that was replaced gets the same successor again for this many seconds: the
/// first response may have been lost.
pub(super) const RETRY_WINDOW: u64 = 30;

/// All that is stored of a refresh token: the SHA-256 of its secret.
///
/// The secret has 256 bits of its own, so the hash needs neither salt nor effort.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a token's secret.
    pub fn digest(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The hash as it is stored.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A hash that was stored; none if it hasn't the right length.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// One session: the refresh tokens that followed each other since one login, of
/// which the last is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The mini program of the login.
    pub app_id: String,
    /// When the login was.
    pub created_at: Timestamp,
    /// How many tokens have been replaced so far.
    pub generation: u32,
    /// The token that is good.
    pub current: SecretHash,
    /// The token that it replaced, and when.
    pub former: Option<(SecretHash, Timestamp)>,
    /// When the session ends if it isn't refreshed.
    pub ends_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What to do with a genuine refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is replaced by its successor.
    Rotate,
    /// It was replaced less than [`RETRY_WINDOW`] ago, and gets the same successor again.
    Repeat,
    /// It was replaced before: the session has to be revoked.
    Reused,
    /// The session has been revoked or has ended.
    Ended,
}

impl Family {
    /// A session that a login begins with this token.
    pub fn begin(app_id: &str, first: SecretHash, now: Timestamp) -> Self {
        Self {
            app_id: app_id.to_owned(),
            created_at: now,
            generation: 0,
            current: first,
            former: None,
            ends_at: now.plus(IDLE_TTL),
            revoked_at: None,
        }
    }

    /// Whether the session is neither revoked nor ended.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.ends_at && now < self.created_at.plus(MAX_LIFETIME)
    }

    /// What to do with a token of this generation with this secret, which the caller knows
    /// to be genuine.
    pub fn judge(&self, generation: u32, secret: SecretHash, now: Timestamp) -> Verdict {
        if !self.is_alive(now) {
            return Verdict::Ended;
        }
        if generation == self.generation && secret == self.current {
            return Verdict::Rotate;
        }
        let retried = self.former.is_some_and(|(former, replaced_at)| {
            generation.checked_add(1) == Some(self.generation)
                && secret == former
                && now.seconds_since(replaced_at) <= RETRY_WINDOW
        });
        if retried { Verdict::Repeat } else { Verdict::Reused }
    }

    /// The session after its current token was replaced by this one. None after four
    /// thousand million rotations, for which 90 days are too short.
    #[must_use]
    pub fn rotated(&self, successor: SecretHash, now: Timestamp) -> Option<Self> {
        Some(Self {
            generation: self.generation.checked_add(1)?,
            current: successor,
            former: Some((self.current, now)),
            ends_at: now.plus(IDLE_TTL).min(self.created_at.plus(MAX_LIFETIME)),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests;
