//! What is refused even if it is signed with the right token: what is inside of
//! an envelope is checked for itself.

use super::ForgeryInput;
use super::account::{Account, Delivery, LETTERS, aes_key};
use crate::decrypt::encrypt_blocks;
use crate::random::SeededRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::wechat::callback::EncryptionMode;
use shared::wechat::crypto;

/// A push that is signed as WeChat would, with any text as its ciphertext.
fn signed(random: &mut SeededRandom, scene: &ForgeryInput<'_>, encrypt: &str) -> Option<Delivery> {
    if scene.account.callback.mode == EncryptionMode::Plaintext {
        return None;
    }
    let now = scene.genuine.now;
    let nonce = (random.next() % 10_000_000_000).to_string();
    let body = scene.account.body(encrypt).into_bytes();
    Some(scene.account.signed(&now.to_string(), &nonce, Some(encrypt), body, now))
}

/// The same with these bytes inside of the envelope.
fn around(random: &mut SeededRandom, scene: &ForgeryInput<'_>, buffer: &[u8]) -> Option<Delivery> {
    let sealed = STANDARD.encode(encrypt_blocks(&scene.account.key_text, buffer));
    signed(random, scene, &sealed)
}

/// Random bytes, a length, a message and an app id, not yet padded.
fn inside(
    random: &mut SeededRandom,
    account: &Account,
    length: Option<u32>,
    app_id: &[u8],
) -> Vec<u8> {
    let message = account.message(random);
    let length = length.unwrap_or(message.len() as u32);
    let random: [u8; 16] = random.bytes();
    [&random, &length.to_be_bytes()[..], message.as_bytes(), app_id].concat()
}

fn pad(mut buffer: Vec<u8>, to: usize) -> Vec<u8> {
    let count = to - buffer.len() % to;
    buffer.resize(buffer.len() + count, count as u8);
    buffer
}

pub(super) fn padding(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let app_id = scene.account.callback.app_id.as_str().as_bytes();
    let mut buffer = inside(random, scene.account, None, app_id);
    let count = 32 - buffer.len() % 32;
    let end = buffer.len();
    buffer.resize(end + count, count as u8);
    match random.below(3) {
        0 => {
            let one_off = [count - 1, count + 1];
            let wrong = *random.pick(&[0, 15, 16, 17, 31, 33, 255, one_off[0], one_off[1]]);
            if wrong == count {
                return None;
            }
            buffer[end..].fill(wrong as u8);
        }
        1 => {
            // All but the last byte count, too.
            if count == 1 {
                return None;
            }
            let place = end + random.below(count - 1);
            buffer[place] ^= 1 << random.below(8);
        }
        _ => {
            // A block more than there may be.
            let count = count + 32;
            buffer.truncate(end);
            buffer.resize(end + count, count as u8);
        }
    }
    around(random, scene, &buffer)
}

pub(super) fn block_length(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let app_id = scene.account.callback.app_id.as_str().as_bytes();
    let buffer = pad(inside(random, scene.account, None, app_id), 16);
    if random.below(2) == 0 {
        // What another library's padding makes.
        return (buffer.len() % 32 == 16).then(|| around(random, scene, &buffer))?;
    }
    let mut sealed = encrypt_blocks(&scene.account.key_text, &pad(buffer, 32));
    let count = 1 + random.below(31);
    if random.below(2) == 0 {
        sealed.truncate(sealed.len() - count);
    } else {
        sealed.extend_from_slice(&vec![0; count]);
    }
    signed(random, scene, &STANDARD.encode(sealed))
}

pub(super) fn app_id(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let app_id = scene.account.callback.app_id.as_str();
    let other = match random.below(7) {
        0 => scene.stranger.callback.app_id.as_str().to_owned(),
        1 => String::new(),
        2 => app_id[..random.below(app_id.len())].to_owned(),
        3 => format!("{app_id}{}", random.text(1, LETTERS)),
        4 => app_id.to_ascii_uppercase(),
        5 => format!("{app_id}\0"),
        _ => format!("{app_id}{app_id}"),
    };
    let buffer = pad(inside(random, scene.account, None, other.as_bytes()), 32);
    around(random, scene, &buffer)
}

pub(super) fn length(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let app_id = scene.account.callback.app_id.as_str().as_bytes();
    let mut buffer = inside(random, scene.account, None, app_id);
    let right = buffer[16..20].try_into().map(u32::from_be_bytes).ok()?;
    let near = 1 + random.below(40) as u32;
    let wrong = *random.pick(&[
        0,
        right - near,
        right + near,
        right << 8,
        right.swap_bytes(),
        u32::MAX,
        1 << 31,
    ]);
    buffer[16..20].copy_from_slice(&wrong.to_be_bytes());
    around(random, scene, &pad(buffer, 32))
}

pub(super) fn key(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let other = match random.below(3) {
        0 => "A".repeat(43),
        1 => scene.stranger.key_text.clone(),
        _ => {
            // One letter of the right one is another.
            let place = random.below(42);
            let mut key = scene.account.key_text.clone();
            key.replace_range(place..=place, &random.text(1, LETTERS));
            key
        }
    };
    if other == scene.account.key_text {
        return None;
    }
    let key = aes_key(&other);
    let message = scene.account.message(random);
    let app_id = &scene.account.callback.app_id;
    let sealed = crypto::encrypt(&key, app_id, random.bytes(), message.as_bytes());
    signed(random, scene, &sealed)
}

pub(super) fn foreign_seal(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let message = scene.account.message(random);
    let app_id = &scene.stranger.callback.app_id;
    let sealed = crypto::encrypt(&scene.account.key, app_id, random.bytes(), message.as_bytes());
    signed(random, scene, &sealed)
}

/// One ciphertext must have one spelling.
pub(super) fn base64(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let genuine = scene.genuine.encrypt()?;
    let letters = genuine.trim_end_matches('=');
    let other = match random.below(6) {
        0 => letters.to_owned(),
        1 => format!("{genuine}="),
        2 => format!("{letters}===="),
        3 => genuine.replacen('+', "-", 1).replacen('/', "_", 1),
        4 => {
            // The bits of the last letter that stand for nothing.
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let last = letters.bytes().last()?;
            let value = alphabet.iter().position(|letter| *letter == last)?;
            if letters.len() == genuine.len() {
                return None;
            }
            let spelt = char::from(alphabet[value + 1]);
            format!("{}{spelt}{}", &letters[..letters.len() - 1], &genuine[letters.len()..])
        }
        _ => {
            let place = random.below(genuine.len() - 1) + 1;
            format!("{}\n{}", &genuine[..place], &genuine[place..])
        }
    };
    (other != genuine).then(|| signed(random, scene, &other))?
}

pub(super) fn empty(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let whole =
        inside(random, scene.account, None, scene.account.callback.app_id.as_str().as_bytes());
    if random.below(4) == 0 {
        let nothing = *random.pick(&["", "=", "====", "AAAA"]);
        return signed(random, scene, nothing);
    }
    let buffer = pad(whole[..random.below(21)].to_vec(), 32);
    around(random, scene, &buffer)
}
