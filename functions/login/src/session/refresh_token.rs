//! Refresh tokens: they name a session, under a tag that only this function can make.
//!
//! In base64url (RFC 4648, section 5) without padding: a version, the person, the
//! session, the number of tokens before, a secret, and a tag over all of it. The tag keeps
//! forged tokens away from the tables. The secret of a token is derived from the token
//! before it, so that a repeated request gets the same successor, and no secret is stored.

use crate::retries::PARAMETER_CONSISTENCY;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use shared::parameters::{ParameterError, Parameters};
use shared::secret::Secret;
use shared::store::SecretHash;
use std::fmt;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The only version there is.
const VERSION: u8 = 1;
const SECRET_BYTES: usize = 32;
/// Half of an HMAC-SHA-256: 128 bits can't be guessed (RFC 2104, section 5).
const TAG_BYTES: usize = 16;
/// Version, person, session, generation, secret.
const SEALED_BYTES: usize = 1 + 16 + 16 + 4 + SECRET_BYTES;
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

/// The key that seals refresh tokens.
pub(crate) struct RefreshKey(hmac::Key);

/// A refresh token whose tag is valid.
#[derive(Clone)]
pub(crate) struct Presented {
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

impl RefreshKey {
    /// Reads the key, or creates it. Concurrent cold starts agree on one key, as only one
    /// of them can write it.
    pub(crate) async fn read_or_create(parameters: &Parameters) -> Result<Self, ParameterError> {
        if let Some(stored) = parameters.refresh_key().await? {
            return Self::parse(&stored);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice())
            .map_err(|_| unusable("generating it failed"))?;
        let made = Secret::new(STANDARD.encode(bytes.as_slice()));
        if parameters.put_first_refresh_key(&made).await? {
            tracing::info!("created the key for refresh tokens");
            return Self::parse(&made);
        }
        let stored = PARAMETER_CONSISTENCY.poll(|| parameters.refresh_key()).await?;
        let stored = stored.ok_or_else(|| {
            unusable("it exists, but the Parameter Store does not return it yet; try again")
        })?;
        Self::parse(&stored)
    }

    fn parse(stored: &Secret) -> Result<Self, ParameterError> {
        let bytes = STANDARD.decode(stored.expose()).map(Zeroizing::new);
        match bytes {
            Ok(bytes) if bytes.len() == 32 => Ok(Self::new(&bytes)),
            _ => Err(unusable("it is not 32 bytes in base64")),
        }
    }

    fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The secret of a session's first token.
    fn first_secret(&self, session: Uuid) -> Zeroizing<[u8; SECRET_BYTES]> {
        self.derive(FIRST, session.as_bytes())
    }

    /// The hash of a session's first token.
    pub(crate) fn first_hash(&self, session: Uuid) -> SecretHash {
        SecretHash::digest(self.first_secret(session).as_slice())
    }

    /// The first token of a person's session. It is deterministic. None if the person's
    /// id isn't one that a login makes.
    pub(crate) fn first_token(&self, person: &str, session: Uuid) -> Option<RefreshToken> {
        let person = Uuid::try_parse(person).ok()?;
        let secret = self.first_secret(session);
        Some(self.seal(&Presented { person, session, generation: 0, secret }))
    }

    /// The token that replaces this one. It is deterministic. None if the generation would
    /// overflow.
    pub(crate) fn successor(&self, presented: &Presented) -> Option<RefreshToken> {
        let generation = presented.generation.checked_add(1)?;
        let secret = self.derive(NEXT, &presented.sealed());
        Some(self.seal(&Presented { generation, secret, ..presented.clone() }))
    }

    /// Verifies a token. None if this key has not sealed it.
    pub(crate) fn open_token(&self, text: &str) -> Option<Presented> {
        // The engine refuses non-canonical base64: a token has one spelling.
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: &[u8; TOKEN_BYTES] = bytes.as_slice().try_into().ok()?;
        let (sealed, tag) = bytes.split_at(SEALED_BYTES);
        if !bool::from(tag.ct_eq(&self.tag(sealed))) {
            return None;
        }
        let (version, rest) = sealed.split_first()?;
        let (person, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (generation, secret) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(())?;
        Some(Presented {
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
        let whole = self.derive(SEAL, sealed);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole[..TAG_BYTES]);
        tag
    }

    fn derive(&self, purpose: u8, from: &[u8]) -> Zeroizing<[u8; SECRET_BYTES]> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[purpose]);
        context.update(from);
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
        bytes.extend_from_slice(self.person.as_bytes());
        bytes.extend_from_slice(self.session.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(self.secret.as_slice());
        bytes
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey(…)")
    }
}

fn unusable(problem: &str) -> ParameterError {
    ParameterError::Invalid { name: "/session/refresh-key".to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "0123456789abcdef0123456789abcdef";

    fn key() -> RefreshKey {
        RefreshKey::new(&[7; 32])
    }

    fn first() -> RefreshToken {
        key().first_token(PERSON, Uuid::from_u128(5)).unwrap()
    }

    #[test]
    fn token_names_its_session_and_generation() {
        let token = first();
        let read = key().open_token(token.text.expose()).unwrap();
        assert_eq!(read.person(), PERSON);
        assert_eq!(read.session(), Uuid::from_u128(5).simple().to_string());
        assert_eq!((read.generation, read.hash()), (0, token.hash));
        assert_eq!(token.hash, key().first_hash(Uuid::from_u128(5)));
        assert!(key().first_token("ann", Uuid::from_u128(5)).is_none());
    }

    #[test]
    fn successor_is_deterministic_and_no_two_tokens_are_equal() {
        let mut seen = vec![first().text];
        for generation in 1..50 {
            let presented = key().open_token(seen.last().unwrap().expose()).unwrap();
            let next = key().successor(&presented).unwrap();
            assert_eq!(next.text, key().successor(&presented).unwrap().text);
            let read = key().open_token(next.text.expose()).unwrap();
            assert_eq!((read.generation, read.person()), (generation, PERSON.to_owned()));
            assert_eq!(read.session(), presented.session());
            assert!(!seen.contains(&next.text));
            seen.push(next.text);
        }
        let other = key().first_token(PERSON, Uuid::from_u128(6)).unwrap();
        assert!(other.hash != first().hash);
        let last =
            Presented { generation: u32::MAX, ..key().open_token(first().text.expose()).unwrap() };
        assert!(key().successor(&last).is_none());
    }

    #[test]
    fn altered_token_is_refused() {
        let token = first().text.expose().to_owned();
        assert!(RefreshKey::new(&[8; 32]).open_token(&token).is_none(), "another key");
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
            "é".repeat(57),
        ] {
            assert!(key().open_token(&wrong).is_none(), "{wrong}");
        }
        // A later version with a valid tag.
        let mut sealed = bytes[..SEALED_BYTES].to_vec();
        sealed[0] = 2;
        let tag = key().tag(&sealed);
        sealed.extend_from_slice(&tag);
        assert!(key().open_token(&URL_SAFE_NO_PAD.encode(sealed)).is_none());
    }

    #[test]
    fn last_letter_of_a_token_has_one_spelling() {
        // 85 bytes leave four bits of the last letter unused.
        let token = first().text.expose().to_owned();
        let (rest, _) = token.split_at(token.len() - 1);
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        let opened = letters.filter(|last| key().open_token(&format!("{rest}{last}")).is_some());
        assert_eq!(opened.count(), 1);
    }

    #[test]
    fn debug_output_has_no_secret() {
        assert_eq!(format!("{:?}", key()), "RefreshKey(…)");
    }
}
