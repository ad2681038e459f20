//! Texts of JSON that were cut in the middle of a character.

/// The text of bytes in which `serde_json` has written half a surrogate pair as three bytes.
/// Each half becomes one replacement character.
pub(crate) fn whole_characters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // The first byte of a half begins its own chunk, and the other two are chunks, too.
        if chunk.invalid().first() == Some(&0xed) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}
