//! A mini program's user becomes a session that anybody can verify.

use crate::phone::password;
use crate::world::World;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Verifies a token as an API Gateway authorizer does, by what is published,
/// and gives its header and its claims.
async fn verified(world: &World, token: &str) -> Result<(Value, Value), &'static str> {
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return Err("no JWT");
    };
    let signed = format!("{header}.{claims}");
    let signature = decoded(signature);
    let (header, claims): (Value, Value) = (
        serde_json::from_slice(&decoded(header)).unwrap(),
        serde_json::from_slice(&decoded(claims)).unwrap(),
    );
    let issuer = claims["iss"].as_str().unwrap();
    let get = async |url: &str| -> Value {
        world.client.get(url).send().await.unwrap().json().await.unwrap()
    };
    let discovery = get(&format!("{issuer}/.well-known/openid-configuration")).await;
    assert_eq!(discovery["issuer"], issuer);
    let keys = get(discovery["jwks_uri"].as_str().unwrap()).await;
    let keys = keys["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).ok_or("no such key")?;
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"))
    );
    let part = |name: &str| decoded(key[name].as_str().unwrap());
    PublicKeyComponents { n: part("n"), e: part("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .map_err(|_| "the signature is wrong")?;
    Ok((header, claims))
}

/// Fault 74.
#[tokio::test]
async fn session_names_its_user_and_is_verifiable() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(session["bound"], "ann");
    assert_eq!(session["follows"], json!({ "shop": true }));

    let token = session["access_token"].as_str().unwrap();
    let (header, claims) = verified(&world, token).await.unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")));
    assert_eq!(claims["iss"], world.url(""));
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!("hongyan"), &session["user"]));
    let time = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(time("exp") - time("iat"), 900);
    assert!(time("nbf") <= time("iat"));
    assert!(time("iat").abs_diff(world.wechat.now().await) < 30, "issued just now");

    let everything = format!("{session}{header}{claims}");
    for personal in [ann.open_id("shop-mini").await, ann.union_id().await] {
        assert!(!everything.contains(&personal), "{everything}");
    }
    assert!(!everything.contains("session_key"), "{everything}");

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut spoiled = decoded(signature);
    spoiled[100] ^= 1;
    let spoiled = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(spoiled));
    assert_eq!(verified(&world, &spoiled).await, Err("the signature is wrong"));
}

#[tokio::test]
async fn same_person_is_the_same_user_at_the_next_login() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    let first = ann.log_in("shop-mini").await;
    assert_eq!(first["follows"], json!({ "shop": false }));
    ann.follow("shop").await;

    // The second time, the account is known without its password.
    let code = ann.code("shop-mini").await;
    let (status, second) = world.log_in("shop-mini", &json!({ "code": code })).await;
    assert_eq!(status, 200);
    assert_eq!(second["user"], first["user"]);
    assert_eq!(second["bound"], "ann");
    assert_eq!(second["follows"], json!({ "shop": true }));
    assert_ne!(second["access_token"], first["access_token"]);
    assert_ne!(bob.log_in("shop-mini").await["user"], first["user"]);
}

