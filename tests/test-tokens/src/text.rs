//! The right key, and a text that isn't a token, or is one for some readers only.

use super::{Forger, Forgery, add, encoded};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

pub(super) fn forge(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    parts(forger, all);
    spelling(forger, all);
    duplicates(forger, all);
    json(forger, all);
    let long = forger.claims_with(&serde_json::json!({ "sub": "a".repeat(20_000) }));
    add(all, "a token too long", forger.signed(&forger.header(), &long));
}

/// More parts than three, or fewer, or none.
fn parts(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let good = forger.good();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        unreachable!("a token has three parts");
    };
    for (name, token) in [
        ("a dot", ".".to_owned()),
        ("two dots", "..".to_owned()),
        ("three dots", "...".to_owned()),
        ("one part", header.to_owned()),
        ("the claims alone", claims.to_owned()),
        ("the signature alone", signature.to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("only a signature", format!("..{signature}")),
        ("only a header", format!("{header}..")),
        ("a dot after it", format!("{good}.")),
        ("a dot before it", format!(".{good}")),
        ("two dots between", format!("{header}..{claims}.{signature}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{header}.{claims}.{header}.{claims}.{signature}")),
        ("two tokens and a comma", format!("{good},{good}")),
        ("two tokens and a space", format!("{good} {good}")),
        ("two tokens in one", format!("{good}{good}")),
        ("another scheme", format!("Basic {good}")),
        ("in quotes", format!("\"{good}\"")),
        ("in brackets", format!("<{good}>")),
        ("with a parameter", format!("{good}; charset=utf-8")),
        ("with escaped dots", good.replace('.', "%2E")),
        ("with other dots", good.replace('.', "\u{3002}")),
        ("with commas for dots", good.replace('.', ",")),
        ("with an invisible letter", format!("\u{feff}{good}")),
        ("with a letter of no width", good.replacen('.', "\u{200b}.", 1)),
        (
            "as JSON",
            serde_json::json!({
                "protected": header, "payload": claims, "signature": signature,
            })
            .to_string(),
        ),
        (
            "as general JSON",
            serde_json::json!({
                "payload": claims,
                "signatures": [{ "protected": header, "signature": signature }],
            })
            .to_string(),
        ),
        ("with its payload elsewhere", format!("{header}..{signature}.{claims}")),
        ("backwards", good.chars().rev().collect()),
        ("in capitals", good.to_uppercase()),
        ("in small letters", good.to_lowercase()),
        ("the header twice", format!("{header}.{header}.{signature}")),
        ("the claims twice", format!("{claims}.{claims}.{signature}")),
        ("the other way round", format!("{claims}.{header}.{signature}")),
    ] {
        add(all, format!("a text: {name}"), token);
    }
}

/// Base64url in spellings that some decoders take, signed as it stands.
fn spelling(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    // Lengths at which two, four, or no bits of the last letter are unused.
    for spaces in 0..3 {
        let header = forger.header().to_string() + &" ".repeat(spaces);
        let claims = forger.claims().to_string() + &" ".repeat(spaces);
        let (part, body) = (encoded(&header), encoded(&claims));
        let spelled = |text: &str| {
            let mut spelled = vec![
                ("padded", format!("{}=", encoded(text))),
                ("padded twice", format!("{}==", encoded(text))),
                ("with a line end", format!("{}\n", encoded(text))),
                ("with a space", format!("{} ", encoded(text))),
                ("with a tab inside", {
                    let text = encoded(text);
                    format!("{}\t{}", &text[..8], &text[8..])
                }),
                ("encoded twice", encoded(encoded(text))),
                ("not encoded", text.to_owned()),
                ("with a star", format!("{}*", encoded(text))),
            ];
            if let Some(other) = leftover(&encoded(text)) {
                spelled.push(("with bits left over", other));
            }
            let standard = STANDARD.encode(text);
            if standard != encoded(text) {
                spelled.push(("in base64", standard));
            }
            let padded = URL_SAFE.encode(text);
            if padded != encoded(text) {
                spelled.push(("padded as can be", padded));
            }
            spelled
        };
        for (name, other) in spelled(&header) {
            let token = forger.signed_parts(&other, &body);
            add(all, format!("the header {name}, {spaces} spaces"), token);
        }
        for (name, other) in spelled(&claims) {
            let token = forger.signed_parts(&part, &other);
            add(all, format!("the claims {name}, {spaces} spaces"), token);
        }
    }
}

