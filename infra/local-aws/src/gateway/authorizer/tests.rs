//! Tokens, good and bad.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, OnceLock},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{self, RSA_PKCS1_SHA256},
};
use axum::{Router, extract::State, http::HeaderValue};
use test_tokens::{AUDIENCE, Forger, jwk as public};

use super::*;

const NOW: u64 = 1_800_000_000;

/// The issuer's key, and a foreign one.
fn pairs() -> &'static [KeyPair; 2] {
    static PAIRS: OnceLock<[KeyPair; 2]> = OnceLock::new();
    PAIRS.get_or_init(|| [(); 2].map(|()| KeyPair::generate(KeySize::Rsa2048).unwrap()))
}

/// An issuer that publishes keys, and counts how often they are read.
struct Issuer {
    rule: Authorizer,
    keys: Keys,
    pages: Arc<Pages>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Pages {
    discovery: Mutex<Json>,
    key_set: Mutex<Json>,
    read: Mutex<u32>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let pages = Arc::new(Pages::default());
        let jwks_uri = format!("{issuer}/anywhere");
        *pages.discovery.lock().unwrap() = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        *pages.key_set.lock().unwrap() = json!({ "keys": [public(&pairs()[0], "key-1")] });
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                axum::routing::get(async |State(pages): State<Arc<Pages>>| {
                    pages.discovery.lock().unwrap().to_string()
                }),
            )
            .route(
                "/anywhere",
                axum::routing::get(async |State(pages): State<Arc<Pages>>| {
                    *pages.read.lock().unwrap() += 1;
                    pages.key_set.lock().unwrap().to_string()
                }),
            )
            .with_state(pages.clone());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let rule = Authorizer {
            name: "session".to_owned(),
            issuer: issuer.clone(),
            audience: vec![AUDIENCE.to_owned(), "others".to_owned()],
        };
        Self { rule, keys: Keys::new(&issuer).unwrap(), pages, server }
    }

    /// The claims of a good token.
    fn claims(&self) -> Json {
        json!({
            "iss": self.rule.issuer, "aud": AUDIENCE, "sub": "ann",
            "iat": NOW, "nbf": NOW, "exp": NOW + 900,
        })
    }

    /// The claims of a good token with some changed, or left out (`null`).
    fn with(&self, changes: &Json) -> Json {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    async fn lets_in(&self, values: &[&str]) -> Result<Json, Denied> {
        self.lets_in_at(values, NOW).await
    }

    async fn lets_in_at(&self, values: &[&str], now: u64) -> Result<Json, Denied> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::try_from(*value).unwrap());
        }
        authorize(&self.rule, &self.keys, &headers, Duration::from_secs(now)).await
    }

    fn read(&self) -> u32 {
        *self.pages.read.lock().unwrap()
    }
}

fn part(json: &Json) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

fn rs256() -> Json {
    json!({ "alg": "RS256", "typ": "at+jwt", "kid": "key-1" })
}

