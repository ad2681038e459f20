//! The access token of a session: a JWT that says who, and nothing more. No
//! openid and no unionid is in it.

use crate::keys::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;

/// Seconds that an access token lives: 15 minutes.
pub(crate) const LIFE: u64 = 900;
/// Whom the tokens are for. An authorizer names it.
const AUDIENCE: &str = "hongyan";

/// The claims of an access token (RFC 9068): all of them, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// The person's internal id.
    pub(crate) sub: String,
    /// The session.
    pub(crate) sid: String,
    /// This very token.
    pub(crate) jti: String,
    pub(crate) iat: Timestamp,
    pub(crate) nbf: Timestamp,
    pub(crate) exp: Timestamp,
}

impl Claims {
    /// Says that somebody has a session, for 15 minutes from now.
    pub(crate) fn new(
        issuer: &str,
        person: &str,
        session: &str,
        jti: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: person.to_owned(),
            sid: session.to_owned(),
            jti: jti.to_owned(),
            iat: now,
            nbf: now,
            exp: now.plus(LIFE),
        }
    }

    /// Whether it is one of this issuer's, for its own audience.
    pub(super) fn are_of(&self, issuer: &str) -> bool {
        self.iss == issuer && self.aud == AUDIENCE
    }
}

/// Signs an access token: the same one for the same key and claims.
pub(crate) fn access_token(key: &Key, claims: &Claims) -> String {
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": key.public.kid });
    let claims = serde_json::to_string(claims).expect("claims are made of strings and numbers");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims)
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
}
