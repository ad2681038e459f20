//! The right key, and wrong claims: another audience, another issuer, of
//! another kind.

use super::{AUDIENCE, Forger, Forgery, add};
use serde_json::{Value, json};

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let issuer = forger.issuer;
    let (scheme, rest) = issuer.split_once("://").unwrap_or(("https", issuer));
    let wrong = |name: &str, values: Vec<Value>, all: &mut Vec<Forgery>| {
        for value in values {
            let claims = forger.claims_with(&json!({ name: value }));
            add(all, format!("{name} {value}"), forger.signed(&forger.header(), &claims));
        }
    };
    wrong(
        "iss",
        vec![
            json!("absent"),
            json!(null),
            json!(""),
            json!(0),
            json!(true),
            json!([issuer]),
            json!({ "iss": issuer }),
            json!(format!("{issuer}/")),
            json!(format!("{issuer} ")),
            json!(format!(" {issuer}")),
            json!(format!("{issuer}\0")),
            json!(format!("{issuer}#")),
            json!(format!("{issuer}?")),
            json!(format!("{issuer}.example.com")),
            json!(format!("{issuer}@example.com")),
            json!(issuer.to_uppercase()),
            json!(rest),
            json!(format!("{scheme}s://{rest}")),
            json!(format!("{scheme}://example.com")),
            json!(format!("{scheme}://{rest}.")),
            json!(issuer[..issuer.len() - 1].to_owned()),
            json!("https://accounts.google.com"),
        ],
        all,
    );
    wrong(
        "aud",
        vec![
            json!("absent"),
            json!(null),
            json!(""),
            json!(0),
            json!(true),
            json!([]),
            json!(["unknown"]),
            json!([[AUDIENCE]]),
            json!([null]),
            json!([format!("{AUDIENCE} ")]),
            json!({ AUDIENCE: true }),
            json!("Hongyan"),
            json!("HONGYAN"),
            json!("hongya"),
            json!("hongyang"),
            json!("hongyan "),
            json!(" hongyan"),
            json!("hongyan,unknown"),
            json!("hongyan unknown"),
            json!("hongyan\0"),
            json!("hongуan"),
            json!("*"),
        ],
        all,
    );
    let elsewhere = json!({ "aud": "unknown", "client_id": AUDIENCE });
    let token = forger.signed(&forger.header(), &forger.claims_with(&elsewhere));
    add(all, "another audience, and our client_id", token);
    // A token that says it is of another kind (RFC 8725, section 3.11).
    for typ in [
        json!("dpop+jwt"),
        json!("id+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("oauth-authz-req+jwt"),
        json!("token-introspection+jwt"),
        json!("JOSE"),
        json!("none"),
        json!(""),
        json!(" at+jwt"),
        json!("at+jwt "),
        json!("at+jwt\0"),
        json!("at jwt"),
        json!("at"),
        json!(null),
        json!(0),
        json!(["at+jwt"]),
        json!({ "typ": "at+jwt" }),
    ] {
        let token = forger.signed(&forger.header_with(&json!({ "typ": typ })), &forger.claims());
        add(all, format!("typ {typ}"), token);
    }
}

pub(super) fn unusual_tokens(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    for typ in ["absent", "JWT", "jwt", "AT+JWT", "application/at+jwt"] {
        let token = forger.signed(&forger.header_with(&json!({ "typ": typ })), &forger.claims());
        add(all, format!("typ {typ}"), token);
    }
    for changes in [
        json!({ "aud": [AUDIENCE] }),
        json!({ "aud": ["unknown", AUDIENCE] }),
        json!({ "aud": "absent", "client_id": AUDIENCE }),
        json!({ "sub": "absent" }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": ["0123456789abcdef0123456789abcdef"] }),
        json!({ "sid": "absent" }),
        json!({ "sid": "" }),
        json!({ "sid": null }),
        json!({ "jti": "absent" }),
        json!({ "jti": 1 }),
        json!({ "scope": "admin" }),
        json!({ "admin": true }),
        json!({ "nonce": "n" }),
    ] {
        let token = forger.signed(&forger.header(), &forger.claims_with(&changes));
        add(all, format!("claims {changes}"), token);
    }
}
