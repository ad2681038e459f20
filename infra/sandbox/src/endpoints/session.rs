//! A Mini Program's session key.
//!
//! Source: WeChat's documentation, "检验登录态" (`checksession`) and "重置登录态"
//! (`resetusersessionkey`).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::{Call, Recipient, success};
use crate::endpoints::login::new_session_key;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::secret::Secret;

/// The block length of SHA-256 in bytes.
const BLOCK_BYTES: usize = 64;

/// `GET /wxa/checksession`.
pub(super) fn check(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    verify_signature(call, at)?;
    Ok(success())
}

/// `GET /wxa/resetusersessionkey`.
pub(super) fn reset(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let user = verify_signature(call, at)?;
    let relation = call.relation_mut(&user)?;
    let session_key = new_session_key();
    relation.session_key = Some(Secret::new(session_key.clone()));
    Ok(json!({
        "errcode": 0, "errmsg": "ok", "openid": relation.open_id, "session_key": session_key,
    }))
}

/// The user whose session key signs the call. Session keys do not expire here; a new one
/// replaces the old one.
fn verify_signature(call: &Call<'_>, at: usize) -> Result<Recipient, ApiError> {
    let open_id = call.parameter("openid").ok_or(api_error::INVALID_OPENID)?;
    let user = call.user(at, open_id.to_owned())?;
    if call.parameter("sig_method") != Some("hmac_sha256") {
        return Err(api_error::INVALID_SIGNING);
    }
    let relation = call.relation(&user).ok();
    let key = relation.and_then(|it| it.session_key.as_ref()).ok_or(api_error::NO_SESSION)?;
    // WeChat does not document whether the key is the text or its decoded bytes; SDKs use the
    // text.
    if call.parameter("signature") != Some(hmac_of_empty(key.expose().as_bytes()).as_str()) {
        return Err(api_error::INVALID_SIGNATURE);
    }
    Ok(user)
}

/// HMAC-SHA256 of the empty message in hex (RFC 2104). The key must not be longer than a block.
fn hmac_of_empty(key: &[u8]) -> String {
    let mut block = [0; BLOCK_BYTES];
    for (byte, key) in block.iter_mut().zip(key) {
        *byte = *key;
    }
    let inner = Sha256::digest(block.map(|byte| byte ^ 0x36));
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner);
    outer.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_matches_openssl() {
        // printf '' | openssl dgst -sha256 -hmac key
        assert_eq!(
            hmac_of_empty(b"key"),
            "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"
        );
    }
}
