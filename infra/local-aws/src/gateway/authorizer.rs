//! JWT authorizers: who is let in, and what their function is told of them.
//!
//! As API Gateway does it ("Control access to HTTP APIs with JWT authorizers" in
//! its developer guide): the signature by a key that the issuer publishes under
//! the token's `kid`, then `iss`, `aud` (`client_id` where there is none), `exp`,
//! `nbf` and `iat`, and nothing else. Where its documentation leaves something
//! open, this door is the stricter one, so that who gets in here gets in there:
//! RS256 is the only algorithm, `exp` has to be there, the scheme is
//! `Bearer`, if there is one, no member of the token comes twice, nothing in it is
//! critical, and it doesn't say of itself that it is another kind of token.

mod keys;
mod object;

use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json, json};

use crate::route::Authorizer;
pub(crate) use keys::Keys;
use object::object;

/// API Gateway takes 10,240 bytes of headers, all together ("Quotas for configuring
/// and running an HTTP API").
const MAX_TOKEN_BYTES: usize = 10_240;

/// What tokens that open doors call themselves, if anything (RFC 7519, section 5.1,
/// and RFC 9068, section 2.1).
const TOKEN_TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is no token.
    Missing,
    /// The token isn't one of the issuer's, or not for us, or not for now.
    Invalid(&'static str),
}

impl Denied {
    /// The header `www-authenticate`, in API Gateway's words where these are
    /// known ("Troubleshooting issues with HTTP API JWT authorizers").
    pub(crate) fn challenge(self) -> String {
        match self {
            Self::Missing => "Bearer".to_owned(),
            Self::Invalid(reason) => {
                format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{reason}\"")
            }
        }
    }
}

/// Lets a request in, and gives what the event's `requestContext.authorizer`
/// says of its token. `now` is since 1970.
pub(crate) async fn authorize(
    rule: &Authorizer,
    keys: &Keys,
    headers: &HeaderMap,
    now: Duration,
) -> Result<Json, Denied> {
    let token = token(headers)?;
    let malformed = Denied::Invalid("the token is malformed");
    if token.len() > MAX_TOKEN_BYTES {
        return Err(malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
    let (head, claims) = signed.split_once('.').ok_or(malformed)?;
    let head = object(head).ok_or(malformed)?;
    // Whatever else the header says (`jwk`, `jku`, `x5u`, …), the issuer's own
    // list has the key.
    if head.get("alg").and_then(Json::as_str) != Some("RS256") {
        return Err(Denied::Invalid("the token's signing method is not RS256"));
    }
    // RFC 7515, section 4.1.11: who doesn't know what is critical may not accept.
    if head.contains_key("crit") {
        return Err(malformed);
    }
    let named = |kind: &str| TOKEN_TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    if head.get("typ").is_some_and(|kind| !kind.as_str().is_some_and(named)) {
        return Err(Denied::Invalid("the token is of another kind"));
    }
    let kid = head.get("kid").and_then(Json::as_str);
    let kid = kid.ok_or(Denied::Invalid("the token has no key id"))?;
    let key = keys.find(kid, now).await?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(Denied::Invalid("the token's signature is invalid"));
    }
    let claims = object(claims).ok_or(malformed)?;
    check(rule, &claims, now)?;
    let claims: Map<String, Json> =
        claims.into_iter().map(|(name, value)| (name, text(&value).into())).collect();
    // No route of this machine asks for scopes.
    Ok(json!({ "jwt": { "claims": claims, "scopes": null } }))
}

/// What stands in the header, with or without its scheme.
fn token(headers: &HeaderMap) -> Result<String, Denied> {
    // API Gateway joins a header that comes twice, and no token has a comma.
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    let values = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let joined = values.collect::<Vec<_>>().join(",");
    // A scheme is of any case (RFC 9110, 11.1).
    let token = match joined.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token,
        _ => &joined,
    };
    if token.is_empty() { Err(Denied::Missing) } else { Ok(token.to_owned()) }
}

fn check(rule: &Authorizer, claims: &Map<String, Json>, now: Duration) -> Result<(), Denied> {
    if claims.get("iss").and_then(Json::as_str) != Some(&rule.issuer) {
        return Err(Denied::Invalid("the token does not have a valid issuer"));
    }
    let ours = |audience: &Json| {
        audience.as_str().is_some_and(|named| rule.audience.iter().any(|own| own == named))
    };
    let audience = match claims.get("aud") {
        Some(Json::Array(several)) => several.iter().any(ours),
        Some(one) => ours(one),
        None => claims.get("client_id").is_some_and(ours),
    };
    if !audience {
        return Err(Denied::Invalid("the token does not have a valid audience"));
    }
    let now = now.as_secs_f64();
    if claims.get("exp").and_then(Json::as_f64).is_none_or(|expires| expires <= now) {
        return Err(Denied::Invalid("the token has expired"));
    }
    let begun = |name: &str| match claims.get(name) {
        None => true,
        Some(begins) => begins.as_f64().is_some_and(|begins| begins <= now),
    };
    if !begun("nbf") {
        return Err(Denied::Invalid("the token is not valid yet"));
    }
    if !begun("iat") {
        return Err(Denied::Invalid("the token was issued in the future"));
    }
    Ok(())
}

/// A claim as functions get it: always a text. A list is `[a b]`, as observed on
/// AWS (floci-io/floci, pull request 2011); what happens to an object there isn't
/// known, and here it stays JSON.
fn text(claim: &Json) -> String {
    match claim {
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => claim.to_string(),
    }
}

#[cfg(test)]
mod tests;
