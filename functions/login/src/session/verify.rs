//! Our own check of an access token.
//!
//! API Gateway's authorizer has let the request in by then. This is the second
//! lock of the same door, for a route whose authorizer somebody has forgotten or
//! configured otherwise; and as the only tokens it takes are those that
//! [`access_token`](super::access_token()) makes, it takes nothing that these
//! don't have: no other algorithm, header, claim, type or spelling (RFC 8725,
//! "JSON Web Token Best Current Practices").

use super::Claims;
use crate::keys::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use shared::clock::Timestamp;

/// No token of ours is longer: the longest part is the issuer's name, of at most
/// 253 letters.
const LONGEST: usize = 4096;
/// Two machines' clocks may differ by so many seconds.
const SKEW: u64 = 10;

/// The header of every token of ours. What else a header may have (`jku`, `jwk`,
/// `x5u`, `crit`, …) would tell us where to find a key or how to read the token:
/// that is not for the token to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The claims of a token, if it is one that this issuer has signed and that is
/// good now. Why it isn't is no stranger's business, so it isn't told.
pub(crate) fn verify(keys: &Keys, issuer: &str, token: &str, now: Timestamp) -> Option<Claims> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // The engine takes canonical base64url only: no padding, no other letters, and
    // no bits that are left over. A member that comes twice is refused by serde.
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let parsed: Header = serde_json::from_slice(&decoded(header)?).ok()?;
    if parsed.alg != "RS256" || parsed.typ != "at+jwt" {
        return None;
    }
    let key = keys.find(&parsed.kid, now)?;
    let signed = &token[..header.len() + 1 + claims.len()];
    if !key.verifies(signed.as_bytes(), &decoded(signature)?) {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
    let good = claims.are_of(issuer)
        && !claims.sub.is_empty()
        && !claims.sid.is_empty()
        && claims.iat <= now.plus(SKEW)
        && claims.nbf <= now.plus(SKEW)
        && claims.iat <= claims.exp
        // A token of ours never lives longer.
        && claims.exp.seconds_since(claims.iat) <= super::LIFE
        && now < claims.exp.plus(SKEW);
    good.then_some(claims)
}
