//! The secret part of a callback URL: the key in `/callback/{app}/{key}`.
//!
//! One secret of the stage makes the keys of all apps. So a function recognises a key that
//! isn't genuine, or whose app doesn't exist, without a lookup. A key has a version: an
//! operator replaces one app's URL without changing the others', and the function knows the
//! new key before it has read any setting again.

use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;

/// The version of an app's first key.
pub const FIRST_VERSION: u32 = 1;
/// Half of an HMAC-SHA-256: 128 bits can't be guessed (RFC 2104, section 5).
const TAG_BYTES: usize = 16;
/// A shorter secret could be guessed from a key.
const MIN_SECRET_CHARACTERS: usize = 32;

/// The secret of a stage that makes the keys of its callback URLs.
#[derive(Clone, Debug)]
pub struct UrlSecret(Secret);

/// The value is too short to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has fewer than {MIN_SECRET_CHARACTERS} characters")]
pub struct TooShort;

impl UrlSecret {
    /// Takes a random text.
    pub fn new(secret: Secret) -> Result<Self, TooShort> {
        if secret.expose().len() < MIN_SECRET_CHARACTERS {
            return Err(TooShort);
        }
        Ok(Self(secret))
    }

    /// The key of an app's URL: the version, and a tag that only this secret can make.
    pub fn key(&self, alias: &str, version: u32) -> Secret {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes());
        let mut mac = mac.expect("an HMAC takes a key of any length");
        // The version has no slash, so no two pairs are one message.
        mac.update(format!("callback/{version}/{alias}").as_bytes());
        let mut key = format!("{version}-");
        for byte in &mac.finalize().into_bytes()[..TAG_BYTES] {
            let _ = write!(key, "{byte:02x}");
        }
        Secret::new(key)
    }

    /// The version of an app's key; none if this secret didn't make it for this app. Takes the
    /// same time wherever a wrong key differs.
    pub fn version(&self, alias: &str, key: &str) -> Option<u32> {
        let version = key.split_once('-')?.0.parse().ok()?;
        // The whole text is compared: `+1-…` and `01-…` are no keys.
        (self.key(alias, version) == Secret::new(key)).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> UrlSecret {
        UrlSecret::new(Secret::new(text)).unwrap()
    }

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    /// As OpenSSL computes it: `printf callback/1/shop | openssl dgst -sha256 -hmac …`.
    #[test]
    fn key_is_half_of_an_hmac() {
        let key = secret(TEXT).key("shop", FIRST_VERSION);
        assert_eq!(key.expose(), "1-b6b8196368e758ec5c34a18f0624271b");
        assert_eq!(secret(TEXT).version("shop", key.expose()), Some(1));
        assert_eq!(format!("{:?}", secret(TEXT)), "UrlSecret(Secret(…))");
    }

    /// Fault 99.
    #[test]
    fn key_is_valid_for_its_app_version_and_stage_only() {
        let secret = secret(TEXT);
        let key = secret.key("shop", 7);
        let key = key.expose();
        assert_eq!(secret.version("shop", key), Some(7));
        assert_eq!(secret.version("shop-mini", key), None);
        assert_eq!(self::secret(&TEXT.replace('f', "e")).version("shop", key), None);
        let tag = key.split_once('-').unwrap().1;
        for wrong in [
            String::new(),
            "-".to_owned(),
            tag.to_owned(),
            format!("-{tag}"),
            format!("+7-{tag}"),
            format!("07-{tag}"),
            format!("8-{tag}"),
            format!("4294967303-{tag}"),
            format!("{key}0"),
            key[..key.len() - 1].to_owned(),
            key.to_uppercase(),
            format!("{key} "),
            "7-".to_owned(),
        ] {
            assert_eq!(secret.version("shop", &wrong), None, "{wrong}");
        }
        assert_eq!(secret.version("shop", secret.key("1/shop", 7).expose()), None);
    }

    #[test]
    fn short_secret_is_rejected() {
        assert_eq!(UrlSecret::new(Secret::new(&TEXT[1..])).unwrap_err(), TooShort);
    }
}
