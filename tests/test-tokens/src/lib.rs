//! Access tokens that must be rejected, and the valid one that they are made from.
//!
//! Two checks stand before a function that asks for a session: API Gateway's
//! authorizer, which `infra/local` plays, and our own. Both are tried with what is
//! here. The attacks are those of RFC 8725 ("JSON Web Token Best Current
//! Practices"), RFC 7515, section 10, and of what became known of libraries since.

mod algorithm;
mod claims;
mod key;
mod signature;
mod text;
mod time;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Whom the good token is for.
pub const AUDIENCE: &str = "hongyan";

/// A token and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// What is wrong with it.
    pub name: String,
    /// The token, as it stands after `Bearer `.
    pub token: String,
}

/// An attacker who knows all that is public, and can also have anything signed that
/// the issuer would never sign.
pub struct Forger<'a> {
    /// The issuer's key.
    pub ours: &'a KeyPair,
    /// The id under which it is published.
    pub kid: &'a str,
    /// The forger's own key.
    pub theirs: KeyPair,
    /// Who issues tokens.
    pub issuer: &'a str,
    /// The second in which the tokens are tried.
    pub now: u64,
}

impl<'a> Forger<'a> {
    /// A forger with a key of their own.
    pub fn new(ours: &'a KeyPair, kid: &'a str, issuer: &'a str, now: u64) -> Self {
        let theirs = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        Self { ours, kid, theirs, issuer, now }
    }

    /// A token that both checks accept.
    pub fn good(&self) -> String {
        self.signed(&self.header(), &self.claims())
    }

    /// Tokens that neither check accepts.
    pub fn forgeries(&self) -> Vec<Forgery> {
        let mut all = Vec::new();
        algorithm::forge(self, &mut all);
        key::forge(self, &mut all);
        claims::forge(self, &mut all);
        time::forge(self, &mut all);
        signature::forge(self, &mut all);
        text::forge(self, &mut all);
        all
    }

    /// Tokens that the issuer's own key has signed, and that API Gateway takes by
    /// its documentation, although no session of ours looks like that: our own
    /// check doesn't accept them.
    pub fn unusual_tokens(&self) -> Vec<Forgery> {
        let mut all = Vec::new();
        claims::unusual_tokens(self, &mut all);
        key::unusual_tokens(self, &mut all);
        time::unusual_tokens(self, &mut all);
        all
    }

    /// The header of a good token.
    fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": self.kid })
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "0123456789abcdef0123456789abcdef",
            "sid": "fedcba9876543210fedcba9876543210",
            "jti": "00112233445566778899aabbccddeeff",
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 900,
        })
    }

    fn header_with(&self, changes: &Value) -> Value {
        changed(self.header(), changes)
    }

    fn claims_with(&self, changes: &Value) -> Value {
        changed(self.claims(), changes)
    }

    /// Signed by the issuer.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    /// Signed by the issuer, whatever the two texts are.
    fn signed_text(&self, header: &str, claims: &str) -> String {
        self.signed_parts(&encoded(header), &encoded(claims))
    }

    /// Signed by the issuer, whatever stands before the last dot.
    fn signed_parts(&self, header: &str, claims: &str) -> String {
        compact(header, claims, &sign(self.ours, &RSA_PKCS1_SHA256, &format!("{header}.{claims}")))
    }

    /// Signed by the forger.
    fn forged(&self, header: &Value) -> String {
        let (header, claims) = (encoded(header.to_string()), encoded(self.claims().to_string()));
        let message = format!("{header}.{claims}");
        compact(&header, &claims, &sign(&self.theirs, &RSA_PKCS1_SHA256, &message))
    }

    /// The forger's public key, as a key set has it.
    fn their_jwk(&self, kid: &str) -> Value {
        jwk(&self.theirs, kid)
    }
}

/// A public key as a key set has it (RFC 7517).
pub fn jwk(pair: &KeyPair, kid: &str) -> Value {
    let public = pair.public_key();
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e })
}

/// An object with some members changed, or taken away (`"absent"` says so, as
/// `null` is a value too).
fn changed(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().expect("an object is changed");
    for (name, value) in changes.as_object().expect("changes are an object") {
        if value == "absent" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn sign(pair: &KeyPair, way: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(way, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a key signs what it is given");
    signature
}

fn compact(header: &str, claims: &str, signature: &[u8]) -> String {
    format!("{header}.{claims}.{}", encoded(signature))
}

fn add(all: &mut Vec<Forgery>, name: impl Into<String>, token: String) {
    all.push(Forgery { name: name.into(), token });
}
