//! What is claimed of sealing and opening.

use aes::Aes256;
use aes::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::id::AppId;

const KEY: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What is sealed opens; what was changed on the way does not open to the same;
/// and a buffer opens if and only if it is what sealing would have made. Tells
/// whether the rest of the data, as a buffer, did.
pub(crate) fn decrypt(data: &[u8]) -> bool {
    let Some((key, data)) = data.split_at_checked(43) else { return false };
    let Some((random, data)) = data.split_first_chunk::<16>() else { return false };
    let Some(([place, bit, app], data)) = data.split_first_chunk::<3>() else { return false };
    let key: String =
        key.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    let aes_key = EncodingAesKey::parse(key.as_str()).expect("43 letters and digits");
    let app_id = AppId::parse(format!("wx{:016x}", u64::from(*app))).expect("an app id");

    let sealed = crypto::encrypt(&aes_key, &app_id, *random, data);
    assert_eq!(crypto::decrypt(&aes_key, &app_id, &sealed).as_deref(), Ok(data));

    let mut changed = STANDARD.decode(&sealed).expect("base64");
    assert!(changed.len().is_multiple_of(32));
    let place = usize::from(*place) * changed.len() / 256;
    changed[place] ^= 1 << (bit % 8);
    assert_ne!(
        crypto::decrypt(&aes_key, &app_id, &STANDARD.encode(&changed)).as_deref(),
        Ok(data),
        "a bit at {place}"
    );

    // A stranger's text is no envelope, whatever it looks like.
    if let Ok(text) = std::str::from_utf8(data)
        && crypto::decrypt(&aes_key, &app_id, text).is_ok()
    {
        let decoded = STANDARD.decode(text).expect("it was opened");
        assert_eq!(STANDARD.encode(decoded), text, "opened, but not canonical");
    }
    buffer(&key, &aes_key, &app_id, data)
}

/// Opens `data` as what is inside of an envelope, so that padding, length and
/// app id can be anything.
fn buffer(key: &str, aes_key: &EncodingAesKey, app_id: &AppId, data: &[u8]) -> bool {
    let data = &data[..data.len() / 16 * 16];
    let envelope = STANDARD.encode(encrypt_blocks(key, data));
    let opened = crypto::decrypt(aes_key, app_id, &envelope).ok();
    assert_eq!(opened.as_deref(), inside(data, app_id.as_str().as_bytes()));
    if let Some(message) = &opened {
        let random = std::array::from_fn(|place| data[place]);
        assert_eq!(crypto::encrypt(aes_key, app_id, random, message), envelope);
    }
    opened.is_some()
}

/// WeChat's cipher alone, without anything put around or after the blocks.
pub(crate) fn encrypt_blocks(key: &str, blocks: &[u8]) -> Vec<u8> {
    let key: [u8; 32] = KEY.decode(key).expect("43 letters").try_into().expect("32 bytes");
    let vector: [u8; 16] = std::array::from_fn(|place| key[place]);
    let mut encrypted = blocks.to_vec();
    cbc::Encryptor::<Aes256>::new(&key.into(), &vector.into())
        .encrypt_padded::<NoPadding>(&mut encrypted, blocks.len())
        .expect("whole blocks");
    encrypted
}

/// The message in a buffer, if it is random bytes, a length, as many bytes of
/// message, the app id, and padding up to 32 bytes.
fn inside<'b>(buffer: &'b [u8], app_id: &[u8]) -> Option<&'b [u8]> {
    let length = u32::from_be_bytes(buffer.get(16..20)?.try_into().ok()?) as usize;
    let end = length.checked_add(20)?;
    let message = buffer.get(20..end)?;
    let padding = buffer[end..].strip_prefix(app_id)?;
    let expected = 32 - (end + app_id.len()) % 32;
    let is_padding =
        padding.len() == expected && padding.iter().all(|byte| usize::from(*byte) == expected);
    is_padding.then_some(message)
}
