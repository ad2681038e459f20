//! What can be done to a body, whose ciphertext is signed and the rest isn't.

use super::ForgeryInput;
use super::account::{Delivery, LETTERS, Take};
use crate::random::SeededRandom;
use shared::wechat::callback::EncryptionMode;

pub(super) fn flipped_encrypt(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let [before, encrypt, after] = scene.genuine.around_encrypt()?;
    let mut body = [before, encrypt, after].concat().into_bytes();
    body[before.len() + random.below(encrypt.len())] ^= 1 << random.below(8);
    Some(Delivery { take: Take::Push(body), ..scene.genuine.clone() })
}

pub(super) fn cut_encrypt(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let encrypt = scene.genuine.encrypt()?;
    let count = *random.pick(&[1, 2, 4, 16, 44, 64, 128]);
    let end = encrypt.len().saturating_sub(count);
    let other = match random.below(6) {
        0 => encrypt[..end].to_owned(),
        1 => encrypt[encrypt.len() - end..].to_owned(),
        2 => format!("{encrypt}{}", random.text(count, LETTERS)),
        3 => format!("{encrypt}{}", "=".repeat(1 + count % 4)),
        4 => format!("{}{encrypt}", random.text(count, LETTERS)),
        _ => format!("{encrypt}{encrypt}"),
    };
    scene.genuine.with_encrypt(&other)
}

pub(super) fn other_alphabet(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let encrypt = scene.genuine.encrypt()?;
    let (from, to) = *random.pick(&[
        ("+", "-"),
        ("/", "_"),
        ("=", ""),
        ("=", "%3D"),
        ("+", " "),
        ("/", "\\/"),
        ("+", "%2B"),
        ("/", "&#47;"),
        ("=", "\\u003d"),
    ]);
    let other = encrypt.replacen(from, to, 1 + random.below(4));
    scene.genuine.with_encrypt(&other)
}

pub(super) fn mixed(_: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    scene.genuine.with_encrypt(scene.beside.encrypt()?)
}

pub(super) fn two_encrypts(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let body = scene.genuine.body()?;
    scene.genuine.encrypt()?;
    let other = match random.below(2) {
        0 => scene.genuine.encrypt()?,
        _ => scene.beside.encrypt()?,
    };
    let at_front = random.below(2) == 0;
    let body = match (scene.account.is_json, at_front) {
        (true, true) => body.replacen('{', &format!("{{\"Encrypt\":\"{other}\","), 1),
        (true, false) => format!("{},\"Encrypt\":\"{other}\"}}", body.strip_suffix('}')?),
        (false, true) => body.replacen("<xml>", &format!("<xml><Encrypt>{other}</Encrypt>"), 1),
        (false, false) => {
            format!("{}<Encrypt>{other}</Encrypt></xml>", body.strip_suffix("</xml>")?)
        }
    };
    Some(scene.genuine.with_body(body, scene.genuine.encrypt()))
}

pub(super) fn hidden_encrypt(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let encrypt = scene.genuine.encrypt()?;
    let body = match random.below(6) {
        0 => format!("<xml><A><Encrypt>{encrypt}</Encrypt></A></xml>"),
        1 => format!("<xml><Content><![CDATA[<Encrypt>{encrypt}</Encrypt>]]></Content></xml>"),
        2 => format!("<xml><encrypt>{encrypt}</encrypt></xml>"),
        3 => format!(r#"{{"A":{{"Encrypt":"{encrypt}"}}}}"#),
        4 => format!(r#"{{"A":"\"Encrypt\":\"{encrypt}\""}}"#),
        _ => format!(r#"[{{"Encrypt":"{encrypt}"}}]"#),
    };
    Some(scene.genuine.with_body(body, Some(encrypt)))
}

pub(super) fn broken_body(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let encrypt = scene.genuine.encrypt()?;
    let body = scene.genuine.body()?;
    let body = match random.below(6) {
        0 => format!("{body}x"),
        1 => format!("{body}{body}"),
        2 => format!("<!DOCTYPE xml>{body}"),
        3 => body[..random.below(body.len())].to_owned(),
        4 => format!("<a>{body}</a>"),
        _ => format!("{body}<!-- -->"),
    };
    Some(scene.genuine.with_body(body, Some(encrypt)))
}

/// A signature of three parts says nothing about the body.
pub(super) fn downgraded(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    if scene.account.callback.mode == EncryptionMode::Plaintext {
        return None;
    }
    let mut forgery = scene.genuine.with_body(scene.account.message(random), None);
    match random.below(3) {
        0 => forgery.pairs.retain(|pair| pair.0 != "msg_signature" && pair.0 != "encrypt_type"),
        1 => forgery.set("encrypt_type", "raw"),
        _ => {
            let signature = forgery.get("signature")?.to_owned();
            forgery.set("msg_signature", &signature);
        }
    }
    Some(forgery)
}