/// The same bytes with other bits after them, if a letter has such bits.
fn leftover(text: &str) -> Option<String> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (stem, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let place = alphabet.find(last)?;
    let other = format!("{stem}{}", alphabet.as_bytes()[place ^ 1] as char);
    (URL_SAFE_NO_PAD.decode(&other).is_err()).then_some(other)
}

/// A member that comes twice: one reader takes the first, another the last.
fn duplicates(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let (header, claims) = (forger.header().to_string(), forger.claims().to_string());
    let inside = |object: &str| object[1..object.len() - 1].to_owned();
    let (head, body) = (inside(&header), inside(&claims));
    for member in [
        r#""alg":"none""#,
        r#""alg":"RS256""#,
        r#""alg":"HS256""#,
        r#""\u0061lg":"none""#,
        r#""kid":"theirs""#,
        r#""typ":"JWT""#,
        r#""typ":"at+jwt""#,
    ] {
        for twice in [format!("{{{member},{head}}}"), format!("{{{head},{member}}}")] {
            add(all, format!("header {twice}"), forger.signed_text(&twice, &claims));
        }
    }
    let now = forger.now;
    for member in [
        format!(r#""exp":{}"#, now + 900),
        format!(r#""exp":{}"#, now + 90_000),
        r#""exp":0"#.to_owned(),
        format!(r#""\u0065xp":{}"#, now + 900),
        r#""nbf":0"#.to_owned(),
        r#""iat":0"#.to_owned(),
        r#""aud":"hongyan""#.to_owned(),
        r#""aud":"unknown""#.to_owned(),
        r#""iss":"https://example.com""#.to_owned(),
        format!(r#""iss":"{}""#, forger.issuer),
        r#""sub":"ffffffffffffffffffffffffffffffff""#.to_owned(),
        r#""sid":"ffffffffffffffffffffffffffffffff""#.to_owned(),
        r#""jti":"ffffffffffffffffffffffffffffffff""#.to_owned(),
    ] {
        for twice in [format!("{{{member},{body}}}"), format!("{{{body},{member}}}")] {
            let shown = if twice.starts_with(&format!("{{{member}")) { "first" } else { "last" };
            add(all, format!("twice, {shown}: {member}"), forger.signed_text(&header, &twice));
        }
    }
}

/// Texts that are no JSON object, or one and something more.
fn json(forger: &Forger<'_>, all: &mut Vec<Forgery>) {
    let (header, claims) = (forger.header().to_string(), forger.claims().to_string());
    let spoiled = |object: &str| -> Vec<(&str, Vec<u8>)> {
        let text = |text: String| text.into_bytes();
        let mut no_utf8 = object.as_bytes().to_vec();
        no_utf8.insert(3, 0xFF);
        vec![
            ("nothing", Vec::new()),
            ("null", text("null".to_owned())),
            ("a number", text("1".to_owned())),
            ("a text", text("\"ann\"".to_owned())),
            ("an empty object", text("{}".to_owned())),
            ("a list of it", text(format!("[{object}]"))),
            ("a text of it", text(serde_json::json!(object).to_string())),
            ("it twice", text(format!("{object}{object}"))),
            ("it twice, in two lines", text(format!("{object}\n{object}"))),
            ("it and a letter", text(format!("{object}x"))),
            ("it and a zero byte", text(format!("{object}\0"))),
            ("it and a brace", text(format!("{object}}}"))),
            ("it without its end", text(object[..object.len() - 1].to_owned())),
            ("it with a comma more", text(object.replace('}', ",}"))),
            ("it with a remark", text(format!("{object}/* ann */"))),
            ("it with other quotes", text(object.replace('"', "'"))),
            ("it without quotes", text(object.replace('"', ""))),
            ("it after a mark of order", text(format!("\u{feff}{object}"))),
            ("it in UTF-16", object.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            ("it with a byte that is no letter", no_utf8),
            ("it under a name", text(format!("{{\"it\":{object}}}"))),
            ("a deep list", text("[".repeat(5_000))),
        ]
    };
    for (name, other) in spoiled(&header) {
        add(
            all,
            format!("for a header, {name}"),
            forger.signed_parts(&encoded(other), &encoded(&claims)),
        );
    }
    for (name, other) in spoiled(&claims) {
        add(
            all,
            format!("for claims, {name}"),
            forger.signed_parts(&encoded(&header), &encoded(other)),
        );
    }
}
