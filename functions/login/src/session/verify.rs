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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;
    use crate::session::access_token;
    use test_tokens::Forger;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const ISSUER: &str = "https://abc.execute-api.ap-east-1.amazonaws.com";

    fn keys(signs_from: &[u64]) -> Keys {
        Keys::of(signs_from.iter().map(|from| Key::make(Timestamp(*from)).unwrap().0))
    }

    /// Fault 67.
    #[test]
    fn what_is_signed_is_verified_and_nothing_else() {
        let keys = keys(&[0]);
        let key = keys.current(NOW);
        let forger = Forger::new(key.pair(), &key.public.kid, ISSUER, NOW.0);
        let accepts = |token: &str| verify(&keys, ISSUER, token, NOW).is_some();
        assert!(accepts(&forger.good()));
        let forgeries = forger.forgeries();
        assert!(forgeries.len() > 500, "{}", forgeries.len());
        let strays = forger.strays();
        assert!(strays.len() > 30, "{}", strays.len());
        for forgery in forgeries.iter().chain(&strays) {
            assert!(!accepts(&forgery.token), "{}: {}", forgery.name, forgery.token);
        }
        assert!(accepts(&forger.good()));
    }

    #[test]
    fn a_token_of_ours_is_good_for_15_minutes_and_for_its_issuer() {
        let keys = keys(&[0]);
        let claims = Claims::new(ISSUER, "ann", "s1", "t1", NOW);
        let token = access_token(keys.current(NOW), &claims);
        let at = |now: Timestamp| verify(&keys, ISSUER, &token, now);
        assert_eq!(at(NOW), Some(claims));
        assert!(at(NOW.plus(909)).is_some() && at(NOW.plus(910)).is_none());
        assert!(at(Timestamp(NOW.0 - 10)).is_some() && at(Timestamp(NOW.0 - 11)).is_none());
        assert!(verify(&keys, "https://example.com", &token, NOW).is_none());
    }

    #[test]
    fn a_key_that_is_no_longer_published_verifies_nothing() {
        let keys = keys(&[0, NOW.0, NOW.0 + 100]);
        let old = Timestamp(NOW.0 - 1);
        let token = access_token(keys.current(old), &Claims::new(ISSUER, "ann", "s1", "t1", old));
        assert!(verify(&keys, ISSUER, &token, NOW).is_some());
        assert!(verify(&keys, ISSUER, &token, NOW.plus(99)).is_some());
        assert!(verify(&keys, ISSUER, &token, NOW.plus(100)).is_none());
    }
}
