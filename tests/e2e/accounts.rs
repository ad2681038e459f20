//! Accounts as the business hands them out, by invoking the login function.

use crate::phone::password;
use crate::sandbox::CHANGE_SIDE_FIELDS;
use crate::world::{World, order};
use serde_json::{Value, json};

/// Logs a person in without an account.
async fn plainly(world: &World, name: &'static str) -> Value {
    let code = world.phone(name).code("shop-mini").await;
    let (status, session) = world.log_in("shop-mini", &json!({ "code": code })).await;
    assert_eq!(status, 200, "{session}");
    session
}

/// The status of a login with an account.
async fn with(world: &World, name: &'static str, account: &str, password: &str) -> u16 {
    let code = world.phone(name).code("shop-mini").await;
    let login = json!({ "code": code, "username": account, "password": password });
    world.log_in("shop-mini", &login).await.0
}

fn bind(command: &str, account: &str, session: &Value) -> Value {
    json!({ command: { "username": account, "user": session["user"] } })
}

#[tokio::test]
async fn password_can_be_changed_and_removed() {
    let world = World::start().await;
    world.account("ann").await;
    let set = json!({ "set_password": { "username": "ann", "password": "a new one" } });
    assert_eq!(world.ask_login(&set).await.unwrap(), json!({ "account": "ann" }));
    assert_eq!(with(&world, "ann", "ann", &password("ann")).await, 401);
    let clear = json!({ "clear_password": { "username": "ann" } });
    assert_eq!(world.ask_login(&clear).await.unwrap(), json!({ "account": "ann" }));
    assert_eq!(with(&world, "ann", "ann", "a new one").await, 401);

    // It is still an account, and can have a password again.
    let create = json!({ "create_account": { "username": "ann" } });
    assert_eq!(world.ask_login(&create).await.unwrap_err().0, "AccountExists");
    world.ask_login(&set).await.unwrap();
    assert_eq!(with(&world, "ann", "ann", "a new one").await, 200);
    let rows = world.aws.rows("mappings").await;
    assert!(!format!("{rows:?}").contains("a new one"), "passwords are kept as hashes");
    assert!(!world.lines().concat().contains("a new one"));
}

#[tokio::test]
async fn account_without_password_is_bound_by_the_business_only() {
    let world = World::start().await;
    let create = json!({ "create_account": { "username": "ann" } });
    world.ask_login(&create).await.unwrap();
    assert_eq!(with(&world, "ann", "ann", "any password").await, 401);
    let session = plainly(&world, "ann").await;
    assert_eq!(session["bound"], Value::Null);

    world.phone("ann").follow("shop").await;
    for _ in 0..2 {
        let bound = world.ask_login(&bind("bind", "ann", &session)).await.unwrap();
        assert_eq!(bound, json!({ "account": "ann", "user": session["user"] }));
    }
    assert_eq!(plainly(&world, "ann").await["bound"], "ann");
    let report = world.send(&order("order-1", json!({ "account": "ann" }))).await;
    assert_eq!(report["channel"], "template", "{report}");

    let done = world.ask_login(&bind("unbind", "ann", &session)).await.unwrap();
    assert_eq!(done["changed"], true);
    let done = world.ask_login(&bind("unbind", "ann", &session)).await.unwrap();
    assert_eq!(done["changed"], false);
    assert_eq!(plainly(&world, "ann").await["bound"], Value::Null);
    let report = world.send(&order("order-2", json!({ "account": "ann" }))).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
}

#[tokio::test]
async fn invalid_account_command_names_the_field_and_changes_nothing() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann").log_in("shop-mini").await, plainly(&world, "bob").await);
    world.account("carol").await;
    let everything = async || (world.aws.rows("users").await, world.aws.rows("mappings").await);
    let before = everything().await;
    let unknown = json!({ "user": "0".repeat(32) });
    let refused = [
        (bind("bind", "unknown", &ann), "NotFound", "username: there is no account"),
        (bind("bind", "carol", &unknown), "NotFound", "user: there is no user"),
        (bind("bind", "ann", &bob), "AlreadyBound", "username: the account is bound"),
        (bind("bind", "carol", &ann), "AlreadyBound", "user: this person is bound"),
        (bind("bind", "a#b", &ann), "InvalidRequest", "bind.username: a username has"),
        (
            bind("bind", "ann", &json!({ "user": "ann" })),
            "InvalidRequest",
            "bind.user: an internal",
        ),
        (bind("unbind", "unknown", &ann), "NotFound", "username: there is no account"),
        (bind("unbind", "ann", &unknown), "NotFound", "user: there is no user"),
        (
            json!({ "set_password": { "username": "unknown", "password": "none that she has" } }),
            "NotFound",
            "username: there is no account",
        ),
        (
            json!({ "set_password": { "username": "ann", "password": "short" } }),
            "InvalidRequest",
            "set_password.password: a password has",
        ),
        (
            json!({ "clear_password": { "username": "unknown" } }),
            "NotFound",
            "username: there is no",
        ),
        (json!({ "look_up": { "account": "unknown" } }), "NotFound", "no person is known"),
        (
            json!({ "look_up": { "app": "nothing", "open_id": "oAnn" } }),
            "NotFound",
            "app: there is no app",
        ),
        (json!({ "look_up": {} }), "InvalidRequest", "expected one of"),
        (json!({ "bind": {}, "unbind": {} }), "InvalidRequest", ""),
    ];
    for (command, kind, problem) in refused {
        let found = world.ask_login(&command).await.unwrap_err();
        assert_eq!(found.0, kind, "{command}: {}", found.1);
        assert!(found.1.contains(problem), "{command}: {}", found.1);
    }
    assert_eq!(everything().await, before);
}

#[tokio::test]
async fn person_lookup_reveals_no_identity() {
    let world = World::start().await;
    world.wechat.chaos_without(CHANGE_SIDE_FIELDS).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    ann.message("shop", "hello").await;
    let look_up = async |who: Value| world.ask_login(&json!({ "look_up": who })).await.unwrap();
    let found = look_up(json!({ "user": session["user"] })).await;
    let consents = json!({ "SandboxTemplateOfMini-order-shipped-0000001": 1 });
    let apps = json!([
        { "app": "shop", "follows": true, "customer_service": 8, "subscriptions": {},
          "follower": { "subscribe_scene": "ADD_SCENE_SEARCH", "language": "zh_CN" } },
        { "app": "shop-mini", "customer_service": 0, "subscriptions": consents, "form_ids": 0 },
    ]);
    let expected = json!({
        "user": session["user"], "accounts": ["ann"], "known_as_one_person": true, "apps": apps,
    });
    assert_eq!(found, expected);
    assert_eq!(look_up(json!({ "account": "ann" })).await, found);
    let open_id = ann.open_id("shop").await;
    assert_eq!(look_up(json!({ "app": "shop", "open_id": open_id })).await, found);
    for personal in [open_id, ann.open_id("shop-mini").await, ann.union_id().await] {
        assert!(!found.to_string().contains(&personal), "{found}");
    }

    ann.unfollow("shop").await;
    let found = look_up(json!({ "account": "ann" })).await;
    assert_eq!(found["apps"][0]["follows"], false, "{found}");
    assert_eq!(found["apps"][0]["customer_service"], 0, "{found}");
}
