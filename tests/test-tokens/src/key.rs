//! Games with the key: its id, one that the token brings along, where to find it.

use super::{Forger, Forgery, add, encoded};
use serde_json::{Value, json};

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let kid = forger.kid;
    for wrong in [
        json!("absent"),
        json!(null),
        json!(0),
        json!(true),
        json!([kid]),
        json!({ "kid": kid }),
        json!(""),
        json!(" "),
        json!(format!("{kid} ")),
        json!(format!(" {kid}")),
        json!(format!("{kid}\0")),
        json!(format!("{kid}=")),
        json!(format!("{kid}{kid}")),
        json!(format!("{kid},{kid}")),
        json!(kid[..kid.len() - 1].to_owned()),
        json!(swapped(kid)),
        json!(encoded(kid)),
        json!(format!("../{kid}")),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///dev/null"),
        json!("http://127.0.0.1:1/key"),
        json!(format!("{kid}' OR '1'='1")),
        json!("' UNION SELECT 'secret' --"),
        json!(format!("{kid}|id")),
        json!("$(id)"),
        json!("*"),
        json!("__proto__"),
        json!("k".repeat(5000)),
        json!("\u{202e}\u{1f511}"),
        json!("current"),
    ] {
        let shown: String = wrong.to_string().chars().take(60).collect();
        let header = forger.header_with(&json!({ "kid": wrong }));
        add(all, format!("kid {shown}"), forger.signed(&header, &forger.claims()));
        add(all, format!("kid {shown}, and another key"), forger.forged(&header));
    }
    add(all, "another key", forger.forged(&forger.header()));
    for (name, members) in guides(forger) {
        add(all, format!("another key, and {name}"), forger.forged(&forger.header_with(&members)));
        let unnamed = super::changed(forger.header_with(&members), &json!({ "kid": "absent" }));
        add(all, format!("another key without an id, and {name}"), forger.forged(&unnamed));
        let own = super::changed(forger.header_with(&members), &json!({ "kid": "theirs" }));
        add(all, format!("another key of its own id, and {name}"), forger.forged(&own));
    }
    // An implementation that doesn't know a critical header must reject (RFC 7515, section
    // 4.1.11), and nothing is known here.
    for crit in [
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["exp"], "exp": forger.now + 900 }),
        json!({ "crit": ["http://example.com/other"], "http://example.com/other": true }),
        json!({ "crit": [] }),
        json!({ "crit": ["alg"] }),
        json!({ "crit": null }),
        json!({ "crit": "b64" }),
    ] {
        let token = forger.signed(&forger.header_with(&crit), &forger.claims());
        add(all, format!("critical: {crit}"), token);
    }
}

/// The same, but the issuer has signed it: API Gateway doesn't look at these.
pub(super) fn unusual_tokens(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    for (name, members) in guides(forger) {
        let token = forger.signed(&forger.header_with(&members), &forger.claims());
        add(all, format!("signed, and {name}"), token);
    }
    for members in [json!({ "cty": "JWT" }), json!({ "zip": "DEF" }), json!({ "b64": true })] {
        let token = forger.signed(&forger.header_with(&members), &forger.claims());
        add(all, format!("signed, and {members}"), token);
    }
}

/// Where a token says that its key is.
fn guides(forger: &Forger<'_>) -> Vec<(&'static str, Value)> {
    let jwk = forger.their_jwk(forger.kid);
    let chain = ["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"];
    vec![
        ("the key itself", json!({ "jwk": jwk })),
        ("the key itself, as a text", json!({ "jwk": jwk.to_string() })),
        ("the key itself, in a set", json!({ "jwks": { "keys": [jwk] } })),
        ("where a set is", json!({ "jku": "http://127.0.0.1:1/keys" })),
        (
            "where a set of the issuer's would be",
            json!({ "jku": format!("{}@127.0.0.1:1/keys", forger.issuer) }),
        ),
        ("a certificate", json!({ "x5c": chain })),
        ("where a certificate is", json!({ "x5u": "http://127.0.0.1:1/certificate" })),
        ("the sum of a certificate", json!({ "x5t": encoded([0; 20]) })),
        ("the better sum of a certificate", json!({ "x5t#S256": encoded([0; 32]) })),
        (
            "all of it",
            json!({
                "jwk": jwk, "jku": "http://127.0.0.1:1/keys", "x5c": chain,
                "x5u": "http://127.0.0.1:1/certificate",
            }),
        ),
    ]
}

/// With capitals for small letters, and the other way round.
fn swapped(text: &str) -> String {
    let swap = |c: char| {
        if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    };
    text.chars().map(swap).collect()
}
