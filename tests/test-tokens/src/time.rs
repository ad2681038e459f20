//! The right key, and wrong times. Two clocks may differ by some seconds, so none
//! of these is nearly right.

use super::{Forger, Forgery, add};
use serde_json::{Value, json};

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let now = forger.now;
    let float = |seconds: u64| f64::from(u32::try_from(seconds).unwrap_or(u32::MAX)) + 0.5;
    let try_with = |name: &str, values: &[Value], all: &mut Vec<Forgery>| {
        for value in values {
            let claims = forger.claims_with(&json!({ name: value }));
            add(all, format!("{name} {value}"), forger.signed(&forger.header(), &claims));
        }
    };
    // Not numbers at all.
    let mut no_time = vec![
        json!(null),
        json!(true),
        json!(""),
        json!("0"),
        json!(now.to_string()),
        json!((now + 900).to_string()),
        json!(format!("{}.0", now + 900)),
        json!("2099-01-01T00:00:00Z"),
        json!("tomorrow"),
        json!("Infinity"),
        json!("NaN"),
        json!("1e300"),
        json!([]),
        json!([now + 900]),
        json!([now - 900]),
        json!({ "$numberLong": (now + 900).to_string() }),
    ];
    for name in ["exp", "nbf", "iat"] {
        try_with(name, &no_time, all);
    }
    no_time.clear();
    try_with(
        "exp",
        &[
            json!("absent"),
            json!(now - 60),
            json!(now - 900),
            json!(float(now - 60)),
            json!(0),
            json!(1),
            json!(-1),
            json!(-0.0),
            json!(i64::MIN),
            json!(-1e300),
            json!(f64::MIN_POSITIVE),
            json!(now / 1000),
        ],
        all,
    );
    for name in ["nbf", "iat"] {
        try_with(
            name,
            &[
                json!(now + 60),
                json!(now + 86_400),
                json!(float(now + 60)),
                json!(now * 1000),
                json!(u64::MAX),
                json!(i64::MAX),
                json!(1e300),
                json!(f64::MAX),
            ],
            all,
        );
    }
    // What no JSON is, and what becomes infinite where it is taken for some.
    let claims = forger.claims().to_string();
    for (name, good) in [("exp", now + 900), ("nbf", now), ("iat", now)] {
        let member = format!("\"{name}\":{good}");
        for wrong in [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "-1e400",
            "0x7fffffff",
            "0777777777777",
            "+1",
            "1_900_000_000",
            "19e",
            "1.",
            ".5",
            "'1900000000'",
            "undefined",
            "",
        ] {
            let text = claims.replace(&member, &format!("\"{name}\":{wrong}"));
            let token = forger.signed_text(&forger.header().to_string(), &text);
            add(all, format!("{name} written {wrong:?}"), token);
        }
    }
}

/// API Gateway asks for an end that is to come, and not how far away it is.
pub(super) fn unusual_tokens(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let now = forger.now;
    for changes in [
        json!({ "exp": now + 901 }),
        json!({ "exp": now + 86_400 }),
        json!({ "exp": (now + 900) * 1000 }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": 1e300 }),
        json!({ "iat": now - 60 }),
        json!({ "iat": 0, "nbf": 0 }),
        json!({ "iat": "absent" }),
        json!({ "nbf": "absent" }),
        json!({ "iat": -1 }),
        json!({ "nbf": -1e300 }),
    ] {
        let token = forger.signed(&forger.header(), &forger.claims_with(&changes));
        add(all, format!("times {changes}"), token);
    }
}
