//! The MD5 sums that SQS answers with, for clients to check what arrived.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::message::Attribute;

/// The sum of a message's body.
pub(super) fn body(body: &str) -> String {
    hex(Md5::new_with_prefix(body))
}

/// The sum of a message's attributes, in the order of their names (SQS
/// Developer Guide, "Calculating the MD5 message digest for message attributes").
pub(super) fn attributes(attributes: &BTreeMap<String, Attribute>) -> String {
    let mut sum = Md5::new();
    for (name, attribute) in attributes {
        add(&mut sum, name.as_bytes());
        add(&mut sum, attribute.data_type.as_bytes());
        match (&attribute.string_value, &attribute.binary_value) {
            (Some(text), _) => {
                sum.update([1]);
                add(&mut sum, text.as_bytes());
            }
            (None, bytes) => {
                sum.update([2]);
                let bytes = bytes.as_deref().and_then(|bytes| STANDARD.decode(bytes).ok());
                add(&mut sum, &bytes.unwrap_or_default());
            }
        }
    }
    hex(sum)
}

/// Each part goes in with its length before it, four bytes, big-endian.
fn add(sum: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    sum.update(length.to_be_bytes());
    sum.update(part);
}

fn hex(sum: Md5) -> String {
    sum.finalize().iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_sum_that_rfc_1321_gives() {
        assert_eq!(body(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(body("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }

    #[test]
    fn attributes_have_the_sum_of_their_parts_with_lengths() {
        let text = |kind: &str, text: &str| Attribute {
            data_type: kind.to_owned(),
            string_value: Some(text.to_owned()),
            binary_value: None,
        };
        let bytes = Attribute {
            data_type: "Binary".to_owned(),
            string_value: None,
            binary_value: Some("AAH/".to_owned()),
        };
        let given =
            BTreeMap::from([("who".to_owned(), text("String", "ann")), ("data".to_owned(), bytes)]);
        let encoded = b"\0\0\0\x04data\0\0\0\x06Binary\x02\0\0\0\x03\0\x01\xff\
                        \0\0\0\x03who\0\0\0\x06String\x01\0\0\0\x03ann";
        assert_eq!(attributes(&given), hex(Md5::new_with_prefix(encoded)));
    }
}
