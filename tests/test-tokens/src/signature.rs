//! The good token, and a signature that isn't its own.

use super::{Forger, Forgery, add, compact, encoded, sign};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let good = forger.good();
    let (message, text) = good.rsplit_once('.').expect("a token has dots");
    let (header, claims) = message.split_once('.').expect("a token has dots");
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("it was encoded just now");
    let with = |signature: &[u8]| compact(header, claims, signature);
    // Whichever bit of it is wrong.
    for at in (0..bytes.len()).step_by(9) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        add(all, format!("a wrong bit in byte {at} of the signature"), with(&wrong));
    }
    for length in [0, 1, 32, 64, 128, 254, 255] {
        add(all, format!("{length} bytes of the signature"), with(&bytes[..length]));
        add(all, format!("{length} bytes of its end"), with(&bytes[bytes.len() - length..]));
    }
    for more in [&[0][..], &[1], &[0; 16], &bytes] {
        let (before, after) = ([more, &bytes].concat(), [&bytes, more].concat());
        add(all, format!("{} bytes before the signature", more.len()), with(&before));
        add(all, format!("{} bytes after the signature", more.len()), with(&after));
    }
    let modulus = forger.ours.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let mut one = vec![0; 256];
    one[255] = 1;
    let reversed: Vec<_> = bytes.iter().rev().copied().collect();
    for (name, signature) in [
        ("zeros", vec![0; 256]),
        ("one", one),
        ("as large as can be", vec![0xFF; 256]),
        ("the modulus", modulus),
        ("backwards", reversed),
    ] {
        add(all, format!("a signature: {name}"), with(&signature));
    }
    let other = |text: &str| with(&sign(forger.ours, &RSA_PKCS1_SHA256, text));
    add(all, "a signature of the header only", other(header));
    add(all, "a signature of the claims only", other(claims));
    add(all, "a signature of nothing", other(""));
    add(all, "a signature with the last dot", other(&format!("{message}.")));
    add(all, "a signature of what isn't encoded", other(&forger.claims().to_string()));
    // Another user's claims under the same signature.
    for changes in [
        json!({ "sub": "ffffffffffffffffffffffffffffffff" }),
        json!({ "exp": forger.now + 800 }),
        json!({ "sid": "ffffffffffffffffffffffffffffffff" }),
    ] {
        let changed = encoded(forger.claims_with(&changes).to_string());
        add(all, format!("changed afterwards: {changes}"), format!("{header}.{changed}.{text}"));
    }
    // The same signature, spelled otherwise.
    let letters: Vec<char> = text.chars().collect();
    let last = letters[letters.len() - 1];
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap_or_default();
    // 256 bytes leave four bits of the last letter unused.
    for bits in 1..16 {
        let spelled = alphabet.as_bytes()[place ^ bits] as char;
        let stem = &text[..text.len() - 1];
        add(all, format!("bits left over: {bits}"), format!("{message}.{stem}{spelled}"));
    }
    for (name, spelled) in [
        ("in base64", STANDARD.encode(&bytes) + "+/"),
        ("padded", URL_SAFE.encode(&bytes)),
        ("half padded", format!("{text}=")),
        ("with a letter more", format!("{text}A")),
        ("with four letters more", format!("{text}AAAA")),
        ("with a line end", format!("{text}\n")),
        ("with a space", format!("{text} ")),
        ("after a space", format!(" {text}")),
        ("with a space inside", format!("{} {}", &text[..100], &text[100..])),
        ("with a line end inside", format!("{}\r\n{}", &text[..100], &text[100..])),
        ("with a zero byte", format!("{text}\0")),
        ("with an escaped letter", format!("{text}%41")),
        ("in hexadecimal", bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("twice", format!("{text}{text}")),
        ("encoded twice", encoded(text)),
    ] {
        add(all, format!("the signature {name}"), format!("{message}.{spelled}"));
    }
}
