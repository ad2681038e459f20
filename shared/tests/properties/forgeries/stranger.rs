//! Attacks of a stranger who has seen genuine deliveries, but doesn't know the
//! token.

use super::ForgeryInput;
use super::account::{Account, Delivery, LETTERS, Take, aes_key};
use crate::random::SeededRandom;
use sha1::{Digest, Sha1};
use shared::clock::Timestamp;
use shared::wechat::callback::EncryptionMode;
use shared::wechat::crypto;
use shared::wechat::signature;

const HEX: &[u8] = b"0123456789abcdef";

/// The signature that this delivery is judged by.
fn judged_by(account: &Account, delivery: &Delivery) -> &'static str {
    match (&delivery.take, account.callback.mode) {
        (Take::Push(_), EncryptionMode::Safe | EncryptionMode::Compatible) => "msg_signature",
        _ => "signature",
    }
}

/// One of the three values that a delivery can't do without.
fn needed(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> &'static str {
    let names = ["timestamp", "nonce", judged_by(scene.account, scene.genuine)];
    names[random.below(names.len())]
}

/// The delivery with one of its values changed.
fn changed(delivery: &Delivery, name: &str, change: impl Fn(&str) -> String) -> Option<Delivery> {
    let value = delivery.get(name)?;
    let other = change(value);
    if other == value {
        return None;
    }
    let mut forgery = delivery.clone();
    forgery.set(name, &other);
    Some(forgery)
}

