//! The signature of WeChat's requests and of encrypted replies.
//!
//! Source: WeChat's documentation, ["消息推送"] (message push) and "消息加解密" (message
//! encryption).
//!
//! ["消息推送"]: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// Signs `parts`: SHA-1, in lower-case hex, of the parts sorted as bytes and
/// joined with nothing between them.
///
/// Plaintext mode and the URL verification sign (token, timestamp, nonce); safe mode adds
/// the ciphertext as a fourth part.
///
/// Nothing separates the parts, so bytes may move from one to its neighbour without
/// changing the signature: before verifying, the caller must check the grammar of each
/// part.
pub fn sign(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut sha = Sha1::new();
    for part in sorted {
        sha.update(part.as_bytes());
    }
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    sha.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether `signature` is that of `parts`. Takes constant time.
pub fn verify(signature: &str, parts: &[&str]) -> bool {
    sign(parts).as_bytes().ct_eq(signature.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From WeChat's documentation: a URL verification and a plaintext push.
    #[test]
    fn published_plaintext_vectors() {
        assert_eq!(
            sign(&["AAAAA", "1714036504", "1514711492"]),
            "f464b24fc39322e44b38aa78f5edd27bd1441696"
        );
        assert_eq!(
            sign(&["AAAAA", "1714037059", "486452656"]),
            "899cf89e464efb63f54ddac96b0a0a235f53aa78"
        );
    }

    /// From the tests of wechatpy: four parts, the last one a ciphertext.
    #[test]
    fn published_four_part_vector() {
        let encrypt = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==";
        assert_eq!(
            sign(&["123456", "1411443780", "437374425", encrypt]),
            "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96"
        );
    }

    #[test]
    fn signature_must_match_in_every_character() {
        let parts = ["AAAAA", "1714036504", "1514711492"];
        let good = sign(&parts);
        assert!(verify(&good, &parts));
        assert!(!verify(&good[..39], &parts));
        assert!(!verify(&good.to_uppercase(), &parts));
        assert!(!verify(&good, &["AAAAB", "1714036504", "1514711492"]));
    }
}
