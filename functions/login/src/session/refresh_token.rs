//! Refresh tokens: they name a session, under a tag that only this function can make.
//!
//! In base64url (RFC 4648, section 5) without padding: a version, the number of the key, the
//! person, the session, the number of tokens before, a secret, and a tag over all of it. The
//! tag keeps forged tokens away from the tables. The secret of a token is derived from the
//! token before it and the retry key of the request, so that a repeated request gets the same
//! successor, and no secret is stored. Who knows only the key or only the token can't
//! derive it.

use crate::keys::session_key::{SessionKey, StoredKey, unusable};
use crate::retry_key::RetryKey;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, SessionKeyKind};
use shared::secret::Secret;
use shared::store::{SESSION_IDLE_TTL, SecretHash};
use std::fmt;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The only version there is.
const VERSION: u8 = 2;
const SECRET_BYTES: usize = 32;
/// Half of an HMAC-SHA-256: 128 bits can't be guessed (RFC 2104, section 5).
const TAG_BYTES: usize = 16;
/// Version, number of the key, person, session, generation, secret.
const SEALED_BYTES: usize = 1 + 4 + 16 + 16 + 4 + SECRET_BYTES;
const TOKEN_BYTES: usize = SEALED_BYTES + TAG_BYTES;

/// One key serves three purposes. The first byte of the HMAC's input separates them.
const FIRST: u8 = 1;
const NEXT: u8 = 2;
const SEAL: u8 = 3;

/// A request that carries a refresh token.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshTokenRequest {
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) refresh_token: Secret,
}

/// A key that seals refresh tokens.
pub(crate) struct RefreshKey {
    number: u32,
    key: hmac::Key,
    signs_from: Timestamp,
}

/// A refresh token whose tag is valid.
#[derive(Clone)]
pub(crate) struct Presented {
    key_number: u32,
    person: Uuid,
    session: Uuid,
    pub(crate) generation: u32,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// A new refresh token: its text for the client, and the hash to store.
pub(crate) struct RefreshToken {
    pub(crate) text: Secret,
    pub(crate) hash: SecretHash,
}

impl SessionKey for RefreshKey {
    const KIND: SessionKeyKind = SessionKeyKind::Refresh;
    const NAME: &'static str = "refresh key";
    /// The last token that a key has sealed is valid as long as its session isn't refreshed.
    const RETENTION_SECS: Option<u64> = Some(SESSION_IDLE_TTL);

    fn generate(number: u32, signs_from: Timestamp) -> Result<(Self, StoredKey), ParameterError> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice())
            .map_err(|_| unusable(Self::KIND, "generating a key failed"))?;
        let key = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        Ok((Self::new(number, bytes.as_slice(), signs_from), StoredKey { key, signs_from }))
    }

    fn parse(number: u32, stored: &StoredKey) -> Result<Self, ParameterError> {
        match STANDARD.decode(stored.key.as_bytes()).map(Zeroizing::new) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self::new(number, &bytes, stored.signs_from)),
            _ => Err(unusable(Self::KIND, "it is not 32 bytes in base64")),
        }
    }

    fn signs_from(&self) -> Timestamp {
        self.signs_from
    }

    fn id(&self) -> String {
        format!("refresh-{}", self.number)
    }
}

impl RefreshKey {
    fn new(number: u32, bytes: &[u8], signs_from: Timestamp) -> Self {
        Self { number, key: hmac::Key::new(hmac::HMAC_SHA256, bytes), signs_from }
    }

    /// Its number, which its tokens name.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The secret of a session's first token.
    fn first_secret(
        &self,
        session: Uuid,
        retry_key: Option<&RetryKey>,
    ) -> Zeroizing<[u8; SECRET_BYTES]> {
        self.derive(FIRST, session.as_bytes(), retry_key)
    }

    /// The hash of a session's first token.
    pub(crate) fn first_hash(&self, session: Uuid, retry_key: Option<&RetryKey>) -> SecretHash {
        SecretHash::digest(self.first_secret(session, retry_key).as_slice())
    }

    /// The first token of a person's session. It is deterministic. None if the person's
    /// id isn't one that a login makes.
    pub(crate) fn first_token(
        &self,
        person: &str,
        session: Uuid,
        retry_key: Option<&RetryKey>,
    ) -> Option<RefreshToken> {
        let person = Uuid::try_parse(person).ok()?;
        let secret = self.first_secret(session, retry_key);
        let key_number = self.number;
        Some(self.seal(&Presented { key_number, person, session, generation: 0, secret }))
    }