fn flipped(random: &mut SeededRandom, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = random.below(bytes.len());
    bytes[place] ^= 1 << random.below(8);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// SHA-1 continues from where a signature ends: what comes after the last part
/// and its padding can be chosen, without knowing the token in front.
pub(super) fn extended(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let signature = judged_by(scene.account, scene.genuine);
    let encrypt = scene.genuine.encrypt().filter(|_| signature == "msg_signature");
    let mut parts = vec![
        ("timestamp", scene.genuine.get("timestamp")?),
        ("nonce", scene.genuine.get("nonce")?),
        ("token", scene.account.token.as_str()),
    ];
    parts.extend(encrypt.map(|encrypt| ("Encrypt", encrypt)));
    parts.sort_unstable_by_key(|part| part.1);
    let (name, last) = *parts.last()?;
    if name == "token" {
        return None;
    }
    let mut hashed: Vec<u8> = parts.iter().flat_map(|part| part.1.bytes()).collect();
    let length = hashed.len();
    hashed.extend(padding(length));
    let suffix_length = 1 + random.below(50);
    let suffix = random.text(suffix_length, LETTERS);
    let claimed = hash_on(scene.genuine.get(signature)?, hashed.len(), suffix.as_bytes());
    hashed.extend(suffix.bytes());
    let true_one: String = Sha1::digest(&hashed).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(claimed, true_one, "this is no extension");

    let drawn_out = &hashed[length - last.len()..];
    let mut forgery = scene.genuine.clone();
    forgery.set(signature, &claimed);
    if name == "Encrypt" {
        let [before, _, after] = scene.genuine.around_encrypt()?;
        forgery.take = Take::Push([before.as_bytes(), drawn_out, after.as_bytes()].concat());
    } else {
        // Either as a lenient decoder has it, or a character for each byte.
        let text = match random.below(2) {
            0 => String::from_utf8_lossy(drawn_out).into_owned(),
            _ => drawn_out.iter().copied().map(char::from).collect(),
        };
        forgery.set(name, &text);
    }
    Some(forgery)
}

/// What SHA-1 appends to a text of this many bytes.
fn padding(length: usize) -> Vec<u8> {
    let zeros = (64 + 55 - length % 64) % 64;
    let bits = 8 * length as u64;
    [&[0x80][..], &vec![0; zeros], &bits.to_be_bytes()].concat()
}

/// The hash of `length` bytes that are not known but for their own hash, and of
/// `more` after them.
fn hash_on(hash: &str, length: usize, more: &[u8]) -> String {
    let mut state: [u32; 5] = std::array::from_fn(|place| {
        u32::from_str_radix(&hash[8 * place..8 * place + 8], 16).expect("eight hex digits")
    });
    let mut rest = more.to_vec();
    rest.extend(padding(length + more.len()));
    let blocks: Vec<[u8; 64]> =
        rest.chunks(64).map(|chunk| chunk.try_into().expect("whole blocks")).collect();
    sha1::block_api::compress(&mut state, &blocks);
    state.iter().map(|word| format!("{word:08x}")).collect()
}

pub(super) fn exchanged_signatures(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let signature = scene.genuine.get("signature")?;
    let msg_signature = scene.genuine.get("msg_signature")?;
    let mut forgery = scene.genuine.clone();
    match random.below(3) {
        0 => forgery.set("msg_signature", signature),
        1 => {
            forgery.set("signature", msg_signature);
            forgery.set("msg_signature", signature);
        }
        _ => {
            forgery.pairs.retain(|pair| pair.0 != "msg_signature");
            forgery.set("signature", msg_signature);
        }
    }
    Some(forgery)
}

pub(super) fn without_signature(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let name = judged_by(scene.account, scene.genuine);
    let mut forgery = scene.genuine.clone();
    match random.below(3) {
        0 => forgery.pairs.retain(|pair| pair.0 != name),
        1 => forgery.set(name, ""),
        _ => forgery.pairs.retain(|pair| !pair.0.ends_with("signature")),
    }
    Some(forgery)
}

pub(super) fn capitals(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let all = random.below(2) == 0;
    changed(scene.genuine, judged_by(scene.account, scene.genuine), |value| {
        if all {
            return value.to_ascii_uppercase();
        }
        let place = value.find(|c: char| c.is_ascii_lowercase()).unwrap_or_default();
        let mut value = value.to_owned();
        value[place..=place].make_ascii_uppercase();
        value
    })
}

pub(super) fn other_length(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let place = random.below(40);
    let more = 1 + random.below(40);
    let extra = random.text(more, HEX);
    let drawn_out = random.below(2) == 0;
    changed(scene.genuine, judged_by(scene.account, scene.genuine), |value| {
        if drawn_out { format!("{value}{extra}") } else { value[..place].to_owned() }
    })
}

pub(super) fn guessed(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let guess = random.text(40, HEX);
    changed(scene.genuine, judged_by(scene.account, scene.genuine), |_| guess.clone())
}

pub(super) fn twice(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let name = needed(random, scene);
    let value = match random.below(3) {
        0 => scene.genuine.get(name)?,
        1 => scene.beside.get(name)?,
        _ => "",
    };
    let mut forgery = scene.genuine.clone();
    let place = random.below(forgery.pairs.len() + 1);
    forgery.pairs.insert(place, (name.to_owned(), value.to_owned()));
    Some(forgery)
}

pub(super) fn renamed(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let name = needed(random, scene);
    let other = match random.below(6) {
        0 => name.to_ascii_uppercase(),
        1 => format!("{name} "),
        2 => format!("{name}[]"),
        3 => format!("\u{feff}{name}"),
        4 => format!("%{:02x}{}", name.as_bytes()[0], &name[1..]),
        _ => format!("amp;{name}"),
    };
    let mut forgery = scene.genuine.clone();
    forgery.pairs.iter_mut().find(|pair| pair.0 == name)?.0 = other;
    Some(forgery)
}

pub(super) fn encoded(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let name = needed(random, scene);
    let every = 1 + random.below(5);
    changed(scene.genuine, name, |value| {
        let encode = |(place, c): (usize, char)| {
            if place % every == 0 { format!("%{:02x}", u32::from(c)) } else { c.to_string() }
        };
        value.chars().enumerate().map(encode).collect()
    })
}

pub(super) fn spaced(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let name = needed(random, scene);
    let space =
        *random.pick(&[" ", "\t", "\r\n", "+", "\0", "\u{a0}", "\u{200b}", "\u{feff}", ",", "#"]);
    let at_end = random.below(2) == 0;
    changed(scene.genuine, name, |value| {
        if at_end { format!("{value}{space}") } else { format!("{space}{value}") }
    })
}

pub(super) fn other_digits(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let name = *random.pick(&["timestamp", "nonce"]);
    let zero = *random.pick(&['\u{ff10}', '\u{660}', '\u{966}', '\u{1d7ce}']);
    let place = random.below(10);
    changed(scene.genuine, name, |value| {
        let other = |(at, c): (usize, char)| match c.to_digit(10).filter(|_| at == place) {
            Some(digit) => char::from_u32(u32::from(zero) + digit).expect("ten in a row"),
            None => c,
        };
        value.chars().enumerate().map(other).collect()
    })
}

pub(super) fn flipped_query(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let name = *random.pick(&["timestamp", "nonce"]);
    let value = flipped(random, scene.genuine.get(name)?);
    changed(scene.genuine, name, |_| value.clone())
}

pub(super) fn flipped_signature(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let name = judged_by(scene.account, scene.genuine);
    let value = flipped(random, scene.genuine.get(name)?);
    changed(scene.genuine, name, |_| value.clone())
}

pub(super) fn foreign(_: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    // With one token for two apps a URL verification is valid at either.
    let is_greeting = matches!(scene.foreign.take, Take::UrlVerification);
    let same_token = scene.account.token == scene.stranger.token;
    (!is_greeting || !same_token).then(|| scene.foreign.clone())
}

/// Tokens from tutorials, and the key of all zeros.
pub(super) fn usual_tokens(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let token =
        *random.pick(&["", "token", "weixin", "wechat", "123456", "mytoken", "TOKEN", "test"]);
    let key = aes_key(&"A".repeat(43));
    let message = scene.account.message(random);
    let sealed =
        crypto::encrypt(&key, &scene.account.callback.app_id, random.bytes(), message.as_bytes());
    let now = scene.genuine.now;
    let (timestamp, nonce) = (now.to_string(), random.next().to_string());
    let body = scene.account.body(&sealed).into_bytes();
    let mut forgery = Delivery::new(Take::Push(body), Some(&sealed), now);
    forgery.add("signature", &signature::sign(&[token, &timestamp, &nonce]));
    forgery.add("msg_signature", &signature::sign(&[token, &timestamp, &nonce, &sealed]));
    forgery.add("timestamp", &timestamp);
    forgery.add("nonce", &nonce);
    forgery.add("encrypt_type", "aes");
    Some(forgery)
}

pub(super) fn late(random: &mut SeededRandom, scene: &ForgeryInput<'_>) -> Option<Delivery> {
    let timestamp: u64 = scene.genuine.get("timestamp")?.parse().ok()?;
    let away = scene.account.callback.window + 1 + random.below(1_000_000) as u64;
    let now = if random.below(2) == 0 { timestamp + away } else { timestamp - away };
    Some(Delivery { now: Timestamp(now), ..scene.genuine.clone() })
}

pub(super) fn url_verification(
    random: &mut SeededRandom,
    scene: &ForgeryInput<'_>,
) -> Option<Delivery> {
    let mut forgery = scene.genuine.clone();
    if let Take::UrlVerification = scene.genuine.take {
        // In plaintext mode a URL verification can't be distinguished from a push.
        if scene.account.callback.mode == EncryptionMode::Plaintext {
            return None;
        }
        let message = match random.below(2) {
            0 => scene.account.message(random),
            _ => scene.account.body(scene.beside.encrypt()?),
        };
        forgery.take = Take::Push(message.into_bytes());
    } else {
        // What is given back isn't signed, but it can't be a page.
        forgery.take = Take::UrlVerification;
        let echo = *random.pick(&["", "<script>", "a b", "<img src=x>", "1%0d%0a", "\u{4f60}"]);
        if random.below(2) == 0 {
            forgery.add("echostr", echo);
        }
    }
    Some(forgery)
}
