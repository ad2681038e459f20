//! Safe mode's envelope: AES-256-CBC around a message.
//!
//! `base64(AES(random(16) ‖ length(4, big-endian) ‖ message ‖ app_id ‖ padding))`
//!
//! Source: WeChat's documentation, "消息加解密" (message encryption). Its two
//! traps: the 43rd character of an EncodingAESKey carries two bits that are not
//! part of the key and need not be zero, and the padding is PKCS#7 over blocks
//! of 32 bytes, so a pad may be longer than an AES block.

use crate::wechat::id::AppId;
use aes::Aes256;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use base64::Engine as _;
use base64::engine::{
    DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD,
};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The padding fills up to a multiple of this many bytes.
const BLOCK: usize = 32;
/// Random bytes in front of the message; they make equal messages look different.
const RANDOM: usize = 16;
/// The message's length, as a big-endian number.
const LENGTH: usize = 4;

/// Standard base64 that doesn't mind what is in the two spare bits of a key.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// An EncodingAESKey: 43 letters and digits that stand for 32 bytes.
#[derive(Clone)]
pub struct EncodingAesKey(Zeroizing<[u8; 32]>);

impl EncodingAesKey {
    /// Reads the 43 characters that WeChat's console shows.
    ///
    /// Fails when it isn't 43 characters of A–Z, a–z, 0–9.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if text.len() != 43 || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(InvalidKey);
        }
        let mut key = Zeroizing::new([0; 32]);
        // The decoder asks for room for a whole last group: 33 bytes.
        let mut room = Zeroizing::new([0; 33]);
        let length = KEY_BASE64.decode_slice(text, room.as_mut_slice()).map_err(|_| InvalidKey)?;
        key.copy_from_slice(room.get(..32).filter(|_| length == 32).ok_or(InvalidKey)?);
        Ok(Self(key))
    }

    fn initialization_vector(&self) -> [u8; 16] {
        let mut vector = [0; 16];
        vector.copy_from_slice(&self.0[..16]);
        vector
    }
}

impl fmt::Debug for EncodingAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodingAesKey(…)")
    }
}

/// What was given isn't an EncodingAESKey.
#[derive(Debug, thiserror::Error)]
#[error(
    "an EncodingAESKey has exactly 43 characters of A-Z, a-z, 0-9; copy it from WeChat's console"
)]
pub struct InvalidKey;

/// A ciphertext could not be decrypted. It doesn't say why: an attacker who can tell bad
/// padding from a bad length has a padding oracle.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext can't be decrypted")]
pub struct DecryptionError;

/// Encrypts a message for (or from) `app_id`. `random` must be new for every message.
pub fn encrypt(
    key: &EncodingAesKey,
    app_id: &AppId,
    random: [u8; RANDOM],
    message: &[u8],
) -> String {
    let length = u32::try_from(message.len()).expect("a message is far shorter than 4 GiB");
    let mut buffer = Vec::with_capacity(RANDOM + LENGTH + message.len() + 64 + BLOCK);
    buffer.extend_from_slice(&random);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(message);
    buffer.extend_from_slice(app_id.as_str().as_bytes());
    let pad = BLOCK - buffer.len() % BLOCK;
    buffer.resize(buffer.len() + pad, u8::try_from(pad).expect("a pad is at most 32"));

    let cipher =
        cbc::Encryptor::<Aes256>::new((&*key.0).into(), &key.initialization_vector().into());
    let whole = buffer.len();
    let sealed = cipher
        .encrypt_padded::<NoPadding>(&mut buffer, whole)
        .expect("whole blocks, by the padding above");
    STANDARD.encode(sealed)
}

/// Deterministic bytes in place of random ones, for a reply that may have to be repeated.
///
/// They are derived from the key and the message, so that the same message gives the same
/// ciphertext, and they can't be predicted without the key.
pub fn synthetic_random(key: &EncodingAesKey, message: &[u8]) -> [u8; RANDOM] {
    let digest = Sha256::new().chain_update(*key.0).chain_update(message).finalize();
    let mut random = [0; RANDOM];
    random.copy_from_slice(&digest[..RANDOM]);
    random
}

/// Decrypts a message that must be for `app_id`. [`DecryptionError`] stands for every
/// reason: not canonical base64 of whole 32-byte blocks, bad padding, a wrong length, or
/// another app's id.
pub fn decrypt(
    key: &EncodingAesKey,
    app_id: &AppId,
    envelope: &str,
) -> Result<Vec<u8>, DecryptionError> {
    let mut buffer = STANDARD.decode(envelope).map_err(|_| DecryptionError)?;
    if buffer.is_empty() || !buffer.len().is_multiple_of(BLOCK) {
        return Err(DecryptionError);
    }
    let cipher =
        cbc::Decryptor::<Aes256>::new((&*key.0).into(), &key.initialization_vector().into());
    let plain = cipher.decrypt_padded::<NoPadding>(&mut buffer).map_err(|_| DecryptionError)?;

    let pad = usize::from(*plain.last().ok_or(DecryptionError)?);
    if !(1..=BLOCK).contains(&pad)
        || !plain[plain.len() - pad..].iter().all(|byte| usize::from(*byte) == pad)
    {
        return Err(DecryptionError);
    }
    let plain = &plain[..plain.len() - pad];
    let (length, rest) =
        plain.get(RANDOM..).and_then(<[u8]>::split_first_chunk::<LENGTH>).ok_or(DecryptionError)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| DecryptionError)?;
    let (message, tail) = rest.split_at_checked(length).ok_or(DecryptionError)?;
    if !bool::from(tail.ct_eq(app_id.as_str().as_bytes())) {
        return Err(DecryptionError);
    }
    Ok(message.to_vec())
}

#[cfg(test)]
mod tests;