    /// The token by which this key replaces another one, whichever key sealed that. It is
    /// deterministic. None if the generation would overflow.
    pub(crate) fn successor(
        &self,
        presented: &Presented,
        retry_key: Option<&RetryKey>,
    ) -> Option<RefreshToken> {
        let generation = presented.generation.checked_add(1)?;
        let secret = self.derive(NEXT, &presented.sealed(), retry_key);
        let key_number = self.number;
        Some(self.seal(&Presented { key_number, generation, secret, ..presented.clone() }))
    }

    /// Verifies a token. None if this key has not sealed it.
    pub(crate) fn open_token(&self, text: &str) -> Option<Presented> {
        let bytes = decode(text)?;
        let (sealed, tag) = bytes.split_at(SEALED_BYTES);
        if !bool::from(tag.ct_eq(&self.tag(sealed))) {
            return None;
        }
        let (version, rest) = sealed.split_first()?;
        let (key_number, rest) = rest.split_first_chunk()?;
        let (person, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (generation, secret) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(())?;
        Some(Presented {
            key_number: u32::from_be_bytes(*key_number),
            person: Uuid::from_bytes(*person),
            session: Uuid::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    fn seal(&self, token: &Presented) -> RefreshToken {
        let mut bytes = token.sealed();
        let tag = self.tag(&bytes);
        bytes.extend_from_slice(&tag);
        RefreshToken {
            text: Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())),
            hash: token.hash(),
        }
    }

    fn tag(&self, sealed: &[u8]) -> [u8; TAG_BYTES] {
        let whole = self.derive(SEAL, sealed, None);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole[..TAG_BYTES]);
        tag
    }

    /// For one purpose `from` always has the same length, so the retry key can follow it.
    fn derive(
        &self,
        purpose: u8,
        from: &[u8],
        retry_key: Option<&RetryKey>,
    ) -> Zeroizing<[u8; SECRET_BYTES]> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[purpose]);
        context.update(from);
        context.update(retry_key.map_or(&[], RetryKey::bytes));
        let mut derived = Zeroizing::new([0; SECRET_BYTES]);
        derived.copy_from_slice(context.sign().as_ref());
        derived
    }
}

impl Presented {
    /// The person's internal id.
    pub(crate) fn person(&self) -> String {
        self.person.simple().to_string()
    }

    /// The session's id.
    pub(crate) fn session(&self) -> String {
        self.session.simple().to_string()
    }

    /// The hash that is stored of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::digest(self.secret.as_slice())
    }

    fn sealed(&self) -> Zeroizing<Vec<u8>> {
        // A vector that grows would leave copies of the secret in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(TOKEN_BYTES));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.key_number.to_be_bytes());
        bytes.extend_from_slice(self.person.as_bytes());
        bytes.extend_from_slice(self.session.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(self.secret.as_slice());
        bytes
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshKey({}, …)", self.number)
    }
}

/// The number of the key that a token names, unverified. None if it can't be a token.
pub(crate) fn key_number(text: &str) -> Option<u32> {
    let bytes = decode(text)?;
    let (version, rest) = bytes.split_first()?;
    (*version == VERSION).then_some(())?;
    Some(u32::from_be_bytes(*rest.first_chunk()?))
}

