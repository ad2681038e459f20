//! Other algorithms: none at all, a password instead of a key, RSA otherwise.

use super::{Forger, Forgery, add, compact, encoded, sign};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let good = forger.good();
    let (_, signature) = good.rsplit_once('.').expect("a token has dots");
    let claims = encoded(forger.claims().to_string());
    for alg in others() {
        let header = forger.header_with(&json!({ "alg": alg }));
        let part = encoded(header.to_string());
        add(
            all,
            format!("alg {alg}, signed all the same"),
            forger.signed(&header, &forger.claims()),
        );
        add(all, format!("alg {alg}, and no signature"), format!("{part}.{claims}."));
        add(all, format!("alg {alg}, and no third part"), format!("{part}.{claims}"));
        add(
            all,
            format!("alg {alg}, and the good token's signature"),
            format!("{part}.{claims}.{signature}"),
        );
    }
    let ways: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    for (said, _) in ways {
        for (done, way) in ways {
            if (said, done) == ("RS256", "RS256") {
                continue;
            }
            let header = encoded(forger.header_with(&json!({ "alg": said })).to_string());
            let signature = sign(forger.ours, way, &format!("{header}.{claims}"));
            let name = format!("says {said}, signed by {done}");
            add(all, name, compact(&header, &claims, &signature));
        }
    }
    passwords(forger, &claims, all);
}

/// What may stand there instead of `RS256`.
fn others() -> Vec<Value> {
    let texts = [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "none\0",
        "",
        " ",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\0",
        "RS256\n",
        "RS-256",
        "RS256,none",
        "RSA",
        "RSA1_5",
        "SHA256",
        "RS1",
        "RS0",
        "ES256",
        "ES256K",
        "ES384",
        "EdDSA",
        "Ed25519",
        "ＲＳ256",
        "\u{200b}RS256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ];
    let mut others: Vec<Value> = texts.map(Value::from).to_vec();
    others.extend([
        json!("absent"),
        json!(null),
        json!(true),
        json!(256),
        json!([]),
        json!(["RS256"]),
        json!({ "RS256": true }),
    ]);
    others
}

/// A check that lets the token choose takes the public key, which everybody has,
/// for a password.
fn passwords(forger: &Forger<'_>, claims: &str, all: &mut Vec<Forgery>) {
    let public = forger.ours.public_key();
    let jwk = super::jwk(forger.ours, forger.kid);
    let pkcs1 = public.as_ref().to_vec();
    let spki: PublicKeyX509Der<'_> = public.as_der().expect("a public key can be written");
    let spki = spki.as_ref().to_vec();
    let n = jwk["n"].as_str().unwrap_or_default();
    let pem = |label: &str, der: &[u8], end: &str| {
        let lines: Vec<_> = STANDARD.encode(der).into_bytes();
        let lines: Vec<_> = lines.chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN {label}-----{end}{}{end}-----END {label}-----", lines.join(end))
    };
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("PKCS #1 in PEM", pem("RSA PUBLIC KEY", &pkcs1, "\n").into_bytes()),
        (
            "PKCS #1 in PEM and a line end",
            (pem("RSA PUBLIC KEY", &pkcs1, "\n") + "\n").into_bytes(),
        ),
        ("X.509 in PEM", pem("PUBLIC KEY", &spki, "\n").into_bytes()),
        ("X.509 in PEM and a line end", (pem("PUBLIC KEY", &spki, "\n") + "\n").into_bytes()),
        ("X.509 in PEM with the lines of Windows", pem("PUBLIC KEY", &spki, "\r\n").into_bytes()),
        ("PKCS #1 in base64", STANDARD.encode(&pkcs1).into_bytes()),
        ("X.509 in base64", STANDARD.encode(&spki).into_bytes()),
        ("X.509 in base64url", encoded(&spki).into_bytes()),
        ("PKCS #1", pkcs1),
        ("X.509", spki),
        ("the modulus in base64url", n.as_bytes().to_vec()),
        ("the modulus", public.modulus().big_endian_without_leading_zero().to_vec()),
        ("the key of the key set", jwk.to_string().into_bytes()),
        ("the key set", json!({ "keys": [jwk] }).to_string().into_bytes()),
        ("the key's id", forger.kid.as_bytes().to_vec()),
        ("the issuer's name", forger.issuer.as_bytes().to_vec()),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 32]),
        ("secret", b"secret".to_vec()),
    ];
    for (name, secret) in secrets {
        for (alg, way) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
            ("RS256", hmac::HMAC_SHA256),
        ] {
            let header = encoded(forger.header_with(&json!({ "alg": alg })).to_string());
            let message = format!("{header}.{claims}");
            let tag = hmac::sign(&hmac::Key::new(way, &secret), message.as_bytes());
            let name = format!("says {alg}, and the password is {name}");
            add(all, name, compact(&header, claims, tag.as_ref()));
        }
    }
}
