//! The log helps an operator, and contains no personal data.

use crate::phone::password;
use crate::world::{World, order};
use serde_json::{Value, json};

/// The functions log all that they can.
const VERBOSE: (&str, &str) = (
    "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n",
    "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n        AWS_LAMBDA_LOG_LEVEL: TRACE\n        AWS_LAMBDA_LOG_FORMAT: JSON\n",
);

/// Fault 75.
#[tokio::test]
async fn log_of_the_core_flow_contains_no_personal_data() {
    let world = World::changed(&[VERBOSE]).await;
    world.token_round().await;
    let mut hidden: Vec<(String, String)> = Vec::new();
    let mut hide = |what: &str, value: &Value| {
        hidden.push((what.to_owned(), value.as_str().unwrap().to_owned()));
    };

    // All that can be logged happens: what goes well, and what doesn't.
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    hide("a session", &session["access_token"]);
    hide("a refresh token", &session["refresh_token"]);
    // Once as it should be, then again, then forged, and then what ends it.
    for (path, end) in [("refresh", ""), ("refresh", ""), ("refresh", "x"), ("revoke", "")] {
        let held = format!("{}{end}", session["refresh_token"].as_str().unwrap());
        let request = world.client.post(world.url(&format!("/session/{path}")));
        request.json(&json!({ "refresh_token": held })).send().await.unwrap();
    }
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    ann.message("shop", "Where is my kettle?").await;
    hide("what ann wrote", &json!("Where is my kettle"));
    for app in ["wx0000000000005a01", "wx0000000000005a02"] {
        hide("an access token", &world.parameter(&format!("tokens/{app}"))["token"]);
    }
    let to = json!([{ "account": "ann" }, { "account": "bob" }, { "union_id": bob.union_id().await },
        { "app": "shop", "open_id": ann.open_id("shop").await }]);
    world.send_to_several(&order("sale", to)).await;
    hide("what was sent", &json!("Blue kettle"));
    hide("what was sent", &json!("15:04"));
    world.wechat.revoke("shop").await;
    world.send(&order("after-revoke", json!({ "account": "ann" }))).await;
    let faults = [
        json!({ "errcode": 40001 }),
        json!({ "errcode": 40003 }),
        json!({ "errcode": -1 }),
        json!({ "reset": true }),
        json!({ "status": 500 }),
    ];
    for (at, mut fault) in faults.into_iter().enumerate() {
        fault["path"] = "/cgi-bin/message/*".into();
        world.wechat.fault(fault).await;
        world.send(&order(&format!("faulty-{at}"), json!({ "account": "ann" }))).await;
    }
    for fault in ["/cgi-bin/stable_token", "/sns/jscode2session"] {
        world.wechat.fault(json!({ "path": fault, "reset": true })).await;
    }
    let _ = world.invoke("token", &json!({})).await;
    let code = ann.code("shop-mini").await;
    world.log_in("shop-mini", &json!({ "code": code })).await;
    hide("a code", &json!(code));
    let wrong = json!({ "code": code, "username": "ann", "password": "a wrong password" });
    world.log_in("shop-mini", &wrong).await;
    hide("a wrong password", &wrong["password"]);
    let _ = world.refused(&json!({ "id": "x", "to": { "account": ["secret-name"] }, "data": { "a": ["secret-data"] } })).await;
    hide("a bad request", &json!("secret-"));
    world
        .client
        .post(world.url("/callback/shop?signature=secret-query"))
        .body("secret-body")
        .send()
        .await
        .unwrap();
    ann.unfollow("shop").await;

    for phone in [&ann, &bob] {
        hide("a unionid", &json!(phone.union_id().await));
        hide("a password", &json!(password(phone.name)));
        for app in ["shop", "shop-mini"] {
            hide("an openid", &json!(phone.open_id(app).await));
        }
    }
    for app in wechat_sandbox::example().apps {
        hide("an AppSecret", &json!(app.secret.expose()));
        hide("a callback token", &json!(app.callback_token.expose()));
        hide("an EncodingAESKey", &json!(app.encoding_aes_key.expose()));
    }
    for app in ["wx0000000000005a01", "wx0000000000005a02"] {
        hide("an access token", &world.parameter(&format!("tokens/{app}"))["token"]);
    }
    hide("a key", &world.parameter("session/keys/1")["key"]);
    hide("the key of refresh tokens", &world.parameter("session/refresh-keys/1")["key"]);

    let lines = world.lines();
    for (what, value) in hidden {
        assert!(value.len() > 4, "{what} {value:?} would be found anywhere");
        let betrayed: Vec<_> = lines.iter().filter(|line| line.contains(&value)).collect();
        assert!(betrayed.is_empty(), "{what} is in the log: {betrayed:#?}");
    }

    // And yet the log shows what happened.
    for told in [
        "\"requestId\":",
        "applied",
        "logged in",
        "sent",
        "skipped",
        "forcing",
        "stored a new access token",
    ] {
        assert!(lines.iter().any(|line| line.contains(told)), "nothing about {told}: {lines:#?}");
    }
}

#[tokio::test]
async fn notification_can_be_traced_by_its_id() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    world.send(&order("order-17-shipped", json!({ "union_id": ann.union_id().await }))).await;
    let lines = world.lines();
    let found = lines.iter().any(|line| line.contains("sent") && line.contains("order-17-shipped"));
    assert!(found, "{lines:#?}");
}
