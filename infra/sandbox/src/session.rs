//! Whether a Mini Program's session still is what it was.
//!
//! Source: WeChat's documentation, "检验登录态" (`checksession`) and "重置登录态"
//! (`resetusersessionkey`).

use crate::api::Call;
use crate::random;
use crate::refusal::{self, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::secret::Secret;

/// A block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Answers `GET /wxa/checksession`.
pub(crate) fn check(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    signed(call, at)?;
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `GET /wxa/resetusersessionkey`.
pub(crate) fn reset(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let person = signed(call, at)?;
    let alias = call.world.apps[at].alias.clone();
    let relation =
        call.world.people[person].relations.get_mut(&alias).ok_or(refusal::INVALID_OPENID)?;
    let session_key = STANDARD.encode(random::bytes::<16>());
    relation.session_key = Some(Secret::new(session_key.clone()));
    Ok(json!({
        "errcode": 0, "errmsg": "ok", "openid": relation.open_id, "session_key": session_key,
    }))
}

/// Whose session it is, if the call is signed with its key: which has no end here,
/// only a successor.
fn signed(call: &Call<'_>, at: usize) -> Result<usize, Refusal> {
    let alias = &call.world.apps[at].alias;
    let open_id = call.parameter("openid").ok_or(refusal::INVALID_OPENID)?;
    let person = call.world.whose(alias, open_id).ok_or(refusal::INVALID_OPENID)?;
    if call.parameter("sig_method") != Some("hmac_sha256") {
        return Err(refusal::INVALID_SIGNING);
    }
    let relation = call.world.people[person].relations.get(alias);
    let key = relation.and_then(|it| it.session_key.as_ref()).ok_or(refusal::NO_SESSION)?;
    // Whether the key is the text or what it decodes to isn't documented; SDKs that
    // sign with it use the text.
    if call.parameter("signature") != Some(hmac(key.expose().as_bytes()).as_str()) {
        return Err(refusal::INVALID_SIGNATURE);
    }
    Ok(person)
}

/// HMAC-SHA256 of nothing at all, in hex (RFC 2104).
fn hmac(key: &[u8]) -> String {
    let mut block = [0; BLOCK];
    // No session key is as long as a block.
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
    fn the_hmac_of_nothing_is_the_known_one() {
        // As `printf '' | openssl dgst -sha256 -hmac key` says.
        assert_eq!(
            hmac(b"key"),
            "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"
        );
    }
}
