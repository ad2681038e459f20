//! Nothing stands between the parts that a signature is over. What was signed
//! can be cut elsewhere, and the signature still holds.

use super::ForgeryInput;
use super::account::{Account, Delivery, LETTERS};
use crate::random::SeededRandom;
use shared::wechat::callback::EncryptionMode;
use shared::wechat::crypto;

const SIGNED: [&str; 2] = ["timestamp", "nonce"];

/// The signed parts in the order in which they were hashed, without the token:
/// those before it and those after it.
fn runs(account: &Account, delivery: &Delivery) -> Option<[String; 2]> {
    let mut parts: Vec<&str> = SIGNED.iter().filter_map(|name| delivery.get(name)).collect();
    parts.extend(delivery.encrypt().filter(|_| delivery.get("msg_signature").is_some()));
    let token = account.token.as_str();
    let before: Vec<_> = parts.iter().copied().filter(|part| *part < token).collect();
    let after: Vec<_> = parts.iter().copied().filter(|part| *part >= token).collect();
    let sorted = |mut run: Vec<&str>| {
        run.sort_unstable();
        run.concat()
    };
    Some([sorted(before), sorted(after)])
}

/// Puts other values in the places of those that were signed, if that changes
/// something and the signature holds.
fn with(
    account: &Account,
    genuine: &Delivery,
    timestamp: &str,
    nonce: &str,
    encrypt: Option<&str>,
) -> Option<Delivery> {
    let mut forgery = match encrypt {
        Some(encrypt) => genuine.with_encrypt(encrypt)?,
        None => genuine.clone(),
    };
    forgery.set("timestamp", timestamp);
    forgery.set("nonce", nonce);
    let same = SIGNED.iter().all(|name| forgery.get(name) == genuine.get(name))
        && forgery.encrypt() == genuine.encrypt();
    (!same && account.holds(&forgery)).then_some(forgery)
}

/// A place in a text where it can be cut.
fn cut(random: &mut SeededRandom, text: &str) -> usize {
    random.below(text.len() + 1)
}

/// All that can be done: each run is cut at other places, and the pieces are
/// handed out in any order.
pub(super) fn anywhere(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let is_push = scene.genuine.encrypt().is_some() && scene.genuine.get("msg_signature").is_some();
    let wanted = if is_push { 3 } else { 2 };
    let [before, after] = runs(scene.account, scene.genuine)?;
    let in_before = match (before.is_empty(), after.is_empty()) {
        (true, _) => 0,
        (_, true) => wanted,
        _ => 1 + random.below(wanted - 1),
    };
    let mut pieces = Vec::new();
    for (run, count) in [(before.as_str(), in_before), (after.as_str(), wanted - in_before)] {
        let mut rest = run;
        for left in (0..count).rev() {
            // Near an end a cut makes short pieces, which are more like a nonce.
            let place = match (left, random.below(3)) {
                (0, _) => rest.len(),
                (_, 0) => cut(random, rest),
                (_, 1) => random.below(43).min(rest.len()),
                _ => rest.len() - random.below(43).min(rest.len()),
            };
            pieces.push(&rest[..place]);
            rest = &rest[place..];
        }
    }
    for place in (1..pieces.len()).rev() {
        pieces.swap(place, random.below(place + 1));
    }
    with(scene.account, scene.genuine, pieces[0], pieces[1], pieces.get(2).copied())
}

/// The two numbers stand side by side as often as not.
pub(super) fn digits(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let timestamp = scene.genuine.get("timestamp")?;
    let nonce = scene.genuine.get("nonce")?;
    let both = if timestamp < nonce { [timestamp, nonce] } else { [nonce, timestamp] }.concat();
    let place = cut(random, &both);
    let (one, other) = both.split_at(place);
    let (timestamp, nonce) = if random.below(2) == 0 { (one, other) } else { (other, one) };
    with(scene.account, scene.genuine, timestamp, nonce, None)
}

/// Which of the two is which isn't signed, either.
pub(super) fn swapped(_: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let (timestamp, nonce) = (scene.genuine.get("timestamp")?, scene.genuine.get("nonce")?);
    with(scene.account, scene.genuine, nonce, timestamp, None)
}

/// What is cut off the front of a ciphertext in whole blocks leaves one that
/// still decrypts, but for its first block. 96 bytes are 128 characters.
///
/// The forger is a user, too: what is left has a length, a message and the app
/// id where they belong, if a message was written to that end.
pub(super) fn blocks(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let account = scene.account;
    if account.callback.mode == EncryptionMode::Plaintext {
        return None;
    }
    let cut_off = 96 * (1 + random.below(2));
    let before = random.text(cut_off - 4, LETTERS);
    let length = 1 + random.below(127);
    let message =
        format!("{before}\0\0\0{}{}", char::from(length as u8), random.text(length, LETTERS));
    let app_id = &account.callback.app_id;
    let encrypt = crypto::encrypt(&account.key, app_id, random.bytes(), message.as_bytes());
    let (timestamp, nonce) = (scene.genuine.get("timestamp")?, scene.genuine.get("nonce")?);
    let body = account.body(&encrypt).into_bytes();
    let genuine = account.signed(timestamp, nonce, Some(&encrypt), body, scene.genuine.now);

    let (cut_off, rest) = encrypt.split_at(cut_off / 3 * 4);
    assert!(crypto::decrypt(&account.key, app_id, rest).is_ok(), "what is left is no envelope");
    let [nonce_on, timestamp_on] = [nonce, timestamp].map(|part| format!("{part}{cut_off}"));
    [(timestamp, nonce_on.as_str()), (&timestamp_on, nonce), (nonce, &timestamp_on)]
        .into_iter()
        .find_map(|(timestamp, nonce)| with(account, &genuine, timestamp, nonce, Some(rest)))
}

/// `signature` covers no ciphertext, so one could be cut out of what it covers.
pub(super) fn out_of_nothing(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    scene.genuine.get("msg_signature")?;
    let (timestamp, nonce) = (scene.genuine.get("timestamp")?, scene.genuine.get("nonce")?);
    let both = if timestamp < nonce { [timestamp, nonce] } else { [nonce, timestamp] }.concat();
    let mut places = [cut(random, &both), cut(random, &both)];
    places.sort_unstable();
    let pieces = [&both[..places[0]], &both[places[0]..places[1]], &both[places[1]..]];
    let turn = random.below(3);
    let piece = |place: usize| pieces[(place + turn) % 3];
    let mut forgery = scene.genuine.with_encrypt(piece(2))?;
    forgery.set("msg_signature", scene.genuine.get("signature")?);
    forgery.set("timestamp", piece(0));
    forgery.set("nonce", piece(1));
    Some(forgery)
}