/// Signs what stands before the last dot, with a key and in a way.
fn signed_by(
    pair: &KeyPair,
    way: &'static dyn signature::RsaEncoding,
    head: &str,
    claims: &str,
) -> String {
    let message = format!("{head}.{claims}");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(way, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn signed(head: &Json, claims: &Json) -> String {
    signed_by(&pairs()[0], &RSA_PKCS1_SHA256, &part(head), &part(claims))
}

fn good(claims: &Json) -> String {
    signed(&rs256(), claims)
}

#[tokio::test]
async fn a_good_token_says_who() {
    let issuer = Issuer::start().await;
    let claims = issuer.with(&json!({
        "aud": ["unknown", "others"], "admin": true, "groups": ["a", "b"], "n": 1.5,
        "address": { "city": "Yan" },
    }));
    for value in [format!("Bearer {}", good(&claims)), good(&claims)] {
        let told = issuer.lets_in(&[&value]).await.unwrap();
        let expected = json!({ "jwt": { "scopes": null, "claims": {
            "iss": issuer.rule.issuer, "aud": "[unknown others]", "sub": "ann",
            "iat": "1800000000", "nbf": "1800000000", "exp": "1800000900",
            "admin": "true", "groups": "[a b]", "n": "1.5", "address": "{\"city\":\"Yan\"}",
        } } });
        assert_eq!(told, expected);
    }
    assert_eq!(issuer.read(), 1, "the keys are kept");
}

#[tokio::test]
async fn claims_that_may_be_absent_may_and_client_id_stands_in_for_aud() {
    let issuer = Issuer::start().await;
    for changes in [
        json!({ "nbf": null, "iat": null, "sub": null }),
        json!({ "aud": null, "client_id": AUDIENCE }),
        json!({ "iat": NOW - 1, "nbf": NOW - 1, "exp": NOW + 1 }),
    ] {
        let token = good(&issuer.with(&changes));
        assert!(issuer.lets_in(&[&token]).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn no_claims_but_the_right_ones_pass() {
    let issuer = Issuer::start().await;
    let iss = &issuer.rule.issuer;
    for (changes, reason) in [
        (json!({ "iss": null }), "issuer"),
        (json!({ "iss": "https://example.com" }), "issuer"),
        (json!({ "iss": format!("{iss}/") }), "issuer"),
        (json!({ "iss": iss.to_uppercase() }), "issuer"),
        (json!({ "iss": [iss] }), "issuer"),
        (json!({ "aud": null }), "audience"),
        (json!({ "aud": format!("{AUDIENCE}g") }), "audience"),
        (json!({ "aud": AUDIENCE.to_uppercase() }), "audience"),
        (json!({ "aud": "" }), "audience"),
        (json!({ "aud": [] }), "audience"),
        (json!({ "aud": ["unknown"] }), "audience"),
        (json!({ "aud": [[AUDIENCE]] }), "audience"),
        (json!({ "aud": { AUDIENCE: true } }), "audience"),
        (json!({ "aud": 1 }), "audience"),
        (json!({ "aud": "unknown", "client_id": AUDIENCE }), "audience"),
        (json!({ "aud": null, "client_id": "unknown" }), "audience"),
        (json!({ "aud": null, "client_id": [AUDIENCE] }), "audience"),
        (json!({ "exp": null }), "expired"),
        (json!({ "exp": NOW }), "expired"),
        (json!({ "exp": NOW - 1 }), "expired"),
        (json!({ "exp": 0 }), "expired"),
        (json!({ "exp": -1 }), "expired"),
        (json!({ "exp": (NOW + 900).to_string() }), "expired"),
        (json!({ "exp": [NOW + 900] }), "expired"),
        (json!({ "nbf": NOW + 1 }), "not valid yet"),
        (json!({ "nbf": "yesterday" }), "not valid yet"),
        (json!({ "iat": NOW + 60 }), "future"),
        (json!({ "iat": true }), "future"),
    ] {
        let denied = issuer.lets_in(&[&good(&issuer.with(&changes))]).await;
        let Err(Denied::Invalid(told)) = denied else { panic!("{changes}: {denied:?}") };
        assert!(told.contains(reason), "{changes}: {told}");
    }
}

/// Fault 67.
#[tokio::test]
async fn no_forgery_passes() {
    let issuer = Issuer::start().await;
    let forger = Forger::new(&pairs()[0], "key-1", &issuer.rule.issuer, NOW);
    let good = forger.good();
    for right in ["", "Bearer ", "bearer ", "BEARER "] {
        assert!(issuer.lets_in(&[&format!("{right}{good}")]).await.is_ok(), "{right:?}");
    }
    let forgeries = forger.forgeries();
    assert!(forgeries.len() > 500, "{}", forgeries.len());
    for forgery in forgeries {
        for value in [forgery.token.clone(), format!("Bearer {}", forgery.token)] {
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
                // No server reads such a header.
                continue;
            };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            let now = Duration::from_secs(NOW);
            let denied = authorize(&issuer.rule, &issuer.keys, &headers, now).await;
            assert!(denied.is_err(), "{}: {}", forgery.name, forgery.token);
        }
    }
    for wrong in ["Bearer  ", "Bearer\t", "Basic ", "Bearer Bearer ", "bearer Bearer ", "Bearer,"] {
        let denied = issuer.lets_in(&[&format!("{wrong}{good}")]).await;
        assert!(matches!(denied, Err(Denied::Invalid(_))), "{wrong:?}: {denied:?}");
    }
    assert!(issuer.lets_in(&[&good]).await.is_ok());
    assert_eq!(issuer.read(), 1, "strangers can't make us ask");
}

/// What API Gateway doesn't look at, by its documentation, isn't looked at here:
/// functions that want to know more have to look themselves.
#[tokio::test]
async fn token_of_the_issuer_passes_with_unusual_claims() {
    let issuer = Issuer::start().await;
    let forger = Forger::new(&pairs()[0], "key-1", &issuer.rule.issuer, NOW);
    let unusual = forger.unusual_tokens();
    assert!(unusual.len() > 30, "{}", unusual.len());
    for token in unusual {
        let let_in = issuer.lets_in(&[&token.token]).await;
        assert!(let_in.is_ok(), "{}: {let_in:?}", token.name);
    }
}

#[tokio::test]
async fn absent_empty_or_repeated_header_is_refused() {
    let issuer = Issuer::start().await;
    let token = good(&issuer.claims());
    for values in [&[][..], &[""], &["Bearer "]] {
        assert_eq!(issuer.lets_in(values).await, Err(Denied::Missing), "{values:?}");
    }
    let with_scheme = format!("Bearer {token}");
    for values in [[&*token, &token], ["", &token], [&with_scheme, &with_scheme]] {
        let denied = issuer.lets_in(&values).await;
        assert!(matches!(denied, Err(Denied::Invalid(_))), "{denied:?}");
    }
}

#[tokio::test]
async fn keys_are_read_again_for_an_unknown_id_but_not_at_once() {
    let issuer = Issuer::start().await;
    let claims = issuer.with(&json!({ "exp": NOW + 100_000 }));
    let (old, new) = (good(&claims), {
        let head = json!({ "alg": "RS256", "kid": "key-2" });
        signed_by(&pairs()[1], &RSA_PKCS1_SHA256, &part(&head), &part(&claims))
    });
    assert!(issuer.lets_in(&[&old]).await.is_ok());
    let both = json!({ "keys": [public(&pairs()[0], "key-1"), public(&pairs()[1], "key-2")] });
    *issuer.pages.key_set.lock().unwrap() = both;
    for _ in 0..10 {
        assert!(issuer.lets_in_at(&[&new], NOW + 5).await.is_err());
    }
    assert_eq!(issuer.read(), 1, "strangers can't make us ask");
    assert!(issuer.lets_in_at(&[&new], NOW + 6).await.is_ok());
    assert_eq!(issuer.read(), 2);

    // One that is withdrawn is known for two hours at most.
    let one = json!({ "keys": [public(&pairs()[1], "key-2")] });
    *issuer.pages.key_set.lock().unwrap() = one;
    assert!(issuer.lets_in_at(&[&old], NOW + 6 + 7200).await.is_ok());
    assert!(issuer.lets_in_at(&[&old], NOW + 7 + 7200).await.is_err());
    assert_eq!(issuer.read(), 3);
}

#[tokio::test]
async fn keys_for_something_else_are_not_taken() {
    for (name, value) in [("kty", "EC"), ("use", "enc"), ("alg", "PS256"), ("n", "*"), ("e", "")] {
        let issuer = Issuer::start().await;
        let mut key = public(&pairs()[0], "key-1");
        key[name] = value.into();
        *issuer.pages.key_set.lock().unwrap() = json!({ "keys": [key] });
        assert!(issuer.lets_in(&[&good(&issuer.claims())]).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn unreachable_issuer_refuses_unknown_keys_and_keeps_known_ones() {
    let issuer = Issuer::start().await;
    let token = good(&issuer.with(&json!({ "exp": NOW + 100_000 })));
    let broken = Err(Denied::Invalid("OIDC discovery endpoint communication error"));
    let right = issuer.pages.discovery.lock().unwrap().clone();
    for discovery in [
        json!({}),
        json!({ "issuer": issuer.rule.issuer }),
        json!({ "issuer": "https://example.com", "jwks_uri": right["jwks_uri"] }),
        json!({ "issuer": issuer.rule.issuer, "jwks_uri": format!("{}/no", issuer.rule.issuer) }),
    ] {
        *issuer.pages.discovery.lock().unwrap() = discovery.clone();
        assert_eq!(issuer.lets_in(&[&token]).await, broken, "{discovery}");
    }
    *issuer.pages.discovery.lock().unwrap() = right;
    assert!(issuer.lets_in(&[&token]).await.is_ok(), "a failure isn't kept");

    issuer.server.abort();
    let unknown = signed(&json!({ "alg": "RS256", "kid": "key-2" }), &issuer.claims());
    assert!(issuer.lets_in_at(&[&unknown], NOW + 60).await.is_err());
    assert!(issuer.lets_in_at(&[&token], NOW + 60).await.is_ok());
    assert_eq!(issuer.lets_in_at(&[&token], NOW + 7201).await, broken);
}

#[test]
fn a_refusal_is_told_as_api_gateway_tells_it() {
    assert_eq!(Denied::Missing.challenge(), "Bearer");
    assert_eq!(
        Denied::Invalid("the token does not have a valid audience").challenge(),
        r#"Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience""#
    );
}
