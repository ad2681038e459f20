//! Session keys are revoked, and the keys of refresh tokens rotate.

use crate::keys::{accepted, clear_caches, kid, published, rotate, token};
use crate::sessions::{post, who};
use crate::world::{MAX_WAIT, World};
use local_aws::services::Fault;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::time::Duration;

async fn revoke(world: &World, kid: &str) -> Value {
    world.invoke("login", &json!({ "revoke_key": { "kid": kid } })).await.unwrap()
}

/// The listed keys of a kind: their ids and states.
async fn listed(world: &World, kind: &str) -> Vec<(String, String)> {
    let keys = world.invoke("login", &json!({ "list_keys": {} })).await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = keys[kind].as_array().unwrap().iter();
    keys.map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

fn pair(kid: &str, state: &str) -> (String, String) {
    (kid.to_owned(), state.to_owned())
}

async fn refresh(world: &World, token: &Value) -> (u16, Value) {
    post(world, "/session/refresh", &json!({ "refresh_token": token })).await
}

/// The next refresh token after one that is good.
async fn next(world: &World, token: &Value) -> Value {
    let (status, answer) = refresh(world, token).await;
    assert_eq!(status, 200, "{answer}");
    answer["refresh_token"].clone()
}

/// Lets a waiting key of refresh tokens make them from now on.
fn sign_now(world: &World, number: u32) {
    let name = format!("session/refresh-keys/{number}");
    let mut key = world.parameter(&name);
    key["signs_from"] = (Timestamp::now().0 - 1).into();
    world.set_parameter(&name, &key);
}

/// Fault 108.
#[tokio::test]
async fn revoked_signing_key_is_withdrawn_and_another_signs_at_once() {
    let world = World::start().await;
    let before = token(&world).await;
    accepted(&world, &before).await;
    let first = kid(&before);
    let now = Timestamp::now().0;
    let revoked = revoke(&world, &first).await;
    assert_eq!(revoked["revoked"], json!(first), "{revoked}");
    let second = revoked["current"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    // It says for how long it may still be believed, and by whom.
    assert!(revoked["environments_until"].as_u64().unwrap() >= now + 600, "{revoked}");
    assert!(revoked["api_gateway_until"].as_u64().unwrap() >= now + 2 * 3600, "{revoked}");
    assert!(revoked["advice"].as_str().unwrap().contains("http-api-jwt-authorizer"), "{revoked}");

    assert_eq!(published(&world).await, std::slice::from_ref(&second));
    let after = token(&world).await;
    assert_eq!(kid(&after), second);
    accepted(&world, &after).await;
    // API Gateway has cached the key; the function verifies again.
    assert_eq!(who(&world, &before).await.0, 401);
    let again = world.ask_login(&json!({ "revoke_key": { "kid": first } })).await;
    assert_eq!(again.unwrap_err().0, "NotFound");

    // The one that waits is published already, and takes over.
    let third = rotate(&world, json!({})).await["next"].as_str().unwrap().to_owned();
    let revoked = revoke(&world, &second).await;
    assert_eq!(revoked["current"], json!(third), "{revoked}");
    assert_eq!(kid(&token(&world).await), third);
    assert_eq!(published(&world).await, std::slice::from_ref(&third));
    assert_eq!(listed(&world, "signing").await, [pair(&third, "current")]);

    // One that waits is replaced by another that waits.
    let fourth = rotate(&world, json!({})).await["next"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&world, &fourth).await["current"], json!(third));
    let keys = listed(&world, "signing").await;
    assert_eq!((keys.len(), &keys[0]), (2, &pair(&third, "current")), "{keys:?}");
    assert!(keys[1].1 == "next" && keys[1].0 != fourth, "{keys:?}");
}

/// Fault 108.
#[tokio::test]
async fn refresh_key_rotates_and_its_tokens_stay_valid() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let waiting = world.phone("bob").log_in("shop-mini").await["refresh_token"].clone();
    let rotated = rotate(&world, json!({})).await;
    assert_eq!(rotated["refresh"]["made"], true, "{rotated}");
    assert_eq!(rotated["refresh"]["next"], "refresh-2", "{rotated}");
    assert_eq!(rotate(&world, json!({})).await["refresh"]["made"], false);
    // The next one waits, until all environments have read it.
    let second = next(&world, &session["refresh_token"]).await;
    sign_now(&world, 2);
    clear_caches(&world).await;
    let states = [pair("refresh-1", "previous"), pair("refresh-2", "current")];
    assert_eq!(listed(&world, "refresh").await, states);
    let third = next(&world, &second).await;
    // A response that was lost just before is repeated just after.
    assert_eq!(next(&world, &second).await, third);
    let second = next(&world, &waiting).await;

    // A key that was stolen takes its tokens with it, and no others.
    let revoked = revoke(&world, "refresh-2").await;
    assert_eq!(revoked["current"], "refresh-3", "{revoked}");
    assert_eq!(revoked["api_gateway_until"], Value::Null, "{revoked}");
    assert_eq!(refresh(&world, &third).await.0, 401);
    assert_eq!(refresh(&world, &second).await.0, 401);
    let session = world.phone("ann").log_in("shop-mini").await;
    next(&world, &session["refresh_token"]).await;
    let states = [pair("refresh-1", "previous"), pair("refresh-3", "current")];
    assert_eq!(listed(&world, "refresh").await, states);
}

#[tokio::test]
async fn schedule_rotates_old_refresh_keys_only() {
    let world = World::start().await;
    token(&world).await;
    let scheduled = json!({ "if_older_than_days": 30 });
    assert_eq!(rotate(&world, scheduled.clone()).await["refresh"]["made"], false);
    let mut key = world.parameter("session/refresh-keys/1");
    key["signs_from"] = (Timestamp::now().0 - 90 * 24 * 3600).into();
    world.set_parameter("session/refresh-keys/1", &key);
    let rotated = rotate(&world, scheduled).await;
    assert_eq!((&rotated["made"], &rotated["refresh"]["made"]), (&json!(false), &json!(true)));
}

/// A running environment that knows only the first key is shown a token of a second.
/// Fault 108.
#[tokio::test]
async fn token_of_a_newer_key_makes_an_environment_read_the_keys_again() {
    let world = World::start().await;
    world.phone("ann").log_in("shop-mini").await;
    rotate(&world, json!({})).await;
    sign_now(&world, 2);
    clear_caches(&world).await;
    let newer = world.phone("bob").log_in("shop-mini").await["refresh_token"].clone();
    let second = world.parameter("session/refresh-keys/2");
    world.set_parameter("session/refresh-keys/2", "not there yet");
    clear_caches(&world).await;
    assert_eq!(refresh(&world, &newer).await.0, 401, "it has read the first key only");
    world.set_parameter("session/refresh-keys/2", &second);

    let reads = Fault::new("ssm", "GetParametersByPath").by(world.cloud.function("login"));
    let reads = reads.delay(Duration::from_millis(1));
    let reads = world.cloud.aws.faults.inject(reads).unwrap();
    let mut refused = 0;
    let waiting = async {
        while refresh(&world, &newer).await.0 != 200 {
            refused += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, waiting).await.expect("the environment reads the keys again");
    assert!(reads.fired() <= 2, "{} reads for {refused} unknown tokens", reads.fired());
}
