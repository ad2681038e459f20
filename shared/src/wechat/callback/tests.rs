use super::*;

const NOW: Timestamp = Timestamp(1_714_112_445);
/// From WeChat's documentation: a push in safe mode.
const ENCRYPT: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
const SIGNED: [(&str, &str); 6] = [
    ("signature", "6c5c811b55cc85e0e1b54100749188c20beb3f5d"),
    ("timestamp", "1714112445"),
    ("nonce", "415670741"),
    ("openid", "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"),
    ("encrypt_type", "aes"),
    ("msg_signature", "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"),
];

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn key(text: &str) -> EncodingAesKey {
    EncodingAesKey::parse(text).unwrap()
}

fn callback(mode: EncryptionMode) -> Callback {
    Callback {
        app_id: AppId::parse("wxba5fad812f8e6fb9").unwrap(),
        mode,
        tokens: vec![secret("AAAAA")],
        aes_keys: vec![key(&"A".repeat(43))],
        window: DEFAULT_WINDOW,
    }
}

fn query() -> Query {
    Query::read(SIGNED).unwrap()
}

fn body() -> String {
    format!(r#"{{"ToUserName":"gh_97417a04a28d","Encrypt":"{ENCRYPT}"}}"#)
}

#[test]
fn url_verification_is_answered_in_every_mode() {
    let verification = [
        ("signature", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("timestamp", "1714036504"),
        ("nonce", "1514711492"),
        ("echostr", "4375120948345356249"),
    ];
    let now = Timestamp(1_714_036_504);
    let query = Query::read(verification).unwrap();
    for mode in [EncryptionMode::Plaintext, EncryptionMode::Compatible, EncryptionMode::Safe] {
        assert_eq!(callback(mode).verify_url(&query, now), Ok("4375120948345356249"));
    }
    let unsigned = Query::read(verification[1..].iter().copied()).unwrap();
    assert_eq!(
        callback(EncryptionMode::Safe).verify_url(&unsigned, now),
        Err(VerificationError::BadSignature)
    );
    let silent = Query::read(verification[..3].iter().copied()).unwrap();
    assert_eq!(
        callback(EncryptionMode::Safe).verify_url(&silent, now),
        Err(VerificationError::Malformed)
    );
}

/// The published push opens, and its published answer is one that we would
/// have sealed under the same key.
#[test]
fn published_push_is_decrypted() {
    for mode in [EncryptionMode::Compatible, EncryptionMode::Safe] {
        let opened = callback(mode).decrypt(&query(), body().as_bytes(), NOW).unwrap();
        assert!(opened.message.ends_with(r#""debug_str":"hello world"}"#), "{}", opened.message);
        assert!(opened.reply_cipher.is_some());
    }
}

/// Fault 16.
#[test]
fn mode_comes_from_the_configuration_not_the_request() {
    let plain = br#"{"MsgType":"text"}"#;
    for mode in [EncryptionMode::Compatible, EncryptionMode::Safe] {
        assert!(callback(mode).decrypt(&query(), plain, NOW).is_err(), "downgraded");
    }
    let opened = callback(EncryptionMode::Plaintext).decrypt(&query(), plain, NOW).unwrap();
    assert_eq!(opened.message.as_bytes(), plain);
    assert!(opened.reply_cipher.is_none());
}

/// Fault 15.
#[test]
fn old_and_future_requests_are_rejected_unless_any_time_is_accepted() {
    let mut callback = callback(EncryptionMode::Safe);
    let open = |callback: &Callback, now: u64| {
        callback.decrypt(&query(), body().as_bytes(), Timestamp(now)).is_ok()
    };
    assert!(open(&callback, NOW.0 + 300) && open(&callback, NOW.0 - 300));
    assert!(!open(&callback, NOW.0 + 301) && !open(&callback, NOW.0 - 301));
    callback.window = 20;
    assert!(open(&callback, NOW.0 + 20) && !open(&callback, NOW.0 + 21));
    callback.window = 0;
    assert!(open(&callback, 0) && open(&callback, u64::MAX));
}

#[test]
fn reply_uses_the_token_and_key_of_the_push_during_a_rotation() {
    let mut callback = callback(EncryptionMode::Safe);
    let new_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    callback.tokens.insert(0, secret("BBBBB"));
    callback.aes_keys.insert(0, key(new_key));
    let opened = callback.decrypt(&query(), body().as_bytes(), NOW).unwrap();
    let sealed = opened.reply_cipher.unwrap().encrypt("<xml/>", Format::Json, NOW);
    let sealed: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    let part = |name: &str| sealed[name].as_str().unwrap();
    assert_eq!(sealed["TimeStamp"], NOW.0);
    assert_eq!(
        part("MsgSignature"),
        signature::sign(&["AAAAA", "1714112445", part("Nonce"), part("Encrypt")])
    );
    let with = |text: &str| crypto::decrypt(&key(text), &callback.app_id, part("Encrypt"));
    assert_eq!(with(&"A".repeat(43)).unwrap(), b"<xml/>");
    assert!(with(new_key).is_err());
}

#[test]
fn encrypted_reply_is_deterministic() {
    let seal = callback(EncryptionMode::Safe)
        .decrypt(&query(), body().as_bytes(), NOW)
        .unwrap()
        .reply_cipher
        .unwrap();
    for format in [Format::Xml, Format::Json] {
        let one = seal.encrypt("<xml><A>1</A></xml>", format, NOW);
        assert_eq!(one, seal.encrypt("<xml><A>1</A></xml>", format, NOW));
        let other = seal.encrypt("<xml><A>2</A></xml>", format, NOW);
        let nonce = |text: &str| text[text.find("Nonce").unwrap()..].to_owned();
        assert_ne!(nonce(&one), nonce(&other));
    }
    let xml = seal.encrypt("<xml/>", Format::Xml, NOW);
    assert!(xml.starts_with("<xml><Encrypt><![CDATA["), "{xml}");
    assert_eq!(envelope::encrypted(&xml).map(|text| text.len() % 4), Ok(0));
}

/// Fault 19.
#[test]
fn every_rejection_is_the_same() {
    let callback = callback(EncryptionMode::Safe);
    let bodies = [
        "".to_owned(),
        "hello".to_owned(),
        "{}".to_owned(),
        body().replace("+qdx", "-qdx"),
        body().replace("+qdx", "AAAA"),
        body().replace("Encrypt", "Encrypted"),
    ];
    let refusal = |callback: &Callback, body: &[u8], now: u64| {
        callback.decrypt(&query(), body, Timestamp(now)).unwrap_err()
    };
    let mut refusals: Vec<_> =
        bodies.iter().map(|bad| refusal(&callback, bad.as_bytes(), NOW.0)).collect();
    assert_eq!(refusals, [VerificationError::BadSignature; 6]);
    let other_app = Callback { app_id: AppId::parse("wx2").unwrap(), ..callback.clone() };
    let keyless = Callback { aes_keys: vec![], ..callback.clone() };
    for (callback, body, now, reason) in [
        (&callback, [0xff, 0xfe].as_slice(), NOW.0, VerificationError::BadSignature),
        (&other_app, body().as_bytes(), NOW.0, VerificationError::Unreadable),
        (&keyless, body().as_bytes(), NOW.0, VerificationError::Unreadable),
        (&callback, body().as_bytes(), NOW.0 + 301, VerificationError::Stale),
        (&callback, body().as_bytes(), NOW.0 - 301, VerificationError::Stale),
        (&callback, b"{}", NOW.0 + 301, VerificationError::Malformed),
    ] {
        assert_eq!(refusal(callback, body, now), reason);
        refusals.push(reason);
    }
    // The operator sees which, a stranger doesn't.
    let texts: std::collections::BTreeSet<_> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
}
