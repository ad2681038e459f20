//! Random identifiers in WeChat's formats.

use crate::clock;

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Random bytes from the operating system.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness identifiers must still differ. The time is enough: the sandbox
    // protects nothing.
    if getrandom::fill(&mut bytes).is_err() {
        for (byte, seed) in
            bytes.iter_mut().zip(clock::wall().as_nanos().to_le_bytes().iter().cycle())
        {
            *byte = *seed;
        }
    }
    bytes
}

/// Random letters, digits, `-` and `_`.
pub(crate) fn text(length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in bytes::<32>() {
            if text.len() < length {
                text.push(char::from(URL_SAFE[usize::from(byte % 64)]));
            }
        }
    }
    text
}

/// Eight random hex digits.
pub(crate) fn hex8() -> String {
    format!("{:08x}", u32::from_le_bytes(bytes()))
}

/// An openid or a unionid: `o` and 27 more characters.
pub(crate) fn open_id() -> String {
    format!("o{}", text(27))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_length_and_differ() {
        assert_eq!(text(43).len(), 43);
        assert_eq!(open_id().len(), 28);
        assert_ne!(open_id(), open_id());
        assert_eq!(hex8().len(), 8);
    }
}
