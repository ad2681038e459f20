//! How an app's pushes are protected: what stands under `/callback/{app}`, made and
//! exchanged here.

use crate::error::{Error, Kind};
use serde::Deserialize;
use serde_json::json;
use shared::secret::Secret;
use shared::wechat::crypto::EncodingAesKey;

/// WeChat's console takes tokens of 3 to 32 letters and digits.
const TOKEN: usize = 32;
const LETTERS_AND_DIGITS: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What an EncodingAESKey made here may end with. Its 43rd character has two bits
/// that aren't part of the key; these leave them zero, so that every decoder of
/// base64 takes it.
const LAST: &[u8; 16] = b"AEIMQUYcgkosw048";

/// What stands under `/callback/{app}`. Other names than these aren't there: the
/// functions wouldn't take the parameter.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Settings {
    mode: String,
    pub(crate) token: Secret,
    /// Missing in plaintext mode only.
    pub(crate) encoding_aes_key: Option<Secret>,
    previous_token: Option<Secret>,
    previous_encoding_aes_key: Option<Secret>,
    timestamp_window: Option<u64>,
}

impl Settings {
    /// Safe mode, with a random token and key.
    pub(crate) fn random() -> Result<Self, Error> {
        Ok(Self {
            mode: "safe".to_owned(),
            token: random_token()?,
            encoding_aes_key: Some(random_key()?),
            previous_token: None,
            previous_encoding_aes_key: None,
            timestamp_window: None,
        })
    }

    /// Reads what stands in the parameter, which the functions can read as well.
    pub(crate) fn read(value: &Secret) -> Option<Self> {
        serde_json::from_str(value.expose()).ok()
    }

    /// What is to stand in the parameter.
    pub(crate) fn value(&self) -> Secret {
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
        Secret::new(all.to_string())
    }

    /// Whether previous ones are still accepted.
    pub(crate) fn is_rotating(&self) -> bool {
        self.previous_token.is_some() || self.previous_encoding_aes_key.is_some()
    }

    /// A new token and key in the place of the present ones, which go on being
    /// accepted. An app in plaintext mode has no key, and gets none.
    pub(crate) fn rotated(&self) -> Result<Self, Error> {
        let key = self.encoding_aes_key.as_ref().map(|_| random_key()).transpose()?;
        Ok(Self {
            token: random_token()?,
            encoding_aes_key: key,
            previous_token: Some(self.token.clone()),
            previous_encoding_aes_key: self.encoding_aes_key.clone(),
            ..self.clone()
        })
    }

    /// The previous token and key aren't accepted any more.
    pub(crate) fn finished(&self) -> Self {
        Self { previous_token: None, previous_encoding_aes_key: None, ..self.clone() }
    }

    /// As WeChat's console names it.
    pub(crate) fn mode_in_console(&self) -> &'static str {
        match self.mode.as_str() {
            "plaintext" => "明文模式",
            "compatible" => "兼容模式",
            _ => "安全模式",
        }
    }
}

fn random_token() -> Result<Secret, Error> {
    let mut text = String::new();
    while text.len() < TOKEN {
        text.push(one_of(LETTERS_AND_DIGITS)?);
    }
    Ok(Secret::new(text))
}

fn random_key() -> Result<Secret, Error> {
    let mut text = String::new();
    while text.len() < 42 {
        text.push(one_of(LETTERS_AND_DIGITS)?);
    }
    text.push(one_of(LAST)?);
    EncodingAesKey::parse(&text).expect("43 letters and digits are a key");
    Ok(Secret::new(text))
}

/// One of these characters, each as likely as the others.
fn one_of(alphabet: &[u8]) -> Result<char, Error> {
    loop {
        let mut byte = [0];
        getrandom::fill(&mut byte).map_err(|_| {
            let problem = "this machine gives no random numbers, so no token can be made";
            Error::new(Kind::Unavailable, problem, "use another machine")
        })?;
        // Only the lowest bits, so that there is no remainder to favour anything.
        let at = usize::from(byte[0] & 63);
        if let Some(&letter) = alphabet.get(at) {
            return Ok(char::from(letter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::parameters::read_callback;
    use shared::wechat::id::AppId;

    fn accepted(settings: &Settings) -> (usize, usize) {
        let app_id = AppId::parse("wx0000000000000001").unwrap();
        let callback = read_callback("callback/shop", &app_id, &settings.value()).unwrap();
        (callback.tokens.len(), callback.aes_keys.len())
    }

    #[test]
    fn what_is_made_is_what_the_functions_take() {
        for _ in 0..50 {
            let settings = Settings::random().unwrap();
            assert_eq!(accepted(&settings), (1, 1));
            let key = settings.encoding_aes_key.unwrap();
            assert!(LAST.contains(key.expose().as_bytes().last().unwrap()));
        }
        let (one, other) = (Settings::random().unwrap(), Settings::random().unwrap());
        assert_ne!(one.token, other.token);
        assert_ne!(one.encoding_aes_key, other.encoding_aes_key);
    }

    #[test]
    fn a_rotation_keeps_the_present_ones_as_the_previous_until_it_is_finished() {
        let before = Settings { timestamp_window: Some(600), ..Settings::random().unwrap() };
        let rotating = before.rotated().unwrap();
        assert_eq!(accepted(&rotating), (2, 2));
        assert!(rotating.is_rotating() && !before.is_rotating());
        assert_eq!(rotating.previous_token.as_ref(), Some(&before.token));
        assert_eq!(rotating.previous_encoding_aes_key, before.encoding_aes_key);
        assert_ne!(rotating.token, before.token);
        let read = Settings::read(&rotating.value()).unwrap();
        assert_eq!(read.value(), rotating.value(), "nothing is lost on the way");
        let finished = read.finished();
        assert_eq!(accepted(&finished), (1, 1));
        assert_eq!((finished.token, finished.timestamp_window), (rotating.token, Some(600)));
    }

    #[test]
    fn an_app_in_plaintext_mode_gets_no_key() {
        let plain = Settings::read(&Secret::new(r#"{"mode":"plaintext","token":"abc"}"#)).unwrap();
        assert_eq!(accepted(&plain.rotated().unwrap()), (2, 0));
    }
}
