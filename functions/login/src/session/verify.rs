//! Verifies access tokens.
//!
//! API Gateway's authorizer has verified the token by then. This is a second check, for a
//! route whose authorizer is missing or misconfigured. It accepts only tokens as
//! [`sign`](super::access_token::sign) makes them: no other algorithm, header, claim, type
//! or spelling (RFC 8725, "JSON Web Token Best Current Practices").

use super::access_token::{ACCESS_TOKEN_TTL, Claims};
use crate::keys::key_set::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use shared::clock::Timestamp;

/// More than any issued token has: its longest part is the issuer's name, of at most 253
/// letters.
const MAX_TOKEN_BYTES: usize = 4096;
/// Tolerated difference between two clocks, in seconds.
const MAX_CLOCK_SKEW: u64 = 10;

/// The header of every issued token. Other members (`jku`, `jwk`, `x5u`, `crit`, …) would
/// let the token choose the key or the way to read it, so they are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The id of the key that a token names, unverified.
pub(crate) fn key_id(token: &str) -> Option<String> {
    let header = token.split('.').next().filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    Some(header.kid)
}

/// The claims of a token, if this issuer has signed it and it is valid at `now`. The
/// reason of a failure is not returned, as it would help an attacker.
pub(crate) fn verify(keys: &Keys, issuer: &str, token: &str, now: Timestamp) -> Option<Claims> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // The engine accepts canonical base64url only: no padding, no other letters, no
    // trailing bits. serde refuses duplicate members.
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
    let is_valid = claims.are_issued_by(issuer)
        && !claims.sub.is_empty()
        && !claims.sid.is_empty()
        && claims.iat <= now.plus(MAX_CLOCK_SKEW)
        && claims.nbf <= now.plus(MAX_CLOCK_SKEW)
        && claims.iat <= claims.exp
        // No issued token is valid for longer.
        && claims.exp.seconds_since(claims.iat) <= ACCESS_TOKEN_TTL
        && now < claims.exp.plus(MAX_CLOCK_SKEW);
    is_valid.then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key::Key;
    use crate::keys::session_key::SessionKey as _;
    use crate::session::access_token::sign;
    use test_tokens::Forger;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const ISSUER: &str = "https://abc.execute-api.ap-east-1.amazonaws.com";

    fn keys(signs_from: &[u64]) -> Keys {
        Keys::from_keys(signs_from.iter().map(|from| Key::generate(1, Timestamp(*from)).unwrap().0))
    }

    /// Fault 67.
    #[test]
    fn only_genuine_tokens_are_accepted() {
        let keys = keys(&[0]);
        let key = keys.current(NOW);
        let forger = Forger::new(key.pair(), &key.public.kid, ISSUER, NOW.0);
        let accepts = |token: &str| verify(&keys, ISSUER, token, NOW).is_some();
        assert!(accepts(&forger.good()));
        let forgeries = forger.forgeries();
        assert!(forgeries.len() > 500, "{}", forgeries.len());
        let foreign = forger.unusual_tokens();
        assert!(foreign.len() > 30, "{}", foreign.len());
        for forgery in forgeries.iter().chain(&foreign) {
            assert!(!accepts(&forgery.token), "{}: {}", forgery.name, forgery.token);
        }
        assert!(accepts(&forger.good()));
    }

    #[test]
    fn token_is_valid_for_15_minutes_and_for_its_issuer() {
        let keys = keys(&[0]);
        let claims = Claims::new(ISSUER, "ann", "s1", "t1", NOW);
        let token = sign(keys.current(NOW), &claims);
        let at = |now: Timestamp| verify(&keys, ISSUER, &token, now);
        assert_eq!(at(NOW), Some(claims));
        assert!(at(NOW.plus(909)).is_some() && at(NOW.plus(910)).is_none());
        assert!(at(Timestamp(NOW.0 - 10)).is_some() && at(Timestamp(NOW.0 - 11)).is_none());
        assert!(verify(&keys, "https://example.com", &token, NOW).is_none());
    }

    #[test]
    fn unpublished_key_verifies_nothing() {
        let keys = keys(&[0, NOW.0, NOW.0 + 100]);
        let old = Timestamp(NOW.0 - 1);
        let token = sign(keys.current(old), &Claims::new(ISSUER, "ann", "s1", "t1", old));
        assert!(verify(&keys, ISSUER, &token, NOW).is_some());
        assert!(verify(&keys, ISSUER, &token, NOW.plus(99)).is_some());
        assert!(verify(&keys, ISSUER, &token, NOW.plus(100)).is_none());
    }
}
