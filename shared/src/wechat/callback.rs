//! WeChat calls us: the greeting when a URL is registered, and every push.
//!
//! [`Callback`] decides whether it is WeChat that speaks, and opens what it
//! says. How an app's pushes must come is decided by our own settings, never by
//! what a request says of itself: WeChat's plaintext signature doesn't cover the
//! body, so whoever has seen one URL could send anything.
//!
//! Source: WeChat's documentation, "消息推送" (message push) and "消息加解密"
//! (message encryption).

mod query;

pub use query::{Query, QueryError};

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::crypto::{self, EncodingAesKey};
use crate::wechat::id::AppId;
use crate::wechat::push::Format;
use crate::wechat::{envelope, signature};
use serde::Deserialize;
use serde_json::json;

/// A delivery is believed so many seconds before and after its timestamp,
/// unless the app says otherwise.
pub const WINDOW: u64 = 300;

/// WeChat's three modes of pushing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// 明文: bodies are in clear, and the signature doesn't cover them.
    Plaintext,
    /// 兼容: bodies come both in clear and encrypted; only the latter are read.
    Compatible,
    /// 安全: bodies are encrypted and signed.
    Safe,
}

/// How the pushes of one app are verified and opened.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The app that they are for. An envelope names it inside.
    pub app_id: AppId,
    /// How they must come.
    pub mode: EncryptionMode,
    /// The tokens that may have signed them, the present one first.
    pub tokens: Vec<Secret>,
    /// The keys that may have encrypted them, the present one first.
    pub aes_keys: Vec<EncodingAesKey>,
    /// How many seconds a timestamp may be away from our clock; 0 for any.
    pub window: u64,
}

/// A push of WeChat's.
#[derive(Debug)]
pub struct DecryptedPush {
    /// The message, in XML or JSON.
    pub message: String,
    /// What seals the answer, if the push was sealed.
    pub reply_cipher: Option<ReplyCipher>,
}

/// The token and the key that a push came with. Its answer goes back under the
/// same ones: during a rotation WeChat may not know the new ones yet.
#[derive(Clone, Debug)]
pub struct ReplyCipher {
    app_id: AppId,
    token: Secret,
    key: EncodingAesKey,
}

/// Not a call of WeChat's. On purpose it doesn't say why: a stranger who could
/// tell one reason from another could use us to find out more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not signed by WeChat for this app, not encrypted with its EncodingAESKey, or not of these minutes; if WeChat did send it, compare /callback/{{app}} with WeChat's console, and the clock"
)]
pub struct VerificationError;

impl Callback {
    /// Verifies a greeting, and gives what WeChat wants to hear back.
    ///
    /// # Errors
    ///
    /// [`VerificationError`].
    pub fn verify_url<'q>(
        &self,
        query: &'q Query,
        now: Timestamp,
    ) -> Result<&'q str, VerificationError> {
        self.in_time(query, now)?;
        self.signer(query.signature.as_deref(), query, None)?;
        query.echostr.as_deref().ok_or(VerificationError)
    }

    /// Verifies a push and opens it. The signature comes first, and only what
    /// is signed is decrypted.
    ///
    /// # Errors
    ///
    /// [`VerificationError`].
    pub fn decrypt(
        &self,
        query: &Query,
        body: &[u8],
        now: Timestamp,
    ) -> Result<DecryptedPush, VerificationError> {
        self.in_time(query, now)?;
        let body = std::str::from_utf8(body).map_err(|_| VerificationError)?;
        if self.mode == EncryptionMode::Plaintext {
            self.signer(query.signature.as_deref(), query, None)?;
            return Ok(DecryptedPush { message: body.to_owned(), reply_cipher: None });
        }
        let encrypted = envelope::encrypted(body).map_err(|_| VerificationError)?;
        let token = self.signer(query.msg_signature.as_deref(), query, Some(encrypted))?;
        let open = |key: &EncodingAesKey| {
            let message = crypto::decrypt(key, &self.app_id, encrypted).ok()?;
            Some((key.clone(), String::from_utf8(message).ok()?))
        };
        let (key, message) = self.aes_keys.iter().find_map(open).ok_or(VerificationError)?;
        let seal = ReplyCipher { app_id: self.app_id.clone(), token: token.clone(), key };
        Ok(DecryptedPush { message, reply_cipher: Some(seal) })
    }

    fn in_time(&self, query: &Query, now: Timestamp) -> Result<(), VerificationError> {
        let away = query.timestamp().0.abs_diff(now.0);
        if self.window == 0 || away <= self.window { Ok(()) } else { Err(VerificationError) }
    }

    /// The token that made this signature, if one of ours did.
    fn signer(
        &self,
        claimed: Option<&str>,
        query: &Query,
        encrypted: Option<&str>,
    ) -> Result<&Secret, VerificationError> {
        let claimed = claimed.ok_or(VerificationError)?;
        let signed = |token: &&Secret| {
            let mut parts = vec![token.expose(), &query.timestamp, &query.nonce];
            parts.extend(encrypted);
            signature::verify(claimed, &parts)
        };
        self.tokens.iter().find(signed).ok_or(VerificationError)
    }
}

impl ReplyCipher {
    /// Encrypts and signs a reply. The same reply becomes the same envelope
    /// each time, so that every delivery of a message is answered with the same
    /// bytes: what WeChat's scheme takes as random is derived from key and reply.
    pub fn encrypt(&self, reply: &str, format: Format, at: Timestamp) -> String {
        let random = crypto::synthetic_random(&self.key, reply.as_bytes());
        let nonce = u32::from_be_bytes([random[0], random[1], random[2], random[3]]).to_string();
        let encrypt = crypto::encrypt(&self.key, &self.app_id, random, reply.as_bytes());
        let timestamp = at.to_string();
        let signature = signature::sign(&[self.token.expose(), &timestamp, &nonce, &encrypt]);
        match format {
            Format::Xml => format!(
                "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>\
                 <TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
            ),
            Format::Json => json!({
                "Encrypt": encrypt, "MsgSignature": signature, "TimeStamp": at, "Nonce": nonce,
            })
            .to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
