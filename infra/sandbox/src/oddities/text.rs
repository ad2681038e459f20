//! Bytes that no valid text has. Until a message is written, reserved characters stand for
//! them.

/// Stands for half of a surrogate pair.
pub(crate) const HALF_SURROGATE: char = '\u{1fffe}';
/// Stands for a byte that is not UTF-8.
pub(crate) const INVALID_BYTE: char = '\u{1ffff}';
/// The first of the characters that stand for the 32 control characters, raw.
const FIRST_CONTROL: u32 = 0xfdd0;
/// The byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The character that stands for a raw control character; others stand for themselves.
pub(crate) fn raw(character: char) -> char {
    match u32::from(character) {
        control @ 0..0x20 => char::from_u32(FIRST_CONTROL + control).unwrap_or(character),
        _ => character,
    }
}

/// The bytes of a message. `half` is what half of a surrogate pair looks like in its format.
pub(crate) fn bytes(text: &str, half: &[u8], byte_order_mark: bool) -> Vec<u8> {
    let mut bytes = if byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
    for character in text.chars() {
        match character {
            HALF_SURROGATE => bytes.extend_from_slice(half),
            INVALID_BYTE => bytes.push(0xff),
            '\u{fdd0}'..='\u{fdef}' => {
                bytes.push(u8::try_from(u32::from(character) - FIRST_CONTROL).unwrap_or(b'?'));
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_become_invalid_bytes() {
        let text = format!("雁{}{}{HALF_SURROGATE}{INVALID_BYTE}", raw('\u{8}'), raw('a'));
        assert_eq!(bytes(&text, b"\\ud83d", false), b"\xe9\x9b\x81\x08a\\ud83d\xff");
        assert_eq!(bytes("{}", b"", true), b"\xef\xbb\xbf{}");
    }
}
