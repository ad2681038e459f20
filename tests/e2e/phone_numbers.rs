//! A mini program's user shares their phone number.

use crate::world::World;
use serde_json::{Value, json};

const PATH: &str = "/wxa/business/getuserphonenumber";
const SHOP_MINI: &str = "wx0000000000005a02";

/// Hands over a code with a session: the status and the answer.
async fn posted(world: &World, session: &Value, body: &Value) -> (u16, Value) {
    let token = session["access_token"].as_str().unwrap();
    let request = world.client.post(world.url("/phone")).bearer_auth(token).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn kept(world: &World) -> Vec<Value> {
    let mut rows = world.aws.rows("users").await;
    rows.retain(|row| row["item"] == "phone");
    rows
}

#[tokio::test]
async fn number_is_stored_with_the_user_and_returned_masked() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    let code = ann.phone_code_of("shop-mini", json!({ "number": "13800001234" })).await;
    let (status, answer) = posted(&world, &session, &json!({ "code": code })).await;
    assert_eq!((status, &answer), (200, &json!({ "phone": "138****1234", "country_code": "86" })));

    let rows = kept(&world).await;
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    let user = format!("{SHOP_MINI}#{}", ann.open_id("shop-mini").await);
    assert_eq!((&row["user"], &row["number"]), (&json!(user), &json!("13800001234")));
    let lines = world.lines().concat();
    assert!(!lines.contains("13800001234") && !lines.contains(&code), "it is in no log");
    let look_up = json!({ "look_up": { "account": "ann" } });
    let found = world.ask_login(&look_up).await.unwrap();
    assert_eq!(found["apps"][0]["phone"], "138****1234", "{found}");

    // An answer that was lost is asked for again.
    let (status, again) = posted(&world, &session, &json!({ "code": code })).await;
    assert_eq!((status, again), (200, answer));
    // Another number takes its place.
    let abroad = json!({ "number": "51234567", "country_code": "852" });
    let code = ann.phone_code_of("shop-mini", abroad).await;
    let (_, answer) = posted(&world, &session, &json!({ "code": code })).await;
    assert_eq!(answer, json!({ "phone": "51****67", "country_code": "852" }));
    assert_eq!(kept(&world).await.len(), 1);
}

#[tokio::test]
async fn invalid_code_is_explained() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    let session = ann.log_in("shop-mini").await;
    let refused = async |body: Value, status: u16, word: &str| {
        let (found, answer) = posted(&world, &session, &body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(found, status, "{body}: {error}");
        assert!(error.contains(word), "{body}: {error}");
    };
    let code = |code: String| json!({ "code": code });
    refused(json!({}), 400, "missing field `code`").await;
    refused(json!({ "code": "a b" }), 400, "code: a code from getPhoneNumber").await;
    refused(json!({ "code": "c".repeat(9000) }), 413, "larger").await;
    refused(code("made-up".to_owned()), 400, "tap the button").await;
    refused(code(ann.code("shop-mini").await), 400, "tap the button").await;
    let late = ann.phone_code("shop-mini").await;
    world.wechat.advance(301).await;
    refused(code(late), 400, "tap the button").await;
    refused(code(bob.phone_code("shop-mini").await), 403, "another user").await;
    for (errcode, status, word) in [
        (40013, 400, "another mini program"),
        (45011, 429, "wait"),
        (43002, 502, "operator"),
        (48001, 502, "operator"),
    ] {
        world.wechat.fault(json!({ "path": PATH, "errcode": errcode })).await;
        refused(code(ann.phone_code("shop-mini").await), status, word).await;
    }
    assert!(kept(&world).await.is_empty());

    let without = world.client.post(world.url("/phone")).json(&json!({ "code": "c" }));
    assert_eq!(without.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn busy_wechat_and_invalid_token_are_retried() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    let status = async || {
        let code = ann.phone_code("shop-mini").await;
        posted(&world, &session, &json!({ "code": code })).await.0
    };
    assert_eq!(status().await, 200);
    world.wechat.fault(json!({ "path": PATH, "errcode": -1, "times": 2 })).await;
    assert_eq!(status().await, 200);
    world.wechat.fault(json!({ "path": PATH, "errcode": -1, "times": 3 })).await;
    assert_eq!(status().await, 503);

    // The token at hand dies, and another takes its place.
    world.wechat.revoke("shop-mini").await;
    world.wechat.forget_calls().await;
    assert_eq!(status().await, 200);
    assert_eq!(world.wechat.calls(PATH).await.len(), 2);
}

#[tokio::test]
async fn number_is_deleted_when_the_permission_is_revoked() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    let code = ann.phone_code("shop-mini").await;
    assert_eq!(posted(&world, &session, &json!({ "code": code })).await.0, 200);
    let told = async |revoked: &str, at: u64| {
        let message = json!({
            "from": "oSystem", "MsgType": "event", "Event": "user_authorization_revoke",
            "OpenID": ann.open_id("shop-mini").await, "AppID": SHOP_MINI, "RevokeInfo": revoked,
        });
        let push = json!({ "app": "shop-mini", "message": message, "create_time": at });
        assert_eq!(world.wechat.push(push).await[0]["body"], "success");
        world.idle().await;
        kept(&world).await.len()
    };
    let now = world.wechat.now().await;
    assert_eq!(told("13", now + 5).await, 1, "that was another permission");
    assert_eq!(told("8", now - 600).await, 1, "that was before");
    assert_eq!(told("6,8", now + 5).await, 0);
}
