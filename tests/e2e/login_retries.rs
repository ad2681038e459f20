//! A mini program whose answer was lost asks once more with the same code.

use crate::phone::password;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::time::Duration;

const EXCHANGE: &str = "/sns/jscode2session";
/// The client's.
const RETRY_KEY: &str = "Zm9yIHRoaXMgY2xpZW50IG9ubHk";

/// Posts a login: the status, and the answer as it came.
async fn log_in(world: &World, login: &Value) -> (u16, String) {
    let url = world.url("/login/shop-mini");
    let answer = world.client.post(url).json(login).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Fault 66.
#[tokio::test]
async fn same_code_gets_a_byte_identical_response() {
    let world = World::start().await;
    world.account("ann").await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let code = ann.code("shop-mini").await;
    let login = json!({
        "code": code, "username": "ann", "password": password("ann"), "retry_key": RETRY_KEY,
    });
    let first = log_in(&world, &login).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert!(first.1.contains(r#""bound":"ann""#), "{}", first.1);
    // Also from another environment.
    world.cloud.kill(&world.cloud.function("login")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(log_in(&world, &login).await, first);
    }
    let sessions = world.aws.rows("users").await;
    let sessions = sessions.iter().filter(|row| row["item"].to_string().contains("session#"));
    assert_eq!(sessions.count(), 1);
    assert!(!world.lines().concat().contains(&code));
}

#[tokio::test]
async fn retry_is_answered_without_asking_wechat() {
    let world = World::start().await;
    let code = world.phone("bob").code("shop-mini").await;
    let login = json!({ "code": code, "retry_key": RETRY_KEY });
    let first = log_in(&world, &login).await;
    assert_eq!(first.0, 200, "{}", first.1);
    for trouble in [json!({ "errcode": 40029 }), json!({ "errcode": -1 }), json!({ "reset": true })]
    {
        let mut fault = trouble;
        fault["path"] = json!(EXCHANGE);
        fault["times"] = json!(3);
        world.wechat.fault(fault).await;
        assert_eq!(log_in(&world, &login).await, first);
        world.wechat.heal().await;
    }
    // Of a code that was never used here, it stays what WeChat says.
    world.wechat.fault(json!({ "path": EXCHANGE, "errcode": 40029 })).await;
    let other = json!({ "code": world.phone("bob").code("shop-mini").await });
    assert_eq!(log_in(&world, &other).await.0, 401);
}

/// Fault 66.
#[tokio::test]
async fn concurrent_retries_get_the_same_response() {
    let world = World::start().await;
    let code = world.phone("bob").code("shop-mini").await;
    let login = json!({ "code": code, "retry_key": RETRY_KEY });
    // The one who uses the code takes its time to write that down.
    let fault = Fault::new("dynamodb", "TransactWriteItems").by(world.cloud.function("login"));
    let slow = world.cloud.aws.faults.inject(fault.delay(Duration::from_millis(400))).unwrap();
    let concurrent = (0..4).map(|_| log_in(&world, &login));
    let answers = futures_util::future::join_all(concurrent).await;
    slow.cancel();
    for answer in &answers {
        assert_eq!(answer.0, 200, "{}", answer.1);
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(world.wechat.calls(EXCHANGE).await.len(), 4);
}

#[tokio::test]
async fn same_code_with_another_account_is_no_retry() {
    let world = World::start().await;
    for account in ["ann", "bob"] {
        world.account(account).await;
    }
    let code = world.phone("ann").code("shop-mini").await;
    let with =
        |account: &str| json!({ "code": code, "username": account, "password": password(account) });
    assert_eq!(log_in(&world, &with("ann")).await.0, 200);
    for other in [with("bob"), json!({ "code": code })] {
        let (status, answer) = log_in(&world, &other).await;
        assert_eq!(status, 401);
        assert!(answer.contains("wx.login"), "{answer}");
    }
    let wrong = json!({ "code": code, "username": "ann", "password": "not the one" });
    assert_eq!(log_in(&world, &wrong).await.0, 401);
    assert_eq!(log_in(&world, &with("ann")).await.0, 200);
}

#[tokio::test]
async fn retry_is_rejected_after_logout_or_erasure() {
    let world = World::start().await;
    let login = json!({ "code": world.phone("bob").code("shop-mini").await });
    let (_, answer) = log_in(&world, &login).await;
    let session: Value = serde_json::from_str(&answer).unwrap();
    let held = json!({ "refresh_token": session["refresh_token"] });
    let url = world.url("/session/revoke");
    let revoked = world.client.post(url).json(&held).send().await.unwrap();
    assert!(revoked.status().is_success(), "{}", revoked.status());
    assert_eq!(log_in(&world, &login).await.0, 401);

    let login = json!({ "code": world.phone("bob").code("shop-mini").await });
    assert_eq!(log_in(&world, &login).await.0, 200);
    world.ask_login(&json!({ "erase": { "user": session["user"] } })).await.unwrap();
    assert_eq!(log_in(&world, &login).await.0, 401);
}

/// Fault 72.
#[tokio::test]
async fn busy_wechat_is_called_three_times() {
    let world = World::start().await;
    let busy = async |times: u32| {
        let code = world.phone("bob").code("shop-mini").await;
        world.wechat.forget_calls().await;
        let fault = json!({ "path": EXCHANGE, "errcode": -1, "times": times });
        world.wechat.fault(fault).await;
        let (status, answer) = log_in(&world, &json!({ "code": code })).await;
        world.wechat.heal().await;
        (status, world.wechat.calls(EXCHANGE).await.len(), answer)
    };
    let (status, calls, answer) = busy(2).await;
    assert_eq!((status, calls), (200, 3), "{answer}");
    let (status, calls, answer) = busy(5).await;
    assert_eq!((status, calls), (503, 3), "{answer}");
    assert!(answer.contains("try again"), "{answer}");

    // If WeChat was busy only with answering, the code is used.
    let code = world.phone("bob").code("shop-mini").await;
    world.wechat.fault(json!({ "path": EXCHANGE, "errcode": -1, "after": true })).await;
    let (status, answer) = log_in(&world, &json!({ "code": code })).await;
    assert_eq!(status, 401);
    assert!(answer.contains("wx.login"), "{answer}");
}
