//! The RSA keys that sign sessions.
//!
//! API Gateway's JWT authorizer takes RSA only (see "Controlling access to HTTP
//! APIs with JWT authorizers" in its developer guide).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::parameters::{ParameterError, Parameters};
use std::fmt;
use zeroize::Zeroizing;

/// The keys that sign sessions.
pub(crate) struct Keys {
    current: KeyPair,
    public: PublicKey,
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

/// What stands in `/session/keys`.
#[derive(Serialize, Deserialize)]
struct StoredKeys {
    /// The key that signs, as PKCS #8 in base64.
    current: Zeroizing<String>,
}

impl Keys {
    /// Reads the keys, or makes the first ones. Two functions that start
    /// together agree, as only one of them can write.
    pub(crate) async fn read_or_make(parameters: &Parameters) -> Result<Self, ParameterError> {
        if let Some(stored) = parameters.session_keys::<StoredKeys>().await? {
            return Self::open(&stored);
        }
        let made =
            KeyPair::generate(KeySize::Rsa2048).map_err(|_| unusable("no key could be made"))?;
        let der: Pkcs8V1Der<'_> =
            made.as_der().map_err(|_| unusable("the new key could not be written"))?;
        let stored = StoredKeys { current: Zeroizing::new(STANDARD.encode(der.as_ref())) };
        if parameters.put_first_session_keys(&stored).await? {
            tracing::info!("made the first key for sessions");
            return Self::open(&stored);
        }
        let theirs = parameters.session_keys::<StoredKeys>().await?;
        Self::open(&theirs.ok_or_else(|| unusable("it was there a moment ago"))?)
    }

    fn open(stored: &StoredKeys) -> Result<Self, ParameterError> {
        let der = STANDARD
            .decode(stored.current.as_bytes())
            .map_err(|_| unusable("its key is not base64"))?;
        let der = Zeroizing::new(der);
        let current =
            KeyPair::from_pkcs8(&der).map_err(|_| unusable("its key is no RSA key in PKCS #8"))?;
        let public = PublicKey::of(&current);
        Ok(Self { current, public })
    }

    /// The id of the key that signs.
    pub(crate) fn key_id(&self) -> &str {
        &self.public.kid
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.current.public_modulus_len()];
        self.current
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a key that was read signs");
        signature
    }

    /// The public keys that verify what was signed.
    pub(crate) fn public(&self) -> Vec<PublicKey> {
        vec![self.public.clone()]
    }
}

impl PublicKey {
    fn of(pair: &KeyPair) -> Self {
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

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.key_id())
    }
}

fn unusable(problem: &str) -> ParameterError {
    ParameterError::Invalid { name: "/session/keys".to_owned(), problem: problem.to_owned() }
}
