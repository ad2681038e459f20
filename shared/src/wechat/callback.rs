//! WeChat's requests to the callback URL: the URL verification, and every push.
//!
//! [`Callback`] verifies the signature and decrypts the body. The encryption mode comes
//! from the app's configuration, never from the request: in plaintext mode the signature
//! doesn't cover the body, so anybody who has seen one URL could send any message.
//!
//! Source: WeChat's documentation, ["消息推送"] (message push) and "消息加解密" (message
//! encryption).
//!
//! ["消息推送"]: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html

mod query;

pub use query::{Query, QueryError};

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::crypto::{self, EncodingAesKey};
use crate::wechat::id::AppId;
use crate::wechat::push::Format;
use crate::wechat::wire::document;
use crate::wechat::{envelope, signature};
use serde::Deserialize;
use serde_json::json;

/// In seconds: how far a request's timestamp may be off, unless the app's configuration
/// says otherwise.
pub const DEFAULT_WINDOW: u64 = 300;

/// WeChat's three encryption modes of pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// 明文: bodies are not encrypted, and the signature doesn't cover them.
    Plaintext,
    /// 兼容: bodies have both the plaintext and the ciphertext. Only the latter is read.
    Compatible,
    /// 安全 (safe or security mode): bodies are encrypted and signed.
    Safe,
}

/// How the requests for one app are verified and decrypted.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The encrypted message contains it, too.
    pub app_id: AppId,
    /// The mode that the app's pushes must have.
    pub mode: EncryptionMode,
    /// The tokens that may have signed a request, the current one first.
    pub tokens: Vec<Secret>,
    /// The keys that may have encrypted a push, the current one first.
    pub aes_keys: Vec<EncodingAesKey>,
    /// In seconds: how far a timestamp may be off. 0 accepts any.
    pub window: u64,
}

/// A verified push.
#[derive(Debug)]
pub struct DecryptedPush {
    /// The message, in XML or JSON. What isn't UTF-8 in it has become the replacement
    /// character.
    pub message: String,
    /// Encrypts the reply, if the push was encrypted.
    pub reply_cipher: Option<ReplyCipher>,
}

/// The token and the key that a push came with. The reply uses the same ones: during a
/// rotation WeChat may not know the new ones yet.
#[derive(Clone, Debug)]
pub struct ReplyCipher {
    app_id: AppId,
    token: Secret,
    key: EncodingAesKey,
}

/// Why a request is refused. Its text doesn't say it, nor does the response: an attacker
/// could use it to probe for more. Only what the operator sees tells one from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not signed by WeChat for this app, not encrypted with its EncodingAESKey, or too old; if WeChat did send it, compare /callback/{{app}} with WeChat's console, and check the clock"
)]
pub enum VerificationError {
    /// The signature is right, but the timestamp is outside of the window.
    Stale,
    /// The timestamp is in the window, but none of the app's tokens made the signature.
    BadSignature,
    /// It is signed, but not encrypted with one of the app's keys for this app; or, in
    /// plaintext mode, it is no push.
    Unreadable,
    /// It lacks what every request of WeChat's has, or has neither a signature nor a
    /// timestamp that is right.
    Malformed,
}

impl Callback {
    /// Verifies a URL verification, and returns the text to respond with.
    pub fn verify_url<'q>(
        &self,
        query: &'q Query,
        now: Timestamp,
    ) -> Result<&'q str, VerificationError> {
        self.signing_token(query.signature.as_deref(), query, None, now)?;
        query.echostr.as_deref().ok_or(VerificationError::Malformed)
    }

    /// Verifies a push and decrypts it. The signature comes first: only signed ciphertext is
    /// decrypted.
    pub fn decrypt(
        &self,
        query: &Query,
        body: &[u8],
        now: Timestamp,
    ) -> Result<DecryptedPush, VerificationError> {
        let body = document::text(body);
        if self.mode == EncryptionMode::Plaintext {
            self.signing_token(query.signature.as_deref(), query, None, now)?;
            return Ok(DecryptedPush { message: body.into_owned(), reply_cipher: None });
        }
        let encrypted = envelope::encrypted(&body).ok();
        // What isn't encrypted has no signature that covers it.
        let claimed = encrypted.and(query.msg_signature.as_deref());
        let token = self.signing_token(claimed, query, encrypted, now)?;
        let encrypted = encrypted.unwrap_or_default();
        let try_key = |key: &EncodingAesKey| {
            let message = crypto::decrypt(key, &self.app_id, encrypted).ok()?;
            // WeChat has signed it: nothing in it may be refused.
            Some((key.clone(), document::owned_text(message)))
        };
        let (key, message) =
            self.aes_keys.iter().find_map(try_key).ok_or(VerificationError::Unreadable)?;
        let cipher = ReplyCipher { app_id: self.app_id.clone(), token: token.clone(), key };
        Ok(DecryptedPush { message, reply_cipher: Some(cipher) })
    }

    fn is_fresh(&self, query: &Query, now: Timestamp) -> bool {
        self.window == 0 || query.timestamp().0.abs_diff(now.0) <= self.window
    }

    /// The token that made this signature, if one of the app's did, in time.
    fn signing_token(
        &self,
        claimed: Option<&str>,
        query: &Query,
        encrypted: Option<&str>,
        now: Timestamp,
    ) -> Result<&Secret, VerificationError> {
        let signed = |token: &&Secret| {
            let mut parts = vec![token.expose(), &query.timestamp, &query.nonce];
            parts.extend(encrypted);
            claimed.is_some_and(|claimed| signature::verify(claimed, &parts))
        };
        match (self.tokens.iter().find(signed), self.is_fresh(query, now)) {
            (Some(token), true) => Ok(token),
            (Some(_), false) => Err(VerificationError::Stale),
            (None, true) => Err(VerificationError::BadSignature),
            (None, false) => Err(VerificationError::Malformed),
        }
    }
}

impl ReplyCipher {
    /// Encrypts and signs a reply. It is deterministic, so that every delivery of a push
    /// gets the same bytes: the random part of WeChat's scheme is derived from the key and
    /// the reply.
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
