//! One RSA key.

use super::session_key::{self, SessionKey, StoredKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, SessionKeyKind};
use std::fmt;
use zeroize::Zeroizing;

/// A key that signs access tokens.
pub(crate) struct Key {
    pair: KeyPair,
    pub(crate) public: PublicKey,
    /// The time from which on it signs.
    pub(crate) signs_from: Timestamp,
}

/// A public key as the key set publishes it (RFC 7517).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PublicKey {
    kty: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    pub(crate) kid: String,
    n: String,
    e: String,
}

impl SessionKey for Key {
    const KIND: SessionKeyKind = SessionKeyKind::Signing;
    const NAME: &'static str = "signing key";
    const RETENTION_SECS: Option<u64> = None;

    /// Generates a key of 2048 bits.
    fn generate(_: u32, signs_from: Timestamp) -> Result<(Self, StoredKey), ParameterError> {
        let pair =
            KeyPair::generate(KeySize::Rsa2048).map_err(|_| unusable("generating a key failed"))?;
        let der: Pkcs8V1Der<'_> =
            pair.as_der().map_err(|_| unusable("serialising the new key failed"))?;
        let stored = StoredKey { key: Zeroizing::new(STANDARD.encode(der.as_ref())), signs_from };
        let public = PublicKey::new(&pair);
        Ok((Self { pair, public, signs_from }, stored))
    }

    fn parse(_: u32, stored: &StoredKey) -> Result<Self, ParameterError> {
        let der =
            STANDARD.decode(stored.key.as_bytes()).map_err(|_| unusable("it is not base64"))?;
        let der = Zeroizing::new(der);
        let pair =
            KeyPair::from_pkcs8(&der).map_err(|_| unusable("it is no RSA key in PKCS #8"))?;
        let public = PublicKey::new(&pair);
        Ok(Self { pair, public, signs_from: stored.signs_from })
    }

    fn signs_from(&self) -> Timestamp {
        self.signs_from
    }

    /// The thumbprint of the public key, which is the `kid` in a token's header.
    fn id(&self) -> String {
        self.public.kid.clone()
    }
}

impl Key {
    /// The key pair, for tests that sign forged tokens.
    #[cfg(test)]
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `message`: the same each time.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a key that was read signs");
        signature
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = aws_lc_rs::signature::UnparsedPublicKey::new(
            &RSA_PKCS1_2048_8192_SHA256,
            self.pair.public_key(),
        );
        public.verify(message, signature).is_ok()
    }
}

impl PublicKey {
    fn new(pair: &KeyPair) -> Self {
        let public = pair.public_key();
        let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        // RFC 7638: the hash of the required members in this very order.
        let thumbprint = Sha256::digest(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#));
        Self {
            kty: "RSA",
            purpose: "sig",
            alg: "RS256",
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            n,
            e,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, signs from {})", self.public.kid, self.signs_from)
    }
}

fn unusable(problem: &str) -> ParameterError {
    session_key::unusable(SessionKeyKind::Signing, problem)
}
