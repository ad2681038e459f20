//! How the pushes of one app are verified and opened.

use crate::secret::Secret;
use crate::wechat::crypto::EncodingAesKey;
use serde::{Deserialize, Deserializer};

/// What stands in `/callback/{app}`: what WeChat's console shows under 服务器配置
/// (server configuration), for the present and, during a rotation, the past.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackSettings {
    /// 明文 plaintext, 兼容 compatible, or 安全 safe. What a request claims to
    /// be is never believed.
    pub mode: Mode,
    #[serde(deserialize_with = "token")]
    token: Secret,
    #[serde(default, deserialize_with = "optional_key")]
    encoding_aes_key: Option<EncodingAesKey>,
    #[serde(default, deserialize_with = "optional_token")]
    previous_token: Option<Secret>,
    #[serde(default, deserialize_with = "optional_key")]
    previous_encoding_aes_key: Option<EncodingAesKey>,
}

/// WeChat's three modes of pushing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Bodies are in clear, and the signature doesn't cover them.
    Plaintext,
    /// Bodies come both in clear and encrypted; only the latter are read.
    Compatible,
    /// Bodies are encrypted and signed.
    Safe,
}

/// The keys that may have been used on a push.
#[derive(Debug)]
pub struct CallbackKeys<'a> {
    /// The tokens to try, the present one first.
    pub tokens: Vec<&'a Secret>,
    /// The keys to try, the present one first.
    pub aes_keys: Vec<&'a EncodingAesKey>,
}

impl CallbackSettings {
    /// Present and previous keys.
    pub fn keys(&self) -> CallbackKeys<'_> {
        CallbackKeys {
            tokens: [Some(&self.token), self.previous_token.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            aes_keys: [&self.encoding_aes_key, &self.previous_encoding_aes_key]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// What keeps these settings from working, if anything does.
    pub fn problem(&self) -> Option<&'static str> {
        (self.mode != Mode::Plaintext && self.encoding_aes_key.is_none())
            .then_some("its mode needs an encoding_aes_key")
    }
}

/// WeChat's console takes 3 to 32 letters and digits.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let token = Secret::deserialize(deserializer)?;
    let text = token.expose();
    if !(3..=32).contains(&text.len()) || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(serde::de::Error::custom("a token has 3 to 32 letters and digits"));
    }
    Ok(token)
}

fn optional_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    token(deserializer).map(Some)
}

fn optional_key<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EncodingAesKey>, D::Error> {
    let text = Secret::deserialize(deserializer)?;
    EncodingAesKey::parse(text.expose()).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<CallbackSettings, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_rotation_has_two_of_each() {
        let key = "A".repeat(43);
        let settings = settings(&format!(
            r#"{{"mode":"safe","token":"new","encoding_aes_key":"{key}","previous_token":"old","previous_encoding_aes_key":"{key}"}}"#
        ))
        .unwrap();
        let keys = settings.keys();
        assert_eq!(
            keys.tokens.iter().map(|token| token.expose()).collect::<Vec<_>>(),
            ["new", "old"]
        );
        assert_eq!(keys.aes_keys.len(), 2);
        assert_eq!(settings.problem(), None);
    }

    #[test]
    fn weak_or_misspelled_settings_are_refused() {
        assert!(settings(r#"{"mode":"plaintext","token":""}"#).is_err());
        assert!(settings(r#"{"mode":"plaintext","token":"ab"}"#).is_err());
        assert!(
            settings(r#"{"mode":"plaintext","token":"abc","encoding_aes_key":"short"}"#).is_err()
        );
        assert!(settings(r#"{"mode":"plaintext","token":"abc","aes_key":"x"}"#).is_err());
        assert!(settings(r#"{"mode":"safe","token":"abc"}"#).unwrap().problem().is_some());
    }
}