fn decode(text: &str) -> Option<Zeroizing<[u8; TOKEN_BYTES]>> {
    // The engine refuses non-canonical base64: a token has one spelling.
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "0123456789abcdef0123456789abcdef";

    fn key() -> RefreshKey {
        RefreshKey::new(3, &[7; 32], Timestamp(0))
    }

    fn first() -> RefreshToken {
        key().first_token(PERSON, Uuid::from_u128(5), None).unwrap()
    }

    fn retry_key(letter: &str) -> RetryKey {
        RetryKey::try_from(letter.repeat(22)).unwrap()
    }

    #[test]
    fn token_names_its_session_and_generation() {
        let token = first();
        let read = key().open_token(token.text.expose()).unwrap();
        assert_eq!(read.person(), PERSON);
        assert_eq!(read.session(), Uuid::from_u128(5).simple().to_string());
        assert_eq!((read.generation, read.hash()), (0, token.hash));
        assert_eq!(key_number(token.text.expose()), Some(3));
        assert_eq!(token.hash, key().first_hash(Uuid::from_u128(5), None));
        assert!(key().first_token("ann", Uuid::from_u128(5), None).is_none());
    }

    #[test]
    fn secret_depends_on_the_retry_key() {
        let (a, b) = (retry_key("a"), retry_key("b"));
        let presented = key().open_token(first().text.expose()).unwrap();
        let all = [None, Some(&a), Some(&b)];
        for (at, one) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                let next = |retry_key| key().successor(&presented, retry_key).unwrap();
                let first = |retry_key| key().first_hash(Uuid::from_u128(5), retry_key);
                assert_eq!(next(*one).text == next(*other).text, at == other_at);
                assert_eq!(first(*one) == first(*other), at == other_at);
            }
        }
    }

    #[test]
    fn another_key_replaces_a_token() {
        let presented = key().open_token(first().text.expose()).unwrap();
        let newer = RefreshKey::new(4, &[8; 32], Timestamp(0));
        let next = newer.successor(&presented, None).unwrap();
        assert_eq!(key_number(next.text.expose()), Some(4));
        assert!(key().open_token(next.text.expose()).is_none());
        let read = newer.open_token(next.text.expose()).unwrap();
        assert_eq!((read.generation, read.session()), (1, presented.session()));
        assert_ne!(next.hash, key().successor(&presented, None).unwrap().hash);
    }

    #[test]
    fn successor_is_deterministic_and_no_two_tokens_are_equal() {
        let mut seen = vec![first().text];
        for generation in 1..50 {
            let presented = key().open_token(seen.last().unwrap().expose()).unwrap();
            let next = key().successor(&presented, None).unwrap();
            assert_eq!(next.text, key().successor(&presented, None).unwrap().text);
            let read = key().open_token(next.text.expose()).unwrap();
            assert_eq!((read.generation, read.person()), (generation, PERSON.to_owned()));
            assert_eq!(read.session(), presented.session());
            assert!(!seen.contains(&next.text));
            seen.push(next.text);
        }
        let other = key().first_token(PERSON, Uuid::from_u128(6), None).unwrap();
        assert!(other.hash != first().hash);
        let last =
            Presented { generation: u32::MAX, ..key().open_token(first().text.expose()).unwrap() };
        assert!(key().successor(&last, None).is_none());
    }

    #[test]
    fn altered_token_is_refused() {
        let token = first().text.expose().to_owned();
        assert!(
            RefreshKey::new(3, &[8; 32], Timestamp(0)).open_token(&token).is_none(),
            "another key"
        );
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut spoiled = bytes.clone();
                spoiled[at] ^= 1 << bit;
                let spoiled = URL_SAFE_NO_PAD.encode(spoiled);
                assert!(key().open_token(&spoiled).is_none(), "byte {at}, bit {bit}");
            }
        }
        for length in 0..token.len() {
            assert!(key().open_token(&token[..length]).is_none(), "{length} letters");
        }
        for wrong in [
            format!("{token}A"),
            format!("{token}="),
            format!("{token}=="),
            format!(" {token}"),
            format!("{token}\n"),
            STANDARD.encode(&bytes),
            token.repeat(2),
            "é".repeat(59),
        ] {
            assert!(key().open_token(&wrong).is_none(), "{wrong}");
        }
        // A later version with a valid tag.
        let mut sealed = bytes[..SEALED_BYTES].to_vec();
        sealed[0] = 3;
        let tag = key().tag(&sealed);
        sealed.extend_from_slice(&tag);
        assert!(key().open_token(&URL_SAFE_NO_PAD.encode(sealed)).is_none());
    }

    #[test]
    fn last_letter_of_a_token_has_one_spelling() {
        // 89 bytes leave two bits of the last letter unused.
        let token = first().text.expose().to_owned();
        let (rest, _) = token.split_at(token.len() - 1);
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        let opened = letters.filter(|last| key().open_token(&format!("{rest}{last}")).is_some());
        assert_eq!(opened.count(), 1);
    }

    #[test]
    fn debug_output_has_no_secret() {
        assert_eq!(format!("{:?}", key()), "RefreshKey(3, …)");
    }
}
