//! The keys that sign sessions: the next, the one that signs, the one before.

use crate::sessions::who;
use crate::world::{MAX_WAIT, World};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::time::Duration;

const DAY: u64 = 24 * 3600;

/// A session of ann's: its access token.
pub(crate) async fn token(world: &World) -> Value {
    let code = world.phone("ann").code("shop-mini").await;
    let (status, session) = world.log_in("shop-mini", &json!({ "code": code })).await;
    assert_eq!(status, 200, "{session}");
    session["access_token"].clone()
}

/// The id of the key that signed it.
pub(crate) fn kid(token: &Value) -> String {
    let header = token.as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// The ids of the keys that are published.
pub(crate) async fn published(world: &World) -> Vec<String> {
    let answer = world.client.get(world.url("/.well-known/jwks.json")).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=600");
    let set: Value = answer.json().await.unwrap();
    let keys = set["keys"].as_array().unwrap();
    for key in keys {
        assert_eq!(key.as_object().unwrap().len(), 6, "nothing private is in it");
    }
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn rotate(world: &World, asked: Value) -> Value {
    world.invoke("login", &json!({ "rotate_keys": asked })).await.unwrap()
}

/// Moves the time from which a key signs, and clears the caches.
async fn signs_from(world: &World, number: u32, time: u64) {
    let name = format!("session/keys/{number}");
    let mut key = world.parameter(&name);
    key["signs_from"] = time.into();
    world.set_parameter(&name, &key);
    clear_caches(world).await;
}

/// What functions know is read anew.
pub(crate) async fn clear_caches(world: &World) {
    world.cloud.kill(&world.cloud.function("login")).await.unwrap();
}

fn is_there(world: &World, number: u32) -> bool {
    world.cloud.aws.parameters.get(&format!("/hongyan/local/session/keys/{number}")).is_some()
}

/// Waits until the authorizer, which doesn't ask for keys at once, knows this one.
pub(crate) async fn accepted(world: &World, token: &Value) {
    let waiting = async {
        while who(world, token).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, waiting).await.expect("the token is good");
}

/// Fault 71.
#[tokio::test]
async fn signing_key_is_published_before_its_first_and_after_its_last_use() {
    let world = World::start().await;
    let before = token(&world).await;
    accepted(&world, &before).await;
    let first = kid(&before);
    assert_eq!(published(&world).await, std::slice::from_ref(&first));

    let now = Timestamp::now().0;
    let rotated = rotate(&world, json!({})).await;
    assert_eq!(rotated["made"], true, "{rotated}");
    let second = rotated["next"].as_str().unwrap().to_owned();
    // API Gateway keeps what it has read for two hours.
    assert!(rotated["signs_from"].as_u64().unwrap() >= now + 2 * 3600, "{rotated}");
    clear_caches(&world).await;
    assert_eq!(published(&world).await, [first.clone(), second.clone()]);
    assert_eq!(kid(&token(&world).await), first, "it doesn't sign yet");
    // One that waits is enough.
    let again = rotate(&world, json!({})).await;
    assert_eq!((&again["made"], &again["next"]), (&json!(false), &json!(second)));

    signs_from(&world, 2, now - 1).await;
    let after = token(&world).await;
    assert_eq!(kid(&after), second);
    assert_eq!(published(&world).await, [first.clone(), second.clone()]);
    accepted(&world, &after).await;
    accepted(&world, &before).await;

    // The third takes over, and the fourth drives the first away.
    let third = rotate(&world, json!({})).await["next"].as_str().unwrap().to_owned();
    assert!(is_there(&world, 1));
    clear_caches(&world).await;
    assert_eq!(published(&world).await, [first.clone(), second.clone(), third.clone()]);
    signs_from(&world, 3, now).await;
    assert_eq!(published(&world).await, [second.clone(), third.clone()]);
    let fourth = rotate(&world, json!({})).await["next"].as_str().unwrap().to_owned();
    assert!(!is_there(&world, 1) && is_there(&world, 2) && is_there(&world, 4));
    clear_caches(&world).await;
    assert_eq!(published(&world).await, [second, third, fourth]);
}

/// Fault 65.
#[tokio::test]
async fn concurrent_rotations_make_one_key() {
    let world = World::start().await;
    token(&world).await;
    let asked = (0..4).map(|_| rotate(&world, json!({})));
    let rotated = futures_util::future::join_all(asked).await;
    let made = rotated.iter().filter(|rotated| rotated["made"] == true).count();
    assert_eq!(made, 1, "{rotated:?}");
    assert!(rotated.iter().all(|other| other["next"] == rotated[0]["next"]), "{rotated:?}");
    assert!(is_there(&world, 2) && !is_there(&world, 3));
}

#[tokio::test]
async fn schedule_rotates_an_old_key_only() {
    let world = World::start().await;
    token(&world).await;
    let scheduled = json!({ "if_older_than_days": 30 });
    assert_eq!(rotate(&world, scheduled.clone()).await["made"], false);
    signs_from(&world, 1, Timestamp::now().0 - 90 * DAY).await;
    assert_eq!(rotate(&world, scheduled.clone()).await["made"], true);
    assert_eq!(rotate(&world, scheduled).await["made"], false);
}

#[tokio::test]
async fn discovery_document_points_to_the_keys() {
    let world = World::start().await;
    let page = world.url("/.well-known/openid-configuration");
    let answer = world.client.get(&page).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=600");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["issuer"], world.url(""));
    let keys = world.client.get(told["jwks_uri"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(keys.status(), 200);
    let claims = told["claims_supported"].as_array().unwrap();
    let body = token(&world).await;
    let body = body.as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let body: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    let body = body.as_object().unwrap();
    assert_eq!(body.len(), claims.len());
    assert!(claims.iter().all(|claim| body.contains_key(claim.as_str().unwrap())), "{claims:?}");
}

#[tokio::test]
async fn unreadable_key_affects_no_other() {
    let world = World::start().await;
    let first = kid(&token(&world).await);
    world.set_parameter("session/keys/2", "no key");
    world.set_parameter("session/keys/other", "no key either");
    clear_caches(&world).await;
    assert_eq!(kid(&token(&world).await), first);
    for name in ["session/keys/2", "session/keys/other"] {
        let told = |line: &String| line.contains(name) && line.contains("skipped");
        assert!(world.lines().iter().any(told), "{name}: {:#?}", world.lines());
    }
}
