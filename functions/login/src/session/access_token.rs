//! The access token of a session: a JWT that names the person by their internal id. It
//! has no openid and no unionid.

use crate::keys::key::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;

/// In seconds: 15 minutes.
pub(crate) const ACCESS_TOKEN_TTL: u64 = 900;
/// The audience that authorizers are configured with.
const AUDIENCE: &str = "hongyan";

/// The claims of an access token (RFC 9068): all of them, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// The person's internal id.
    pub(crate) sub: String,
    /// The session's id.
    pub(crate) sid: String,
    /// The token's id.
    pub(crate) jti: String,
    pub(crate) iat: Timestamp,
    pub(crate) nbf: Timestamp,
    pub(crate) exp: Timestamp,
}

impl Claims {
    /// The claims of a person's session, valid for 15 minutes from `now`.
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
            exp: now.plus(ACCESS_TOKEN_TTL),
        }
    }

    /// Whether this issuer has issued them for its own audience.
    pub(super) fn are_issued_by(&self, issuer: &str) -> bool {
        self.iss == issuer && self.aud == AUDIENCE
    }
}

/// Signs an access token. The result is deterministic.
pub(crate) fn sign(key: &Key, claims: &Claims) -> String {
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": key.public.kid });
    let claims = serde_json::to_string(claims).expect("claims are made of strings and numbers");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims)
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
}
