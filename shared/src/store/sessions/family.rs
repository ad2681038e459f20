//! The rules for a refresh token that is presented, without any table.
//!
//! Source: OAuth 2.0 Security Best Current Practice (RFC 9700), section 4.14.2,
//! "Refresh token protection": each token works once, and reuse of a replaced one
//! revokes the whole session, as it can't be known which of the two holders is the
//! thief.
//!
//! A client whose response was lost presents a replaced token, too. It proves itself by the
//! retry key that it sent with the first request. A client without one is answered again
//! once in the life of a session: if that was a thief, the next repeat of either, which the
//! two can't avoid, ends the session.

use crate::clock::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;

/// A session that isn't refreshed ends after this many seconds: 30 days.
pub const SESSION_IDLE_TTL: u64 = 30 * 24 * 3600;
/// A session ends after this many seconds, however often it is refreshed: 90 days.
pub(super) const MAX_LIFETIME: u64 = 90 * 24 * 3600;
/// A token that was replaced gets the same successor again for this many seconds, if the
/// client proves itself: the first response may have been lost.
pub(super) const RETRY_WINDOW: u64 = 30;

/// All that is stored of a refresh token's secret or of a retry key: its SHA-256.
///
/// Both are random and long, so the hash needs neither salt nor effort.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a secret.
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
    /// The token that it replaced.
    pub former: Option<FormerToken>,
    /// Whether the session's one repeat without a retry key was used.
    pub has_repeated: bool,
    /// When the session ends if it isn't refreshed.
    pub ends_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A token that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerToken {
    /// The token.
    pub secret: SecretHash,
    /// The retry key of the request that replaced it, if that had one.
    pub retry_key: Option<SecretHash>,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// What to do with a genuine refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is replaced by its successor.
    Rotate,
    /// It was replaced less than [`RETRY_WINDOW`] ago by a request with the same retry key,
    /// and gets the same successor again.
    Repeat,
    /// As [`Verdict::Repeat`], but neither request has a retry key, so this is the only
    /// repeat of the session, and has to be recorded first.
    RepeatOnce,
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
            has_repeated: false,
            ends_at: now.plus(SESSION_IDLE_TTL),
            revoked_at: None,
        }
    }

    /// Whether the session is neither revoked nor ended.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.ends_at && now < self.latest_end()
    }

    /// When the session ends, however often it is refreshed.
    pub fn latest_end(&self) -> Timestamp {
        self.created_at.plus(MAX_LIFETIME)
    }

    /// What to do with a token of this generation with this secret, which the caller knows
    /// to be genuine, and which came with this retry key.
    pub fn judge(
        &self,
        generation: u32,
        secret: SecretHash,
        retry_key: Option<SecretHash>,
        now: Timestamp,
    ) -> Verdict {
        if !self.is_alive(now) {
            return Verdict::Ended;
        }
        if generation == self.generation && secret == self.current {
            return Verdict::Rotate;
        }
        let is_repeat = self.former.is_some_and(|former| {
            generation.checked_add(1) == Some(self.generation)
                && secret == former.secret
                && retry_key == former.retry_key
                && now.seconds_since(former.replaced_at) <= RETRY_WINDOW
        });
        match (is_repeat, retry_key) {
            (true, Some(_)) => Verdict::Repeat,
            (true, None) if !self.has_repeated => Verdict::RepeatOnce,
            _ => Verdict::Reused,
        }
    }

    /// The session after its current token was replaced by this one, by a request with this
    /// retry key. None after four thousand million rotations, for which 90 days are too short.
    #[must_use]
    pub fn rotated(
        &self,
        successor: SecretHash,
        retry_key: Option<SecretHash>,
        now: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            generation: self.generation.checked_add(1)?,
            current: successor,
            former: Some(FormerToken { secret: self.current, retry_key, replaced_at: now }),
            ends_at: now.plus(SESSION_IDLE_TTL).min(self.latest_end()),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests;
