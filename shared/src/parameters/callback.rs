//! The parameter `/callback/{app}`.

use super::WHITE_SPACE_AROUND;
use crate::secret::Secret;
use crate::url_key;
use crate::wechat::callback::{Callback, DEFAULT_WINDOW, EncryptionMode};
use crate::wechat::crypto::EncodingAesKey;
use crate::wechat::id::AppId;
use serde::{Deserialize, Deserializer};

/// The values that WeChat's console shows under 服务器配置 (server configuration): the current
/// ones and, during a rotation, the previous ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredCallback {
    mode: EncryptionMode,
    #[serde(deserialize_with = "token")]
    token: Secret,
    #[serde(default, deserialize_with = "optional_key")]
    encoding_aes_key: Option<EncodingAesKey>,
    #[serde(default, deserialize_with = "optional_token")]
    previous_token: Option<Secret>,
    #[serde(default, deserialize_with = "optional_key")]
    previous_encoding_aes_key: Option<EncodingAesKey>,
    /// In seconds. 0 accepts a request of any time.
    #[serde(default = "window")]
    timestamp_window: u64,
    /// Of the key in the URL.
    #[serde(default = "first_version")]
    url_version: u32,
    #[serde(default)]
    previous_url_version: Option<u32>,
}

/// What `/callback/{app}` says of an app's requests.
#[derive(Clone, Debug)]
pub struct CallbackParameter {
    /// How they are verified and decrypted.
    pub callback: Callback,
    /// The version of the URL's current key.
    pub url_version: u32,
    /// The oldest version of the URL's key that is accepted. A newer one than the current one
    /// is, too: only the operator's tool can make it, and it may know more than this.
    pub oldest_url_version: u32,
}

impl StoredCallback {
    /// Why it is invalid, if it is.
    pub(super) fn into_parameter(self, app_id: AppId) -> Result<CallbackParameter, String> {
        if self.mode != EncryptionMode::Plaintext && self.encoding_aes_key.is_none() {
            return Err("its mode needs an encoding_aes_key".to_owned());
        }
        let callback = Callback {
            app_id,
            mode: self.mode,
            tokens: [Some(self.token), self.previous_token].into_iter().flatten().collect(),
            aes_keys: [self.encoding_aes_key, self.previous_encoding_aes_key]
                .into_iter()
                .flatten()
                .collect(),
            window: self.timestamp_window,
        };
        Ok(CallbackParameter {
            callback,
            url_version: self.url_version,
            oldest_url_version: self.previous_url_version.unwrap_or(self.url_version),
        })
    }
}

fn window() -> u64 {
    DEFAULT_WINDOW
}

fn first_version() -> u32 {
    url_key::FIRST_VERSION
}

/// WeChat's console accepts 3 to 32 letters and digits.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let token = Secret::deserialize(deserializer)?;
    let text = token.expose();
    refuse_padded(text, "a token")?;
    if !(3..=32).contains(&text.len()) || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(serde::de::Error::custom("a token has 3 to 32 letters and digits"));
    }
    Ok(token)
}

/// What is copied along with a secret is easily overlooked.
fn refuse_padded<E: serde::de::Error>(secret: &str, what: &str) -> Result<(), E> {
    if secret.trim() == secret {
        return Ok(());
    }
    Err(E::custom(format!("{WHITE_SPACE_AROUND} {what}; remove it")))
}

fn optional_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    token(deserializer).map(Some)
}

fn optional_key<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EncodingAesKey>, D::Error> {
    let text = Secret::deserialize(deserializer)?;
    refuse_padded(text.expose(), "an EncodingAESKey")?;
    EncodingAesKey::parse(text.expose()).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(json: &str) -> Result<CallbackParameter, String> {
        let stored: StoredCallback =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        stored.into_parameter(AppId::parse("wx1").unwrap())
    }

    fn callback(json: &str) -> Result<Callback, String> {
        parameter(json).map(|parameter| parameter.callback)
    }

    #[test]
    fn url_rotation_accepts_the_previous_key_until_it_ends() {
        let versions = |more: &str| {
            let json = format!(r#"{{"mode":"plaintext","token":"abc"{more}}}"#);
            let parameter = parameter(&json).unwrap();
            (parameter.url_version, parameter.oldest_url_version)
        };
        assert_eq!(versions(""), (1, 1));
        assert_eq!(versions(r#","url_version":3,"previous_url_version":2"#), (3, 2));
        assert_eq!(versions(r#","url_version":3"#), (3, 3));
    }

    #[test]
    fn rotation_has_two_tokens_and_two_keys() {
        let key = "A".repeat(43);
        let callback = callback(&format!(
            r#"{{"mode":"safe","token":"new","encoding_aes_key":"{key}","previous_token":"old","previous_encoding_aes_key":"{key}"}}"#
        ))
        .unwrap();
        assert_eq!(callback.tokens.iter().map(Secret::expose).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(callback.aes_keys.len(), 2);
        assert_eq!(callback.window, 300);
    }

    #[test]
    fn timestamp_window_is_configurable() {
        let with = |window: &str| {
            callback(&format!(
                r#"{{"mode":"plaintext","token":"abc","timestamp_window":{window}}}"#
            ))
            .map(|callback| callback.window)
        };
        assert_eq!(with("0"), Ok(0));
        assert_eq!(with("3600"), Ok(3600));
        assert!(with("-1").is_err());
    }

    /// Fault 23.
    #[test]
    fn weak_or_misspelled_settings_are_rejected() {
        for bad in [
            r#"{"mode":"plaintext","token":""}"#,
            r#"{"mode":"plaintext","token":"ab"}"#,
            r#"{"mode":"plaintext","token":"abc","encoding_aes_key":"short"}"#,
            r#"{"mode":"plaintext","token":"abc","aes_key":"x"}"#,
            r#"{"mode":"safe","token":"abc"}"#,
        ] {
            assert!(callback(bad).is_err(), "{bad}");
        }
    }

    /// Fault 91.
    #[test]
    fn white_space_around_a_secret_is_named() {
        let key = "A".repeat(43);
        for bad in [
            r#"{"mode":"plaintext","token":"abc\n"}"#.to_owned(),
            format!(r#"{{"mode":"safe","token":"abc","encoding_aes_key":" {key}"}}"#),
            format!(r#"{{"mode":"safe","token":"abc","encoding_aes_key":"{key}\t"}}"#),
        ] {
            let value = Secret::new(bad.clone());
            let error = crate::parameters::parse::<StoredCallback>("callback/shop", &value);
            let error = error.unwrap_err().to_string();
            assert!(error.contains("there is white space around"), "{bad}: {error}");
            assert!(!error.contains("abc") && !error.contains(&key), "{error}");
        }
    }
}
