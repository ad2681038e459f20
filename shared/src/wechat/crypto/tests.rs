//! Vectors published by WeChat and by others, which the sandbox's sharing of
//! this code cannot spoil.

use super::*;
use crate::wechat::signature::sign;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn key(text: &str) -> EncodingAesKey {
    EncodingAesKey::parse(text).unwrap()
}

fn app(text: &str) -> AppId {
    AppId::parse(text).unwrap()
}

/// From WeChat's documentation: a JSON push in safe mode, and the answer to it.
#[test]
fn wechat_documentation() {
    let ciphertext = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
    let key = key(&"A".repeat(43));
    let app = app("wxba5fad812f8e6fb9");
    let message = r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#;
    assert_eq!(
        sign(&["AAAAA", "1714112445", "415670741", ciphertext]),
        "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
    );
    assert_eq!(decrypt(&key, &app, ciphertext).unwrap(), message.as_bytes());
    assert_eq!(encrypt(&key, &app, *b"a8eedb185eb2fecf", message.as_bytes()), ciphertext);

    let answer = encrypt(&key, &app, *b"707722b803182950", br#"{"demo_resp":"good luck"}"#);
    assert_eq!(
        answer,
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    );
    assert_eq!(
        sign(&["AAAAA", "1713424427", "415670741", &answer]),
        "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
    );
}

/// From the tests of `WxJava`: a key with spare bits set, and Chinese text.
#[test]
fn wxjava() {
    let sealed = encrypt(
        &key(LETTERS),
        &app("wxb11529c136998cb6"),
        *b"aaaabbbbccccdddd",
        "我是中文abcd123".as_bytes(),
    );
    assert_eq!(
        sealed,
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    );
}

/// From the tests of easywechat: an XML push.
#[test]
fn easywechat() {
    let ciphertext = "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA==";
    assert_eq!(
        sign(&["pamtest", "1458300676", "260774613", ciphertext]),
        "4f3ad57b6989f09f4eb392acce4f9e93942ed890"
    );
    let message = decrypt(&key(LETTERS), &app("wxb11529c136998cb6"), ciphertext).unwrap();
    assert_eq!(message.len(), 293);
    let message = String::from_utf8(message).unwrap();
    assert!(message.contains("<MsgId>12345</MsgId>"), "{message}");
}

/// From the tests of wechatpy: a short message under a key with spare bits.
#[test]
fn wechatpy() {
    let ciphertext =
        "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==";
    let key = key("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR");
    assert_eq!(
        decrypt(&key, &app("wx49f0ab532d5d035a"), ciphertext).unwrap(),
        b"5927782489442352469"
    );
}

/// Computed with openssl: a message that needs a whole block of padding.
#[test]
fn a_whole_block_of_padding() {
    let sealed = encrypt(
        &key(LETTERS),
        &app("wx0123456789abcdef"),
        *b"fedcba9876543210",
        b"abcdefghijklmnopqrstuvwxyz",
    );
    assert_eq!(
        sealed,
        "DpQeJfnf/MGZ/+GTIspwVD1oNqvrU1MMH+q+sIFoVO1pidjpOP3IAcbGMZOpontQ1juGWJQY+oB2OwcgXcroFqcHylYe2yyGH0kwghXQExuj8ebDuxY44ZI13Gs+N0kQ"
    );
    assert_eq!(
        sign(&["tok3n", "1700000001", "1", &sealed]),
        "8112aede8af8da4a6610e0176c6b57383a080cd3"
    );
}

/// Computed with openssl: XML with Chinese text and markup inside CDATA.
#[test]
fn markup_and_chinese() {
    let message = "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><FromUserName><![CDATA[oTESTopenid00000000000000001]]></FromUserName><CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好, hello & <b>]]></Content><MsgId>24000000000000001</MsgId></xml>";
    let ciphertext = "Q3stYC6hdFzMh9T8HCvyDBq9l/syAY/pM3uxe+IWgd0UDXDgjOSKvZ1WlM95DXFHhm3+w8pDEvdrDY0XguQcqN5R0wUfDbSeBGulFqciaDVkMTA1p4xJz5GB1KBoGorfgS7yyJalgvZta2VDpnsxEd7CAg9bijjn/1YxmeLJYLVxod0cD10nRTltZmwQXXDaX2aOVyr3FfjSA9RDKxFABETjBIaEU6XDoJEHD2eyctGz7Ale2CPPmxur6E8wa7dGQvAObOf7fEel5iGpBezwYpuP1UppTFk81JVG9MXvgnQiddU3vxA6FdX8f0RhYOIjEhmyheeKcndaH819eYhNr6B78Sj+oXO/mkIIgRrtn+oVhhLI1JcKSpjZOcCqwSpplH4KEp/LkkPe29gU2Mr+dprJSCkJh3h75DUTtI+1gKLiYLa2K37wbyQAfO70n7C7vSE2pt8Ecn5Z+ZBSAZjc7Q==";
    let app = app("wx0123456789abcdef");
    assert_eq!(encrypt(&key(LETTERS), &app, *b"0123456789abcdef", message.as_bytes()), ciphertext);
    assert_eq!(decrypt(&key(LETTERS), &app, ciphertext).unwrap(), message.as_bytes());
    assert_eq!(
        sign(&["tok3n", "1700000000", "987654321", ciphertext]),
        "a43cc8994d7d9d97546cf1bb3d342b7b5dd443e3"
    );
}

#[test]
fn every_length_of_padding_goes_both_ways() {
    let app = app("wx0123456789abcdef");
    for length in 0..64 {
        let message = vec![b'x'; length];
        let sealed = encrypt(&key(LETTERS), &app, [7; 16], &message);
        assert_eq!(decrypt(&key(LETTERS), &app, &sealed).unwrap(), message);
    }
}

/// Fault 18.
#[test]
fn other_apps_and_broken_ciphertexts_are_not_decrypted() {
    let ours = app("wx0123456789abcdef");
    let sealed = encrypt(&key(LETTERS), &ours, [7; 16], b"hello");
    assert_eq!(decrypt(&key(LETTERS), &app("wx0123456789abcdee"), &sealed), Err(DecryptionError));
    assert_eq!(decrypt(&key(&"A".repeat(43)), &ours, &sealed), Err(DecryptionError));
    assert_eq!(decrypt(&key(LETTERS), &ours, ""), Err(DecryptionError));
    assert_eq!(decrypt(&key(LETTERS), &ours, &sealed[..sealed.len() - 4]), Err(DecryptionError));
    assert_eq!(decrypt(&key(LETTERS), &ours, "not base64"), Err(DecryptionError));
}

#[test]
fn a_key_has_43_letters_and_digits() {
    assert!(EncodingAesKey::parse(&"A".repeat(42)).is_err());
    assert!(EncodingAesKey::parse(&"A".repeat(44)).is_err());
    assert!(EncodingAesKey::parse(&format!("{}+", "A".repeat(42))).is_err());
}
