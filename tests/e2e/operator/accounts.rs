//! Accounts are handed out by hand; a password is never on the command line.

use crate::world::World;
use serde_json::json;

/// Long enough to be looked for in whatever the tool says.
const PASSWORD: &str = "ann's very own password, which is long";
const ANOTHER: &str = "another one of ann's, which is as long";

/// The status of a login with the account ann.
async fn log_in(world: &World, password: &str) -> u16 {
    let code = world.phone("ann").code("shop-mini").await;
    let login = json!({ "code": code, "username": "ann", "password": password });
    world.log_in("shop-mini", &login).await.0
}

#[tokio::test]
async fn account_has_the_entered_password() {
    let world = World::start().await;
    let account = async |arguments: &[&str], input: &str| {
        world.hongyan(&[&["account"], arguments].concat(), input).await
    };
    let made = account(&["create", "ann"], &format!("{PASSWORD}\n")).await.json();
    assert_eq!(made, json!({ "account": "ann", "change": "created" }));
    assert_eq!(log_in(&world, PASSWORD).await, 200);
    account(&["set-password", "ann"], &format!("{ANOTHER}\n")).await.json();
    assert_eq!((log_in(&world, PASSWORD).await, log_in(&world, ANOTHER).await), (401, 200));
    account(&["clear-password", "ann"], "").await.json();
    assert_eq!(log_in(&world, ANOTHER).await, 401);

    for (arguments, input, kind, expected) in [
        (["create", "ann"], PASSWORD, "conflict", "account set-password ann"),
        (["create", "bob"], "", "usage", "there was no answer"),
        (["create", "bob"], "short", "invalid", "8 to 128"),
        (["set-password", "bob"], PASSWORD, "not_found", "account create bob"),
        (["clear-password", "bob"], "", "not_found", "account create bob"),
        (["create", "b b"], PASSWORD, "invalid", "a username has"),
    ] {
        let said = account(&arguments, input).await;
        let (found, words) = said.error();
        assert!(found == kind && words.contains(expected), "{arguments:?}: {found} {words}");
    }
    assert!(!world.lines().concat().contains(PASSWORD));
}

#[tokio::test]
async fn account_is_bound_looked_up_and_unbound() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let code = ann.code("shop-mini").await;
    let (_, session) = world.log_in("shop-mini", &json!({ "code": code })).await;
    let user = session["user"].as_str().unwrap();
    let account =
        async |arguments: &[&str]| world.hongyan(&[&["account"], arguments].concat(), "").await;
    let made = account(&["create", "ann", "--no-password"]).await.json();
    assert_eq!(made["change"], "created_without_password");
    let bound = account(&["bind", "ann", user]).await.json();
    assert_eq!(bound, json!({ "account": "ann", "user": user, "change": "bound" }));
    let found = account(&["look-up", "account=ann"]).await.json();
    assert_eq!((&found["user"], &found["accounts"]), (&json!(user), &json!(["ann"])));
    assert!(!found.to_string().contains(&ann.open_id("shop-mini").await), "{found}");
    account(&["create", "eve", "--no-password"]).await.json();
    let (kind, words) = account(&["bind", "eve", user]).await.error();
    assert!(kind == "conflict" && words.contains("account unbind"), "{kind} {words}");
    assert_eq!(account(&["unbind", "ann", user]).await.json()["change"], "unbound");
    assert_eq!(account(&["unbind", "ann", user]).await.json()["change"], "unchanged");
    let (kind, words) = account(&["look-up", "account=ann"]).await.error();
    assert!(kind == "not_found" && words.contains("account bind ann"), "{kind} {words}");
    let (kind, _) = account(&["bind", "ann", "ann"]).await.error();
    assert_eq!(kind, "usage");
}

#[tokio::test]
async fn next_key_is_made_once() {
    let world = World::start().await;
    let rotated = world.hongyan(&["keys", "rotate"], "").await.json();
    assert_eq!(rotated["made"], true, "{rotated}");
    let answer = world.client.get(world.url("/.well-known/jwks.json")).send().await.unwrap();
    let published: serde_json::Value = answer.json().await.unwrap();
    let published = published["keys"].as_array().unwrap();
    assert!(published.iter().any(|key| key["kid"] == rotated["next"]), "{published:?}");
    let words = world.hongyan_in_words(&["keys", "rotate"], "").await.out;
    assert!(words.contains("is waiting already; no other was created"), "{words}");
}