#[tokio::test]
async fn person_without_an_account_gets_a_user_id() {
    let world = World::start().await;
    let code = world.phone("bob").code("shop-mini").await;
    let (status, session) = world.log_in("shop-mini", &json!({ "code": code })).await;
    assert_eq!((status, &session["bound"]), (200, &Value::Null));
    let (_, claims) = verified(&world, session["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["sub"], session["user"]);
}

#[tokio::test]
async fn functions_that_start_concurrently_agree_on_the_first_key() {
    let world = World::start().await;
    let log_in = async |name| {
        let code = world.phone(name).code("shop-mini").await;
        world.log_in("shop-mini", &json!({ "code": code })).await
    };
    let (ann, bob, carol) = tokio::join!(log_in("ann"), log_in("bob"), log_in("carol"));
    for (status, session) in [ann, bob, carol] {
        assert_eq!(status, 200, "{session}");
        verified(&world, session["access_token"].as_str().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn mock_code_of_the_developer_tools_is_explained() {
    let world = World::start().await;
    let login = json!({ "code": "the code is a mock one" });
    let (status, answer) = world.log_in("shop-mini", &login).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("AppID"), "{answer}");
}

#[tokio::test]
async fn app_secret_with_white_space_around_it_works() {
    let world = World::start().await;
    let stored = world.cloud.aws.parameters.get("/hongyan/local/secrets/shop-mini").unwrap();
    world.set_parameter("secrets/shop-mini", &format!("{stored} \n"));
    let code = world.phone("ann").code("shop-mini").await;
    assert_eq!(world.log_in("shop-mini", &json!({ "code": code })).await.0, 200);
    let checked = world.invoke("token", &json!({ "check": {} })).await.unwrap();
    assert!(!checked.to_string().contains("failure"), "{checked}");
}

#[tokio::test]
async fn code_is_valid_once_and_for_five_minutes() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let once = json!({ "code": ann.code("shop-mini").await });
    assert_eq!(world.log_in("shop-mini", &once).await.0, 200);
    // That of an honest retry is answered for a minute: see `login_again`.
    world.aws.turn_back("users", ["user", "item"], "at").await;
    let (status, answer) = world.log_in("shop-mini", &once).await;
    assert_eq!(status, 401);
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("wx.login"), "{error}");

    let late = json!({ "code": ann.code("shop-mini").await });
    world.wechat.advance(301).await;
    assert_eq!(world.log_in("shop-mini", &late).await.0, 401);
    assert_eq!(world.log_in("shop-mini", &json!({ "code": "made-up" })).await.0, 401);
}

#[tokio::test]
async fn code_stays_valid_after_a_wrong_password() {
    let world = World::start().await;
    world.account("ann").await;
    let code = world.phone("ann").code("shop-mini").await;
    let with = |username: &str, password: &str| json!({ "code": code, "username": username, "password": password });
    let (status, wrong) = world.log_in("shop-mini", &with("ann", "not her password")).await;
    assert_eq!(status, 401);
    let (status, unknown) = world.log_in("shop-mini", &with("unknown", "not her password")).await;
    assert_eq!(status, 401);
    assert_eq!(wrong, unknown, "the response reveals no account");
    assert!(world.wechat.calls("/sns/jscode2session").await.is_empty());
    assert_eq!(world.log_in("shop-mini", &with("ann", &password("ann"))).await.0, 200);
}

#[tokio::test]
async fn account_is_bound_to_one_user_and_user_to_one_account() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.log_in("shop-mini").await;
    bob.log_in("shop-mini").await;
    world.account("carol").await;
    let attempt = async |code: String, account: &str| {
        let login = json!({ "code": code, "username": account, "password": password(account) });
        world.log_in("shop-mini", &login).await.0
    };
    assert_eq!(attempt(bob.code("shop-mini").await, "ann").await, 409);
    assert_eq!(attempt(bob.code("shop-mini").await, "carol").await, 409);
    assert_eq!(attempt(bob.code("shop-mini").await, "bob").await, 200);
}

/// Fault 72.
#[tokio::test]
async fn invalid_login_names_the_error() {
    let world = World::start().await;
    let refused = async |app: &str, login: Value, status: u16, word: &str| {
        let (found, answer) = world.log_in(app, &login).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(found, status, "{login}: {error}");
        assert!(error.contains(word), "{login}: {error}");
    };
    refused("shop-mini", json!({}), 400, "code").await;
    refused("shop-mini", json!({ "code": "c", "colour": "red" }), 400, "colour").await;
    refused("shop-mini", json!({ "code": "c", "username": "ann" }), 400, "password").await;
    refused("shop-mini", json!({ "code": "c", "password": "12345678" }), 400, "username").await;
    refused("shop-mini", json!("hello"), 400, "").await;
    refused("shop-mini", json!({ "code": "c".repeat(9000) }), 413, "").await;
    refused("unknown", json!({ "code": "c" }), 404, "mini program").await;
    refused("shop", json!({ "code": "c" }), 404, "mini program").await;

    world.wechat.fault(json!({ "path": "/sns/jscode2session", "errcode": -1, "times": 3 })).await;
    refused("shop-mini", json!({ "code": "c" }), 503, "try again").await;
    world.wechat.fault(json!({ "path": "/sns/jscode2session", "reset": true })).await;
    refused("shop-mini", json!({ "code": "c" }), 503, "try again").await;
    world.wechat.fault(json!({ "path": "/sns/jscode2session", "errcode": 40226 })).await;
    refused("shop-mini", json!({ "code": "c" }), 403, "risk").await;
    world.wechat.fault(json!({ "path": "/sns/jscode2session", "errcode": 45011 })).await;
    refused("shop-mini", json!({ "code": "c" }), 429, "wait for the next one").await;
}
