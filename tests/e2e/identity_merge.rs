//! One person in several apps: WeChat says so by a unionid, or doesn't yet.

use crate::phone::{Phone, password};
use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::{Value, json};

const OTHER: &str = "wx0000000000005a03";

/// A world with a second mini program, `other-mini`.
pub(crate) async fn two_mini_programs() -> World {
    let world = World::start().await;
    let other = world
        .wechat
        .post("apps", &json!({ "like": "shop-mini", "alias": "other-mini", "app_id": OTHER }))
        .await;
    let mut settings = world.parameter("apps/shop-mini");
    settings["app_id"] = json!(OTHER);
    settings["original_id"] = other["original_id"].clone();
    world.set_parameter("apps/other-mini", &settings);
    let secret = world.cloud.aws.parameters.get("/hongyan/local/secrets/shop-mini").unwrap();
    world.set_parameter("secrets/other-mini", &secret);
    world.cloud.kill(&world.cloud.function("login")).await.unwrap();
    world
}

/// Binds an app to the open-platform account of the others, or unbinds it.
pub(crate) async fn bind(world: &World, app: &str, bound: bool) {
    let platform = bound.then_some("hongyan");
    world.wechat.post(&format!("apps/{app}"), &json!({ "open_platform": platform })).await;
}

pub(crate) async fn log_in(phone: &Phone<'_>, app: &str) -> Value {
    let code = phone.code(app).await;
    let (status, session) = phone.world.log_in(app, &json!({ "code": code })).await;
    assert_eq!(status, 200, "{session}");
    session
}

#[tokio::test]
async fn second_app_uses_the_same_user_id() {
    let world = two_mini_programs().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    let here = log_in(&ann, "shop-mini").await;
    let there = log_in(&ann, "other-mini").await;
    assert_eq!(there["user"], here["user"]);
    assert_ne!(log_in(&bob, "other-mini").await["user"], here["user"]);
    assert_eq!(there.get("merged_from"), None);
}

#[tokio::test]
async fn missing_unionid_is_explained_and_added_by_the_next_login() {
    let world = World::start().await;
    let ann = world.phone("ann");
    bind(&world, "shop-mini", false).await;
    ann.follow("shop").await;
    let before = ann.log_in("shop-mini").await;
    assert_eq!(before["follows"], json!({ "shop": false }), "the two users are not merged yet");
    let lines = world.lines().concat();
    assert!(lines.contains("bind the mini program to an open-platform account"), "{lines}");
    let report = world.send(&order("order-1", json!({ "account": "ann" }))).await;
    assert_eq!(report["outcome"], "no_consent", "only the mini program is known: {report}");

    bind(&world, "shop-mini", true).await;
    let after = log_in(&ann, "shop-mini").await;
    assert_eq!(after["user"], before["user"], "nothing changes for who stores by it");
    assert_eq!(after["follows"], json!({ "shop": true }));
    assert_eq!(after.get("merged_from"), None);
    let report = world.send(&order("order-2", json!({ "account": "ann" }))).await;
    assert_eq!(report["channel"], "template", "the account leads to the shop as well: {report}");
}

#[tokio::test]
async fn missing_unionid_is_added_by_the_next_follow() {
    let world = World::start().await;
    let ann = world.phone("ann");
    bind(&world, "shop", false).await;
    ann.follow("shop").await;
    let session = log_in(&ann, "shop-mini").await;
    assert_eq!(session["follows"], json!({ "shop": false }));
    let lines = world.lines().concat();
    assert!(lines.contains("a follower has no unionid"), "{lines}");

    bind(&world, "shop", true).await;
    ann.unfollow("shop").await;
    ann.follow("shop").await;
    assert_eq!(log_in(&ann, "shop-mini").await["follows"], json!({ "shop": true }));
}

#[tokio::test]
async fn two_users_of_one_person_merge_into_the_one_with_the_unionid() {
    let world = two_mini_programs().await;
    let ann = world.phone("ann");
    bind(&world, "shop-mini", false).await;
    let second = ann.log_in("shop-mini").await;
    let person = log_in(&ann, "other-mini").await;
    assert_ne!(second["user"], person["user"]);

    bind(&world, "shop-mini", true).await;
    // The sessions of before can't be ended, for now.
    let fault = Fault::new("dynamodb", "DeleteItem").by(world.cloud.function("login"));
    let fault = world.cloud.aws.faults.inject(fault.refuse("InternalServerError")).unwrap();
    let code = json!({ "code": ann.code("shop-mini").await });
    let (_, both) = world.log_in("shop-mini", &code).await;
    assert!(fault.fired() > 0);
    fault.cancel();
    assert_eq!(both["user"], person["user"]);
    assert_eq!(both["merged_from"], second["user"], "data stored under the old id can be moved");
    let (_, again) = world.log_in("shop-mini", &code).await;
    assert_eq!(again, both, "also when the answer is asked for once more");
    assert_eq!(both["bound"], "ann", "the account stays hers");
    assert_eq!(log_in(&ann, "shop-mini").await.get("merged_from"), None, "it is said once");

    // Earlier sessions name a user who no longer exists; the client logs
    // in again, which needs nothing of the user.
    let refresh = async |session: &Value| {
        let held = json!({ "refresh_token": session["refresh_token"] });
        let asked = world.client.post(world.url("/session/refresh")).json(&held);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(refresh(&second).await, 401);
    assert_eq!(refresh(&person).await, 200);
    assert_eq!(refresh(&both).await, 200);
    let unknown = world.ask_login(&json!({ "look_up": { "user": second["user"] } })).await;
    assert_eq!(unknown.unwrap_err().0, "NotFound");
    let found = world.ask_login(&json!({ "look_up": { "account": "ann" } })).await.unwrap();
    assert_eq!(found["user"], person["user"]);
    assert_eq!(found["apps"].as_array().unwrap().len(), 2, "{found}");
}

#[tokio::test]
async fn account_is_bound_to_one_person_in_all_apps() {
    let world = two_mini_programs().await;
    world.phone("ann").log_in("shop-mini").await;
    let code = world.phone("bob").code("other-mini").await;
    let login = json!({ "code": code, "username": "ann", "password": password("ann") });
    let (status, answer) = world.log_in("other-mini", &login).await;
    assert_eq!(status, 409, "{answer}");
    let code = world.phone("ann").code("other-mini").await;
    let login = json!({ "code": code, "username": "ann", "password": password("ann") });
    assert_eq!(world.log_in("other-mini", &login).await.0, 200);
}
