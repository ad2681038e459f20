//! The key by which a client proves that a repeated request is its own.

use serde::Deserialize;
use shared::secret::Secret;
use shared::store::SecretHash;

/// A random text that the client makes for one request and its repeats: 22 to 128 letters,
/// digits, `-` or `_`, so that 128 bits fit in, whether as base64url, as hex or as a UUID.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[A-Za-z0-9_-]{22,128}$"))
)]
#[serde(try_from = "String")]
pub(crate) struct RetryKey(#[cfg_attr(test, schemars(with = "String"))] Secret);

impl TryFrom<String> for RetryKey {
    type Error = &'static str;

    fn try_from(key: String) -> Result<Self, Self::Error> {
        let is_valid = (22..=128).contains(&key.len())
            && key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
        let problem = "a retry key has 22 to 128 letters, digits, - or _, and is random";
        is_valid.then(|| Self(Secret::new(key))).ok_or(problem)
    }
}

impl RetryKey {
    /// All that is stored of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::digest(self.bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_key_has_limits_and_is_not_quoted() {
        let parse = |key: &str| serde_json::from_value::<RetryKey>(key.into());
        for good in ["a".repeat(22), "Az09_-".repeat(4), "a".repeat(128)] {
            assert!(parse(&good).is_ok(), "{good}");
        }
        for bad in ["", "hunter2", &"a".repeat(21), &"a".repeat(129), &"é".repeat(22)] {
            let problem = parse(bad).unwrap_err().to_string();
            assert!(problem.starts_with("a retry key has"), "{problem}");
        }
        for odd in [" ", ".", "+", "/", "=", "\n", "\0"] {
            assert!(parse(&format!("{}{odd}", "a".repeat(30))).is_err(), "{odd}");
        }
        assert_eq!(format!("{:?}", parse(&"a".repeat(22)).unwrap()), "RetryKey(Secret(…))");
    }
}
