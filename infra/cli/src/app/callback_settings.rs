//! The parameter `/callback/{app}`: the token and keys that protect an app's pushes.

use crate::error::Error;
use crate::random;
use serde::Deserialize;
use serde_json::json;
use shared::secret::Secret;
use shared::url_key::FIRST_VERSION;
use shared::wechat::crypto::EncodingAesKey;

/// The maximum that WeChat's console accepts.
const TOKEN_LENGTH: usize = 32;
/// Without the last character.
const KEY_LENGTH: usize = 42;
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// For the last character of an EncodingAESKey, whose last two bits aren't part of the key.
/// With these characters the bits are zero, as strict base64 decoders require.
const LAST_CHARACTERS: &[u8; 16] = b"AEIMQUYcgkosw048";

/// The parameter's fields; the functions accept no others.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CallbackSettings {
    mode: String,
    pub(crate) token: Secret,
    /// None in plaintext mode only.
    pub(crate) encoding_aes_key: Option<Secret>,
    previous_token: Option<Secret>,
    previous_encoding_aes_key: Option<Secret>,
    timestamp_window: Option<u64>,
    /// The version of the key in the callback URL.
    #[serde(default = "first_version")]
    pub(crate) url_version: u32,
    previous_url_version: Option<u32>,
}

fn first_version() -> u32 {
    FIRST_VERSION
}

impl CallbackSettings {
    /// Safe mode, with a random token and key.
    pub(crate) fn random() -> Result<Self, Error> {
        Ok(Self {
            mode: "safe".to_owned(),
            token: random_token()?,
            encoding_aes_key: Some(random_key()?),
            previous_token: None,
            previous_encoding_aes_key: None,
            timestamp_window: None,
            url_version: FIRST_VERSION,
            previous_url_version: None,
        })
    }

    /// Parses the parameter; none if it is invalid.
    pub(crate) fn parse(value: &Secret) -> Option<Self> {
        serde_json::from_str(value.expose()).ok()
    }

    /// The parameter's value.
    pub(crate) fn to_parameter(&self) -> Secret {
        let mut all = json!({ "mode": self.mode, "token": self.token.expose() });
        for (name, secret) in [
            ("encoding_aes_key", &self.encoding_aes_key),
            ("previous_token", &self.previous_token),
            ("previous_encoding_aes_key", &self.previous_encoding_aes_key),
        ] {
            if let Some(secret) = secret {
                all[name] = json!(secret.expose());
            }
        }
        if let Some(window) = self.timestamp_window {
            all["timestamp_window"] = json!(window);
        }
        if self.url_version != FIRST_VERSION {
            all["url_version"] = json!(self.url_version);
        }
        if let Some(version) = self.previous_url_version {
            all["previous_url_version"] = json!(version);
        }
        Secret::new(all.to_string())
    }

    /// Whether a previous token or key is still accepted.
    pub(crate) fn is_rotating(&self) -> bool {
        self.previous_token.is_some()
            || self.previous_encoding_aes_key.is_some()
            || self.previous_url_version.is_some()
    }

    /// A new token and new keys, with the present ones as the previous ones. In plaintext
    /// mode there is no EncodingAESKey.
    pub(crate) fn start_rotation(&self) -> Result<Self, Error> {
        let key = self.encoding_aes_key.as_ref().map(|_| random_key()).transpose()?;
        Ok(Self {
            token: random_token()?,
            encoding_aes_key: key,
            previous_token: Some(self.token.clone()),
            previous_encoding_aes_key: self.encoding_aes_key.clone(),
            url_version: self.url_version.saturating_add(1),
            previous_url_version: Some(self.url_version),
            ..self.clone()
        })
    }

    /// Without the previous token and key.
    pub(crate) fn finish_rotation(&self) -> Self {
        Self {
            previous_token: None,
            previous_encoding_aes_key: None,
            previous_url_version: None,
            ..self.clone()
        }
    }

    /// The mode's name in WeChat's console.
    pub(crate) fn mode_in_console(&self) -> &'static str {
        match self.mode.as_str() {
            "plaintext" => "明文模式",
            "compatible" => "兼容模式",
            _ => "安全模式",
        }
    }
}

fn random_token() -> Result<Secret, Error> {
    let token: Result<String, Error> =
        (0..TOKEN_LENGTH).map(|_| random_character(ALPHANUMERIC)).collect();
    token.map(Secret::new)
}

fn random_key() -> Result<Secret, Error> {
    let key: Result<String, Error> =
        (0..KEY_LENGTH).map(|_| random_character(ALPHANUMERIC)).collect();
    let key = key? + &random_character(LAST_CHARACTERS)?.to_string();
    EncodingAesKey::parse(&key).expect("43 letters and digits are a key");
    Ok(Secret::new(key))
}

/// A character of the alphabet, uniformly distributed.
fn random_character(alphabet: &[u8]) -> Result<char, Error> {
    loop {
        let [byte] = random::bytes()?;
        // Values outside the alphabet are rejected: a remainder would be biased.
        if let Some(&character) = alphabet.get(usize::from(byte & 63)) {
            return Ok(char::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::parameters::read_callback;
    use shared::wechat::id::AppId;

    /// How many tokens and keys are accepted, and which versions of the URL's.
    fn accepted(settings: &CallbackSettings) -> (usize, usize, u32, u32) {
        let app_id = AppId::parse("wx0000000000000001").unwrap();
        let read = read_callback("callback/shop", &app_id, &settings.to_parameter()).unwrap();
        let (tokens, keys) = (read.callback.tokens.len(), read.callback.aes_keys.len());
        (tokens, keys, read.url_version, read.oldest_url_version)
    }

    #[test]
    fn random_settings_are_valid_for_the_functions() {
        for _ in 0..50 {
            let settings = CallbackSettings::random().unwrap();
            assert_eq!(accepted(&settings), (1, 1, 1, 1));
            let key = settings.encoding_aes_key.unwrap();
            assert!(LAST_CHARACTERS.contains(key.expose().as_bytes().last().unwrap()));
        }
        let (one, other) =
            (CallbackSettings::random().unwrap(), CallbackSettings::random().unwrap());
        assert_ne!(one.token, other.token);
        assert_ne!(one.encoding_aes_key, other.encoding_aes_key);
    }

    #[test]
    fn rotation_keeps_the_previous_token_and_key_until_it_is_finished() {
        let before =
            CallbackSettings { timestamp_window: Some(600), ..CallbackSettings::random().unwrap() };
        let rotating = before.start_rotation().unwrap();
        assert_eq!(accepted(&rotating), (2, 2, 2, 1));
        assert!(rotating.is_rotating() && !before.is_rotating());
        assert_eq!(rotating.previous_token.as_ref(), Some(&before.token));
        assert_eq!(rotating.previous_encoding_aes_key, before.encoding_aes_key);
        assert_ne!(rotating.token, before.token);
        let read = CallbackSettings::parse(&rotating.to_parameter()).unwrap();
        assert_eq!(read.to_parameter(), rotating.to_parameter(), "parsing is lossless");
        let finished = read.finish_rotation();
        assert_eq!(accepted(&finished), (1, 1, 2, 2));
        assert_eq!((finished.token, finished.timestamp_window), (rotating.token, Some(600)));
    }

    #[test]
    fn rotation_in_plaintext_mode_has_no_key() {
        let plain =
            CallbackSettings::parse(&Secret::new(r#"{"mode":"plaintext","token":"abc"}"#)).unwrap();
        assert_eq!(accepted(&plain.start_rotation().unwrap()), (2, 0, 2, 1));
    }
}
