//! Refresh tokens: where they lead, and a seal that only this function can make.
//!
//! In base64url (RFC 4648, section 5) without padding: a version, the person, the
//! session, how many tokens came before, a secret, and a tag over all of it. The
//! tag keeps strangers away from the tables: without the key nobody makes a token
//! that is worth a look. The secret of a token follows from the token before it,
//! so that a retry gets the same successor, and no secret is stored anywhere.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use shared::parameters::{ParameterError, Parameters};
use shared::secret::Secret;
use shared::store::SecretHash;
use std::fmt;
use std::time::Duration;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The only version there is.
const VERSION: u8 = 1;
const SECRET: usize = 32;
/// Half of an HMAC-SHA-256: 128 bits can't be guessed (RFC 2104, section 5).
const TAG: usize = 16;
/// Version, person, session, generation, secret.
const SEALED: usize = 1 + 16 + 16 + 4 + SECRET;
const LENGTH: usize = SEALED + TAG;

/// One key serves three purposes, which are told apart by the first byte of what
/// is hashed.
const FIRST: u8 = 1;
const NEXT: u8 = 2;
const SEAL: u8 = 3;

/// How often the key is looked for that somebody else has just written.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// The key that seals refresh tokens.
pub(crate) struct RefreshKey(hmac::Key);

/// A refresh token whose tag is right.
#[derive(Clone)]
pub(crate) struct Presented {
    person: Uuid,
    session: Uuid,
    pub(crate) generation: u32,
    secret: Zeroizing<[u8; SECRET]>,
}

/// A refresh token as a client gets it, and what is stored of it.
pub(crate) struct RefreshToken {
    pub(crate) text: Secret,
    pub(crate) hash: SecretHash,
}

impl RefreshKey {
    /// Reads the key, or makes it. Two functions that start together agree, as
    /// only one of them can write.
    ///
    /// # Errors
    ///
    /// When the Parameter Store doesn't answer, or what is in it is no key.
    pub(crate) async fn read_or_make(parameters: &Parameters) -> Result<Self, ParameterError> {
        if let Some(stored) = parameters.refresh_key().await? {
            return Self::open(&stored);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| unusable("none could be made"))?;
        let made = Secret::new(STANDARD.encode(bytes.as_slice()));
        if parameters.put_first_refresh_key(&made).await? {
            tracing::info!("made the key for refresh tokens");
            return Self::open(&made);
        }
        for _ in 0..LOOKS {
            if let Some(stored) = parameters.refresh_key().await? {
                return Self::open(&stored);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(unusable("it was there a moment ago"))
    }

    fn open(stored: &Secret) -> Result<Self, ParameterError> {
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
    fn first_secret(&self, session: Uuid) -> Zeroizing<[u8; SECRET]> {
        self.derive(FIRST, session.as_bytes())
    }

    /// What is stored of the first token of a session that nobody has yet.
    pub(crate) fn first_hash(&self, session: Uuid) -> SecretHash {
        SecretHash::of(self.first_secret(session).as_slice())
    }

    /// The first token of a person's session: the same each time. None if the
    /// person's id isn't one that a login makes.
    pub(crate) fn first(&self, person: &str, session: Uuid) -> Option<RefreshToken> {
        let person = Uuid::try_parse(person).ok()?;
        let secret = self.first_secret(session);
        Some(self.seal(&Presented { person, session, generation: 0, secret }))
    }

    /// The token that replaces this one: the same each time. None after the last
    /// number there is.
    pub(crate) fn successor(&self, of: &Presented) -> Option<RefreshToken> {
        let generation = of.generation.checked_add(1)?;
        let secret = self.derive(NEXT, &of.sealed());
        Some(self.seal(&Presented { generation, secret, ..of.clone() }))
    }

    /// Reads a token. None if it isn't one that this key has sealed.
    pub(crate) fn open_token(&self, text: &str) -> Option<Presented> {
        // What isn't canonical base64 is refused: one token has one spelling.
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: &[u8; LENGTH] = bytes.as_slice().try_into().ok()?;
        let (sealed, tag) = bytes.split_at(SEALED);
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

    fn tag(&self, sealed: &[u8]) -> [u8; TAG] {
        let whole = self.derive(SEAL, sealed);
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        tag
    }

    fn derive(&self, purpose: u8, from: &[u8]) -> Zeroizing<[u8; SECRET]> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[purpose]);
        context.update(from);
        let mut derived = Zeroizing::new([0; SECRET]);
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

    /// What is stored of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(self.secret.as_slice())
    }

    fn sealed(&self) -> Zeroizing<Vec<u8>> {
        // The whole length at once: what grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
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
        key().first(PERSON, Uuid::from_u128(5)).unwrap()
    }

    #[test]
    fn a_token_leads_to_its_session_and_its_row() {
        let token = first();
        let read = key().open_token(token.text.expose()).unwrap();
        assert_eq!(read.person(), PERSON);
        assert_eq!(read.session(), Uuid::from_u128(5).simple().to_string());
        assert_eq!((read.generation, read.hash()), (0, token.hash));
        assert_eq!(token.hash, key().first_hash(Uuid::from_u128(5)));
        assert!(key().first("ann", Uuid::from_u128(5)).is_none());
    }

    #[test]
    fn a_retry_gets_the_same_successor_and_every_token_is_another() {
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
        let other = key().first(PERSON, Uuid::from_u128(6)).unwrap();
        assert!(other.hash != first().hash);
        let last =
            Presented { generation: u32::MAX, ..key().open_token(first().text.expose()).unwrap() };
        assert!(key().successor(&last).is_none());
    }

    #[test]
    fn nothing_but_what_was_sealed_is_opened() {
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
        // A version of the future, rightly sealed.
        let mut sealed = bytes[..SEALED].to_vec();
        sealed[0] = 2;
        let tag = key().tag(&sealed);
        sealed.extend_from_slice(&tag);
        assert!(key().open_token(&URL_SAFE_NO_PAD.encode(sealed)).is_none());
    }

    #[test]
    fn the_last_letter_has_one_spelling() {
        // 85 bytes leave four bits of the last letter unused.
        let token = first().text.expose().to_owned();
        let (rest, _) = token.split_at(token.len() - 1);
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        let opened = letters.filter(|last| key().open_token(&format!("{rest}{last}")).is_some());
        assert_eq!(opened.count(), 1);
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?}", key()), "RefreshKey(…)");
    }
}
