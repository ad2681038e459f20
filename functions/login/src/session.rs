//! The access token of a session: a JWT that says who, and nothing more. No
//! openid and no unionid is in it.

use crate::keys::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::store::Exchange;

/// Seconds that an access token lives: 15 minutes.
pub(crate) const LIFE: u64 = 900;
/// Whom the tokens are for. An authorizer names it.
pub(crate) const AUDIENCE: &str = "hongyan";

/// The claims of an access token (RFC 9068).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: &'a str,
    sid: &'a str,
    jti: &'a str,
    iat: Timestamp,
    nbf: Timestamp,
    exp: Timestamp,
}

/// Signs an access token for the person with the internal id `user`.
pub(crate) fn access_token(
    keys: &Keys,
    issuer: &str,
    user: &str,
    exchange: &Exchange,
    now: Timestamp,
) -> String {
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": keys.key_id() });
    let claims = Claims {
        iss: issuer,
        aud: AUDIENCE,
        sub: user,
        sid: &exchange.session,
        jti: &exchange.token,
        iat: now,
        nbf: now,
        exp: now.plus(LIFE),
    };
    let claims = serde_json::to_string(&claims).expect("claims are made of strings and numbers");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims)
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(keys.sign(signed.as_bytes())))
}
